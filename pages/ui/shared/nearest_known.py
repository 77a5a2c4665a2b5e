"""Unlike particles beside the known ones that they resemble most."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name
from svp_core.images import encode_png
from svp_core.report.render import render
from svp_core.tasks.stored_features import own_calibration
from svp_core.tasks.unlike_details import nearest_known_tiles

_TEMPLATES = Path(__file__).with_name("templates")


def show_nearest_known(results: ClassificationResults, positions: NDArray[np.intp], captions: Sequence[str]) -> None:
    """Draw, in an expander, each of these particles beside the known ones nearest to it."""
    box = st.expander(
        "The first of these beside the known particles nearest to them", key="nearest_known", on_change="rerun"
    )
    if not len(positions) or not box.open:
        return
    with box:
        nearest = _nearest((results.job_id, results.version, *positions.tolist()), results, positions)
        if not nearest:
            st.caption("This model comes without pictures of its known particles.")
            return
        st.html(nearest_known_html(results.tiles[positions], captions, nearest))
        among = "those of the normal set" if own_calibration(results) else "simulated particles of this magnification"
        st.caption(f"Nearest in texture and in the classifier's features, among {among}.")


def nearest_known_html(
    tiles: NDArray[np.uint8], captions: Sequence[str], nearest: Sequence[Sequence[tuple[str, NDArray[np.uint8]]]]
) -> str:
    """HTML of particles (N, 64, 64[, 3]) with their captions, each before its nearest (class key, tile)."""
    rows = [
        {"png": _png(tile), "caption": caption, "known": [(class_name(key), _png(known)) for key, known in row]}
        for tile, caption, row in zip(tiles, captions, nearest, strict=False)
    ]
    return render("nearest_known.html.j2", _TEMPLATES, rows=rows)


@st.cache_data(max_entries=20, show_spinner=False)
def _nearest(key, _results, _positions):
    return [[(one.class_key, one.tile) for one in row] for row in nearest_known_tiles(_results, _positions)]


def _png(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(encode_png(pixels)).decode("ascii")
