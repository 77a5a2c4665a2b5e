"""Choice of where a job does its work, where there is a cluster to choose."""

from typing import Literal

import streamlit as st

from svp_core.execution import RAY, cluster_address, has_cluster

NAMES = {None: "This machine", RAY: "Ray cluster"}


def choose_engine(key: str, *, width: int | Literal["stretch"] = 160) -> str | None:
    """Draw the choice, where a Ray cluster is there; the engine as a request stores it: None for this machine."""
    if not has_cluster():
        return None
    return st.selectbox(
        "Run on",
        list(NAMES),
        format_func=NAMES.__getitem__,
        key=key,
        persist_state="session",
        width=width,
        help=f"The cluster at {cluster_address() or 'this machine'} gives the same results; it pays for large sources.",
    )
