"""A folder from the browser, sub-folders included: packed into chunks of a few MB that are written to disk at once.

The uploader of Streamlit sends one request per file; this one takes 2,000 files in seconds.
"""

import base64
from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui.components.register import register_component
from svp_core.errors import LabError
from svp_core.workspace.uploads import MAX_BYTES, MAX_COUNT, Upload

_mount = register_component("svp_folder_packer", __file__)


def show_folder_upload(key: str, on_upload: Callable[[str], None], *, suffixes: Sequence[str]) -> None:
    """Draw the drop field. on_upload(upload id) is called when a folder has arrived completely.

    suffixes: endings of file names; a folder without any of them is refused in the browser. What the server refuses
    (LabError) is shown in the field.
    """
    state = st.session_state.setdefault(f"{key}_kept", {"ack": None, "refused": None, "upload": None, "error": ""})
    _mount(
        key=key,
        data={
            "ack": state["ack"],
            "refused": state["refused"],
            "error": state["error"],
            "max_count": MAX_COUNT,
            "max_bytes": MAX_BYTES,
            "suffixes": list(suffixes),
        },
        on_chunk_change=lambda: _take(key, state, on_upload),
    )


def _take(key, state, on_upload):
    # The last chunk may be sent again after the field has left the page.
    chunk = st.session_state.get(key, {}).get("chunk")
    if not chunk or state["refused"] == chunk["id"] or state["ack"] == [chunk["id"], chunk["seq"]]:
        return  # sent twice, because the answer was slow
    if chunk["seq"] == 0:
        state |= {"upload": Upload(), "error": ""}
    data, start = base64.b64decode(chunk["b64"]), 0
    try:
        for name, size in chunk["meta"]:
            state["upload"].write(name, data[start : start + size])
            start += size
    except LabError as error:
        state |= {"error": str(error), "refused": chunk["id"]}
        return
    state["ack"] = [chunk["id"], chunk["seq"]]
    if chunk["last"]:
        on_upload(state["upload"].id)
