"""Results of an experiment: verdict, differences, figures, what was added, errors mended and made, files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.experiment.charts import draw_by_amount, draw_forest
from pages.ui.experiment.feature_map_view import show_feature_map
from pages.ui.shared.chart_style import QUIET
from svp_core.display import class_name, escape_markdown
from svp_core.experiment.comparison import OWN, STATED
from svp_core.experiment.design import NETWORK_TITLES, parse_arm
from svp_core.experiment.outcome import OUTCOME, TABLE, Outcome, assemble, complete_arms, read_outcome
from svp_core.experiment.stored import read_cell, read_real
from svp_core.experiment.units import Unit
from svp_core.experiment.verdict import FIGURE_TITLES
from svp_core.report.experiment_report import FILE, heading, mixture, table_rows
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job

SHOWN_ERRORS = 60
CURVES = {"macro_f1": "macro F1", "macro_auprc": "macro AUPRC"}


def show_so_far(job: Job) -> None:
    """Figures of the arms that are finished, while others are in progress."""
    folder = jobs.job_folder(job.id)
    if not (folder / "design.json").is_file():
        return
    complete = complete_arms(folder)
    if complete:
        outcome = _so_far(str(folder), complete)
        st.caption("Arms whose seeds are all done, in %; the intervals are final, Holm's correction is not.")
        st.dataframe(_table(outcome, list(FIGURE_TITLES), OWN), hide_index=True, key="experiment_so_far")


def show_results(job: Job) -> None:
    """The finished experiment, or what is done of a stopped one."""
    folder = jobs.job_folder(job.id)
    if not (folder / OUTCOME).is_file():
        if (folder / "design.json").is_file() and job.step:
            show_so_far(job)
        return
    outcome = _finished(str(folder), (folder / OUTCOME).stat().st_mtime_ns)
    _show_verdict(outcome)
    _show_files(folder, job)
    if any(one.difference for one in outcome.figures):
        st.plotly_chart(
            draw_forest(outcome.figures, FIGURE_TITLES, outcome.design), config=QUIET, key="experiment_forest"
        )
        st.caption(
            f"Difference to {parse_arm(outcome.design.baseline).title} in percentage points, 95 % intervals over seeds "
            "and test particles; filled where it is shown after Holm's correction."
        )
    for note in outcome.notes:
        st.caption(escape_markdown(note))
    views = {
        "Figures": lambda: _show_figures(outcome, folder),
        "By amount": lambda: _show_curves(outcome),
        "What was added": lambda: _show_added(outcome, folder),
        "Map": lambda: show_feature_map(folder, outcome.class_keys, job.id),
        "Errors": lambda: _show_errors(outcome, folder),
    }
    tabs = st.tabs(list(views), key="experiment_view", on_change="rerun")
    for tab, view in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                view()


def _show_verdict(outcome: Outcome) -> None:
    """The answer, what was refused, and arm by arm what the intervals say."""
    answer, *others = outcome.sentences
    st.info(f"**{escape_markdown(answer)}**")
    refused = list(outcome.refused.values())
    for sentence in refused:
        st.warning(escape_markdown(sentence))
    arms = [sentence for sentence in others if sentence not in refused]
    if arms:
        with st.expander("Arm by arm"):
            st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in arms))


def _show_files(folder: Path, job: Job) -> None:
    with st.container(horizontal=True, gap="small"):
        name = "".join(c if c.isalnum() or c in " -_" else "_" for c in job.config["name"]).strip() or "experiment"
        for label, file, mime in (("Download report", FILE, "text/html"), ("Download table", TABLE, "text/csv")):
            if (folder / file).is_file():
                st.download_button(
                    label,
                    (folder / file).read_bytes(),
                    f"{name}.{file.rpartition('.')[2]}",
                    mime,
                    key=f"experiment_{file}",
                    on_click="ignore",
                    type="primary" if file == FILE else "secondary",
                )


def _show_figures(outcome: Outcome, folder: Path) -> None:
    st.markdown("**At the sample's own mixture**; %, with 95 % intervals")
    st.dataframe(_table(outcome, [*FIGURE_TITLES, "calibration_error"], OWN), hide_index=True, key="experiment_own")
    st.markdown(f"**At the stated mixture** ({escape_markdown(mixture(outcome))}); %")
    stated = ["macro_precision", "macro_f1", "macro_auprc", *(f"precision.{key}" for key in outcome.class_keys)]
    st.dataframe(_table(outcome, stated, STATED), hide_index=True, key="experiment_stated")
    key = st.segmented_control(
        "Class", outcome.class_keys, default=outcome.design.minority[0], required=True, format_func=class_name
    )
    names = [f"{name}.{key}" for name in ("precision", "recall", "f1", "auprc", "recall_at_false_rate")]
    st.dataframe(_table(outcome, names, OWN, with_class=False), hide_index=True, key="experiment_class")
    sizes = list(dict.fromkeys(f.figure for f in outcome.figures if f.figure.startswith("macro_recall@")))
    if sizes:
        st.markdown(f"**Macro recall by size** ({read_real(folder)[0].size_unit}); %")
        st.dataframe(_table(outcome, sizes, OWN), hide_index=True, key="experiment_sizes")


def _show_curves(outcome: Outcome) -> None:
    drawn = False
    for name, title in CURVES.items():
        chart = draw_by_amount(outcome.figures, name, title, outcome.design)
        if chart is not None:
            st.plotly_chart(chart, config=QUIET, key=f"experiment_curve_{name}")
            drawn = True
    if not drawn:
        st.caption("No source has two doses here. Add arms such as classical:500 and classical:1000 to see a curve.")


def _show_added(outcome: Outcome, folder: Path) -> None:
    rows = []
    for row in outcome.amounts:
        cells = {class_name(key): f"{row['real'][key]:,.0f} + {row['added'][key]:,.0f}" for key in outcome.class_keys}
        rows.append({"Arm": parse_arm(row["arm"]).title, **cells})
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="experiment_amounts")
    st.caption("Tiles in a training fold, real + added, mean over seeds. Examples of the first seed:")
    for arm in outcome.design.parsed():
        path = Unit(0, arm=arm.key, network=outcome.design.networks[0]).file(folder)
        if arm.sources and path.is_file():
            cell = read_cell(path)
            words = [[class_name(outcome.class_keys[label])] for label in cell.example_labels]
            st.markdown(f"**{arm.title[:1].upper()}{arm.title[1:]}**")
            show_gallery(cell.examples, key=f"experiment_added_{arm.key}", alt=f"Tiles of {arm.title}", words=words)


def _show_errors(outcome: Outcome, folder: Path) -> None:
    if not outcome.changes:
        st.caption("There is nothing to compare.")
        return
    change = st.selectbox(
        "Arm",
        outcome.changes,
        format_func=lambda one: f"{NETWORK_TITLES[one['network']]}, {parse_arm(one['arm']).title}",
        key="experiment_change",
        width=420,
    )
    real, _ = read_real(folder)
    for name, title in (("mended", "Errors mended"), ("made", "Errors made")):
        rows = np.array(change[name][:SHOWN_ERRORS], int)
        st.markdown(f"**{title}: {len(change[name]):,}**")
        keys = [real.class_keys[label] for label in real.labels[rows]]
        words = [[real.names[row], class_name(key)] for row, key in zip(rows, keys, strict=True)]
        captions = [class_name(key) for key in keys]
        show_gallery(real.tiles[rows], key=f"experiment_{name}", alt=title, words=words, captions=captions)


def _table(outcome: Outcome, names: Sequence[str], prevalence: str, *, with_class: bool = True) -> pd.DataFrame:
    known = {one.figure for one in outcome.figures}
    shown = [name for name in names if name in known]
    rows = table_rows(outcome, names, prevalence)
    columns = {heading(name, with_class=with_class): [row.cells[k] for row in rows] for k, name in enumerate(shown)}
    network = {"Network": [row.network for row in rows]} if len(outcome.design.networks) > 1 else {}
    return pd.DataFrame({**network, "Arm": [row.arm for row in rows], **columns})


@st.cache_data(max_entries=2, show_spinner=False)
def _finished(folder: str, version: int) -> Outcome:
    return read_outcome(Path(folder))


@st.cache_data(max_entries=2, show_spinner=False)
def _so_far(folder: str, complete: int) -> Outcome:
    return assemble(Path(folder))
