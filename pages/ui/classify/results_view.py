"""Results of a classification: one filter, and the views of what passes it.

All of it is one fragment: a slider redraws these results, not the page.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.classify.class_galleries import show_by_class
from pages.ui.classify.counts_view import show_counts
from pages.ui.classify.filters import Filter, apply_filter, choose_filter, choose_labels, show_filter
from pages.ui.classify.linked_plots import show_plots
from pages.ui.classify.report_and_exports import show_report_and_exports
from pages.ui.classify.results_data import load_results
from pages.ui.classify.results_heading import rejected_figure, show_figures
from pages.ui.classify.results_table import show_table
from pages.ui.classify.sample_comparison import show_comparison
from pages.ui.classify.thresholds import all_labels, assign_labels, choose_fold, choose_thresholds
from pages.ui.classify.unlike_view import show_unlike
from pages.ui.classify.unsure_and_rejected import show_rejected, show_unsure
from pages.ui.components.gallery import show_gallery
from svp_core.classification.results import ClassificationResults
from svp_core.classification.strangers import verdict_sentence
from svp_core.display import class_colour, class_name, escape_markdown, format_share, label_text
from svp_core.errors import LabError
from svp_core.tasks.stored_classifications import read_summary
from svp_core.tile_file import read_tiles
from svp_core.workspace import jobs

LATEST_TILES, LATEST_ROWS = 48, 4  # shown while the job is running


@dataclass(frozen=True, eq=False)
class Shown:
    """Results as the filter and the thresholds leave them."""

    results: ClassificationResults
    labels: NDArray[np.str_]  # (N,), as assigned
    mask: NDArray[np.bool_]  # (N,): particles that pass the filter
    active: Filter
    thresholds: dict[str, float]  # class key -> minimum confidence


@dataclass(frozen=True)
class View:
    """One tab of the results."""

    title: str  # also in the address
    show: Callable[[Shown], None]
    needs_particles: bool = True


VIEWS = (
    View("Gallery", lambda s: show_by_class(s.results, s.labels, s.mask)),
    View("Table", lambda s: show_table(s.results, s.labels, s.mask)),
    View("Plots", lambda s: show_plots(s.results, s.labels, s.mask, s.active)),
    View("Counts", lambda s: show_counts(s.results, s.labels, s.mask, s.active, s.thresholds)),
    View("Unsure", lambda s: show_unsure(s.results, s.labels, s.mask, s.thresholds)),
    View("Unlike", lambda s: show_unlike(s.results, s.labels, s.mask)),
    View("Rejected", lambda s: show_rejected(s.results), needs_particles=False),
    View("Side by side", lambda s: show_comparison(s.results, s.labels, s.active, s.thresholds)),
    View(
        "Report",
        lambda s: show_report_and_exports(s.results, s.labels, s.mask, s.active, s.thresholds),
        needs_particles=False,
    ),
)


def show_so_far(job: jobs.Job) -> None:
    """Draw counts and the newest tiles of a running job."""
    summary, folder = read_summary(job.id), jobs.job_folder(job.id)
    if not summary:
        return
    counts, total = summary["counts"], summary["named"]
    figures = [(class_name(key), count, format_share(count, total), class_colour(key)) for key, count in counts.items()]
    show_figures([*figures, rejected_figure(summary)])
    tiles = read_tiles(folder / "tiles.npy")[-LATEST_TILES:]
    show_gallery(tiles, key="so_far", alt="Latest particles", lines=LATEST_ROWS)


def show(job: jobs.Job) -> None:
    """Draw all results of a job that has ended."""
    if load_results(job.id):
        _results(job.id)


@st.fragment
def _results(job_id):
    try:
        _show_results(load_results(job_id))
    except LabError as error:
        st.error(escape_markdown(error))


def _show_results(stored):
    if sentence := verdict_sentence(stored):
        st.warning(escape_markdown(sentence))
    with st.container(gap="xsmall"):
        figures = st.container()
        line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")  # one line at 1280 px
        # Not among the classes: with fewer of them, it would move away from the pointer that has just pressed it.
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            results = load_results(stored.job_id, folded=choose_fold(stored)) or stored
            filter_line = st.container()
        with line:
            chosen_labels = choose_labels(results)
            thresholds = choose_thresholds(results)
            active = choose_filter(results, chosen_labels)
        labels = assign_labels(results, thresholds)
        shown = Shown(results, labels, apply_filter(results, labels, active), active, thresholds)
        with figures:
            _show_figures(shown)
        with filter_line:
            show_filter(results, active, int(shown.mask.sum()))
    tabs = st.tabs([view.title for view in VIEWS], key="view", on_change="rerun", bind="query-params")
    for view, tab in zip(VIEWS, tabs, strict=True):
        if not tab.open:
            continue
        with tab:
            if view.needs_particles and not len(labels):
                st.caption(_why_nothing(results))
            else:
                view.show(shown)


def _why_nothing(results):
    """Why no particle was classified."""
    if not len(results.rejected):
        return "No particles classified: no item of the source was processed."
    if len(results.rejected) == 1:
        return "No particles classified: the one item was rejected; the reason is listed under Rejected."
    return (
        f"No particles classified: all {len(results.rejected):,} items were rejected; the reasons are listed under "
        "Rejected."
    )


def _show_figures(shown):
    figures, total = [], len(shown.labels)
    for label in all_labels(shown.results):
        of_label = shown.labels == label
        count = int(np.count_nonzero(of_label & shown.mask))
        detail = format_share(count, total) if shown.active.empty else f"of {np.count_nonzero(of_label):,}"
        figures.append((label_text(label), count, detail, class_colour(label)))
    show_figures([*figures, rejected_figure(shown.results.summary)])
