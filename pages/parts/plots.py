"""Sizes and shapes of the shown particles, linked: what is drawn round in a plot is what is shown everywhere."""

import numpy as np
import streamlit as st

from pages.parts.by_class import draw
from pages.parts.classified import measure_name, measures_of, numbers, sizes_of
from pages.parts.filtering import drawn, set_range, set_region
from pages.parts.measure_charts import MOST_POINTS, axes, draw_histograms, draw_scatter
from svp_core.filters import Region, box

HISTOGRAMS = 3
BELOW = 60  # tiles shown under the plots
TOOLS = {"displaylogo": False, "modeBarButtonsToRemove": ["toImage", "autoScale2d"]}


def show_plots(found, labels, shown, around):
    """Scatter, histograms and the particles that are left.

    labels: str (N,). shown: bool (N,), what the filter lets through. around: the same without what was drawn in the
    scatter, so that the points left out by it stay to be seen.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        x, y = _choose_axes(found)
        log = st.toggle("Logarithmic x", key=f"{found.job_id}_log", persist_state="session")
    _scatter(found, labels, around, x, y, log)
    shown_in = [x, y, *(name for name in ("circularity", "aspect_ratio", "confidence") if name not in (x, y))]
    _histograms(found, labels, shown, shown_in[:HISTOGRAMS])
    positions = np.flatnonzero(shown)
    st.markdown(f"**Shown** · {len(positions):,}")
    draw(found, labels, positions[:BELOW], "tiles_plots")
    if len(positions) > BELOW:
        st.caption(f"The first {BELOW}; the gallery has all.")


def _choose_axes(found):
    options = measures_of(found)
    first = sizes_of(found)[0] if sizes_of(found) else options[0]
    second = "aspect_ratio" if "aspect_ratio" in options else options[-1]
    chosen = []
    for axis, name in (("x", first), ("y", second)):
        chosen.append(st.selectbox(
            "Across" if axis == "x" else "Up", options, index=options.index(name), format_func=measure_name,
            key=f"{found.job_id}_{axis}", persist_state="session", width=240,
        ))  # fmt: skip
    return chosen


def _scatter(found, labels, around, x, y, log):
    key = f"scatter_{found.job_id}_{x}_{y}_{drawn(found)}"

    def select():
        chosen = st.session_state[key]["selection"]
        outlines = [Region(x, y, tuple(lasso["x"]), tuple(lasso["y"])) for lasso in chosen["lasso"]]
        outlines += [box(x, y, ends["x"], ends["y"]) for ends in chosen["box"]]
        set_region(found, outlines[-1] if outlines else None)

    positions = np.flatnonzero(around & np.isfinite(numbers(found, x)) & np.isfinite(numbers(found, y)))
    st.plotly_chart(
        draw_scatter(found, labels, positions, x, y, log=log), key=key, on_select=select, config=TOOLS,
        selection_mode=("box", "lasso"), alt=f"{measure_name(y)} over {measure_name(x)}",
    )  # fmt: skip
    if len(positions) > MOST_POINTS:
        st.caption(
            f"{MOST_POINTS:,} of {len(positions):,} points are drawn, every class in its share; what is drawn round "
            "counts for all of them."
        )


def _histograms(found, labels, shown, names):
    key = f"histograms_{found.job_id}_{'_'.join(names)}_{drawn(found)}"

    def select():
        if boxes := st.session_state[key]["selection"]["box"]:
            name = next(name for place, name in enumerate(names) if axes(place)[0] == boxes[-1]["xref"])
            low, high = sorted(boxes[-1]["x"])
            set_range(found, name, float(f"{low:.3g}"), float(f"{high:.3g}"))

    st.plotly_chart(
        draw_histograms(found, labels, shown, names), key=key, on_select=select, config=TOOLS,
        selection_mode=("box",), alt=f"Distributions of {', '.join(map(measure_name, names))}",
    )  # fmt: skip
