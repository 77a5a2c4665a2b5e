"""Pictures sent to the browser once, for parts that are drawn anew at every key press and must not carry them along."""

from pages.ui.components.register import register_component

MAX_IMAGES = 24  # kept in the browser; the oldest go

_mount = register_component("svp_pictures", __file__)


def send_image(name, jpeg, *, key, stays=False):
    """Put a picture, base64 text of a JPEG, where a browser part finds it by this name: window.svpPictures.

    stays: it is never among the oldest that go.
    """
    _mount(key=key, data={"name": name, "jpeg": jpeg, "most": MAX_IMAGES, "stays": stays})
