"""A short text that the browser remembers on this machine, such as the reviewer's name."""

import streamlit as st

from pages.ui.components.register import register_component

_mount = register_component("svp_remembered_text", __file__)


def remember_text(name: str, text: str, *, key: str) -> None:
    """Let this browser remember a text under this name."""
    _mount(key=key, data={"name": name, "text": text}, default={"stored": ""}, on_stored_change=lambda: None)


def recall_text(name: str, *, key: str) -> str:
    """The text that this browser remembers under this name; "" for none, and until the browser has answered."""
    _mount(key=key, data={"name": name, "text": ""}, default={"stored": ""}, on_stored_change=lambda: None)
    return st.session_state.get(key, {}).get("stored") or ""
