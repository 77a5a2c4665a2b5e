"""A camera frame with its boxes: zoom, move, draw, resize, relabel, delete, undo; truth over it with its overlap.

The browser sends changes as events, which it keeps until they are written: (tab, n) names an event for good, so it may
be sent twice; frame and box are ids; kind, before, after, undoes as svp_core.frames.box_record describes them; reviewer
and at (seconds since 1970, the browser's clock).
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.ui.components.image_cache import send_image
from pages.ui.components.register import register_component
from svp_core.access.person import names_are_checked

JPEG_QUALITY = 92  # for viewing only

_mount = register_component(
    "svp_box_editor",
    __file__,
    after=(
        "lib/shared_cache.js",
        "lib/plot_axes.js",
        "lib/page_keys.js",
        "lib/decision_outbox.js",
        "lib/box_geometry.js",
        "lib/frame_view.js",
        "lib/box_changes.js",
    ),
)


def take_box_events(key: str, save: Callable[[list[dict[str, Any]]], None]) -> bool:
    """Save the changes that the browser has sent since the last run, in order; returns whether there were any.

    If save raises, the browser keeps them and sends them again.
    """
    state, saved = st.session_state.get(key, {}), _last_written(key)
    new = [event for event in state.get("unsaved") or () if event["n"] > saved.get(event["tab"], 0)]
    # The browser's storage has no order.
    new.sort(key=lambda event: (event["at"], event["tab"], event["n"]))
    if new:
        save(new)
        for event in new:
            saved[event["tab"]] = max(event["n"], saved.get(event["tab"], 0))
    return bool(new)


def show_box_editor(
    pixels: NDArray[np.uint8],
    boxes: Sequence[Mapping[str, Any]],
    *,
    key: str,
    record: str,
    frame: str,
    version: str,
    alt: str,
    labels: Sequence[Mapping[str, str]] = (),
    default_label: str = "",
    truth: Sequence[Mapping[str, Any]] = (),
    history: Sequence[Mapping[str, Any]] = (),
    reviewer: str = "",
    checked: bool = False,
) -> None:
    """Draw the editor, inside a fragment, after take_box_events of the same key.

    pixels: uint8 (H, W) or (H, W, 3). boxes: {"id", "box": [top, left, bottom, right], "label", "score", "cut"}.
    record: what the changes belong to. version: of the pixels; others have another one. labels: {"key", "name",
    "colour"}, chosen by their place. truth: {"box", "text"}, drawn dashed. history: own changes in this frame that can
    be undone, oldest first. reviewer: without one, boxes can only be looked at.
    """
    image = f"frame/{record}/{version}"
    # What sends the image takes no room below the frame.
    with st.container(gap=None):
        _mount(
            key=key,
            data={
                "record": record,
                "frame": frame,
                "image": image,
                "width": pixels.shape[1],
                "height": pixels.shape[0],
                "boxes": [dict(box) for box in boxes],
                "labels": [dict(label) for label in labels],
                "default_label": default_label,
                "truth": [dict(one) for one in truth],
                "history": [dict(event) for event in history],
                "reviewer": reviewer,
                "own_only": names_are_checked(),  # another person's unsaved changes wait for them
                "editable": bool(reviewer),
                "checked": checked,
                "saved": dict(_last_written(key)),
                "alt": alt,
            },
            default={"unsaved": []},
            on_unsaved_change=lambda: None,
        )
        send_image(image, _encoded(image, pixels), key=f"{key}_image")


def _last_written(key: str) -> dict[str, int]:
    """Browser tab -> n of its last change that is written."""
    return st.session_state.setdefault(f"{key}_saved", {})


@st.cache_data(max_entries=16, show_spinner=False)
def _encoded(image: str, _pixels: NDArray[np.uint8]) -> str:
    del image  # names the pixels, which would take longer to compare
    buffer = io.BytesIO()
    Image.fromarray(_pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()
