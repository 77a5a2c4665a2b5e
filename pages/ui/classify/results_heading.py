"""Heading of a classification in one line, with its source on demand; numbers of particles by class."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import streamlit as st

from pages.ui.classify.previous_classifications import manage_fields
from pages.ui.classify.run_details import describe_scale, show_runs, stored_runs
from pages.ui.classify.sample_details import describe_sample
from pages.ui.shared.text import job_outcome
from pages.ui.shared.times import format_timestamp
from svp_core.classification.own_instrument import profile_of
from svp_core.classification.results import notes_of
from svp_core.display import escape_markdown, model_label, truncate
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace.jobs import Job

MAX_TITLE = 40  # letters
_ITEM = "display:inline-block;margin-right:18px;white-space:nowrap"


def show_heading(job: Job, on_leave: Callable[[], None]) -> None:
    """Draw the title, how it was classified, the source on demand, and the way to another source."""
    summary = read_summary(job.id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="results_heading"):
        st.title("Classify", width="content")
        title = truncate(
            summary.get("title") or _source_name(job.config.get("source", "")) or "Classification", MAX_TITLE
        )
        st.markdown(f"**{escape_markdown(title)}**", width="content")
        if summary:
            scale = describe_scale(summary.get("um_per_px"), "", stored_runs(summary))
            facts = f"Classified with {model_label(summary['weights'])} · {scale}"
            st.caption(escape_markdown(facts), width="content")
        with st.popover("Details", type="tertiary", width="content"):
            if summary:
                _show_source(job, summary)
            if not job.active:
                manage_fields(job, key="manage_open")
        st.button("Another source", key="classify_anew", on_click=on_leave)


def _show_source(job, summary):
    """Short form of the card of the source, and what is known about the sample."""
    if sample := describe_sample(summary):
        st.markdown(f"**{escape_markdown(sample)}**")
    if profile := profile_of(summary):
        label = escape_markdown(f"Instrument: {profile.name}")
        st.page_link("pages/instrument.py", label=label, query_params={"profile": profile.id})
    runs = stored_runs(summary)
    st.markdown(f"**{escape_markdown(_source_name(summary['source']))}**")
    scale = describe_scale(summary.get("um_per_px"), summary.get("um_per_px_from", ""), runs)
    st.markdown(escape_markdown(f"{summary['offered']:,} items · {scale}"))
    show_runs(runs, key="source_runs")
    for note in notes_of(summary):
        st.caption(escape_markdown(note))
    if job.state == "done":
        st.caption(escape_markdown(f"{job_outcome(job)}. Finished {format_timestamp(job.ended)}."))


def _source_name(source: str) -> str:
    """Last part of a path, of this or another system."""
    return source.rstrip("/\\").replace("\\", "/").rpartition("/")[2]


def show_figures(figures: Iterable[tuple[str, int, str, str | None]]) -> None:
    """Draw numbers in one line: (name, number, share or total in small letters, colour of its dot or None)."""
    items = []
    for name, number, detail, colour in figures:
        dot = f"<span style='color:{colour}'>●</span> " if colour else ""
        items.append(
            f"<span style='{_ITEM}' class='figure'>{dot}{escape(name)} <b style='font-size:1.15rem'>{number:,}</b> "
            f"<span style='opacity:.7;font-size:.85rem'>{escape(detail)}</span></span>"
        )
    with st.container(key="figures"):
        st.html(f"<div>{''.join(items)}</div>")


def rejected_figure(summary: Mapping[str, Any]) -> tuple[str, int, str, str | None]:
    """Number of items that could not be read, for show_figures()."""
    # Without a dot: it is no class, and the grey one is of the unsure particles.
    return "Rejected", summary["rejected"], f"of {summary['offered']:,} images", None
