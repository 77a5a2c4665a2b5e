"""Images sent to the browser once, for components that redraw at every key press and must not carry them along."""

from pages.ui.components.register import register_component

MAX_IMAGES = 24  # kept in the browser; the oldest are dropped

_mount = register_component("svp_pictures", __file__, after=("lib/shared_cache.js",))


def send_image(name: str, jpeg: str, *, key: str, pinned: bool = False) -> None:
    """Send a JPEG (base64 text) to the browser's shared cache of images, under this name.

    pinned: it is never dropped.
    """
    _mount(key=key, data={"name": name, "jpeg": jpeg, "max": MAX_IMAGES, "pinned": pinned})
