"""Measures sent to the browser once, for plots that are drawn anew at every move and must not carry them along."""

import base64

import numpy as np
import streamlit as st

from pages.ui.components.register import register_component

MAX_COLUMNS = 12  # kept in the browser; the oldest go

_mount = register_component("svp_columns", __file__, after=("lib/decode_base64.js",))


def send_column(name, values, *, key):
    """Put a float array (N,) where a browser part finds it by this name, as float32: window.svpColumns.

    name: another one for other values, since what was sent under it is not looked at again.
    """
    _mount(key=key, data={"name": name, "values": _packed(name, values), "most": MAX_COLUMNS})


@st.cache_resource(max_entries=4 * MAX_COLUMNS, show_spinner=False)
def _packed(name, _values):
    return packed(_values, "<f4")


def packed(array, dtype):
    """Base64 text of the bytes of an array, its numbers as this dtype: "<f4", "u1"."""
    return base64.b64encode(np.asarray(array, dtype).tobytes()).decode()
