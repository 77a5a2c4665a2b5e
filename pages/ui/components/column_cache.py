"""Measured values sent to the browser once, for plots that redraw at every move and must not carry them along."""

import base64

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from pages.ui.components.register import register_component

MAX_COLUMNS = 12  # kept in the browser; the oldest are dropped

_mount = register_component("svp_columns", __file__, after=("lib/decode_base64.js", "lib/shared_cache.js"))


def send_column(name: str, values: ArrayLike, *, key: str) -> None:
    """Send a float array (N,) to the browser's shared cache of columns as float32, under this name.

    name: a new one for new values, since what was sent under a name is not looked at again.
    """
    _mount(key=key, data={"name": name, "values": _packed_column(name, values), "max": MAX_COLUMNS})


@st.cache_resource(max_entries=4 * MAX_COLUMNS, show_spinner=False)
def _packed_column(name: str, _values: ArrayLike) -> str:
    return packed(_values, "<f4")


def packed(array: ArrayLike, dtype: str) -> str:
    """Base64 text of the bytes of an array, its numbers as this dtype: "<f4", "u1"."""
    return base64.b64encode(np.asarray(array, dtype).tobytes()).decode()
