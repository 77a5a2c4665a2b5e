"""Help: what each page does, keys, files, definitions of measures, limits, serving a lab."""

from pathlib import Path

import streamlit as st

from pages.ui.help.measure_tables import particle_measures, quality_metrics

TOPICS = ["Pages", "Keys", "Files", "Measures", "Limits", "Serving", "Cluster"]
TEXTS = Path(__file__).parent / "ui" / "help"


def show_text(name: str) -> None:
    """One of the texts in pages/ui/help."""
    st.markdown((TEXTS / f"{name}.md").read_text("utf-8"))


def show_measures() -> None:
    """Definitions of the particle measures and of the quality metrics."""
    st.markdown("**Particle measures**: columns of results.csv. Lengths are also given in pixels.")
    st.dataframe(particle_measures(), hide_index=True, height="content")
    st.markdown("**Quality metrics**: generated tiles against real ones, each beside real against real.")
    st.table(quality_metrics(), hide_index=True)  # wraps its long cells


st.title("Help")
for tab, draw in zip(
    st.tabs(TOPICS, key="topic", on_change="rerun", bind="query-params"),
    (
        lambda: show_text("pages"),
        lambda: show_text("keys"),
        lambda: show_text("files"),
        show_measures,
        lambda: show_text("limits"),
        lambda: show_text("serving"),
        lambda: show_text("cluster"),
    ),
    strict=True,
):
    if tab.open:
        with tab:
            draw()
