"""A folder from the browser, sub-folders included: packed into pieces of a few MB and written to disk at once.

The uploader that comes with Streamlit sends one request a file; this takes 2,000 files in seconds.
"""

import base64

import streamlit as st

from pages.ui.components.register import register_component
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.workspace.uploads import MAX_BYTES, MAX_COUNT, Upload

_mount = register_component("svp_folder_packer", __file__)


def show_folder_upload(key, arrived):
    """The drop field. arrived(upload id) is called when a folder has come in whole; a LabError is shown as it is."""
    kept = st.session_state.setdefault(f"{key}_kept", {"ack": None, "refused": None, "upload": None, "error": ""})
    _mount(
        key=key,
        data={"ack": kept["ack"], "refused": kept["refused"], "max_count": MAX_COUNT, "max_bytes": MAX_BYTES},
        on_piece_change=lambda: _take(key, kept, arrived),
    )
    if kept["error"]:
        st.error(escape_markdown(kept["error"]))


def _take(key, kept, arrived):
    # A piece that was sent twice may be told of when the field is on the page no more.
    piece = st.session_state.get(key, {}).get("piece")
    if not piece or kept["refused"] == piece["id"] or kept["ack"] == [piece["id"], piece["seq"]]:
        return  # sent twice, since the answer was slow
    if piece["seq"] == 0:
        kept |= {"upload": Upload(), "error": ""}
    data, at = base64.b64decode(piece["b64"]), 0
    try:
        for name, size in piece["meta"]:
            kept["upload"].keep(name, data[at : at + size])
            at += size
    except LabError as error:
        kept |= {"error": str(error), "refused": piece["id"]}
        return
    kept["ack"] = [piece["id"], piece["seq"]]
    if piece["last"]:
        arrived(kept["upload"].id)
