"""Form of a search for unusual particles: the sample, the normal set that it is compared with, the model."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui.shared.engine_choice import choose_engine
from pages.ui.shared.source_picker import path_on_server
from pages.ui.shared.source_signals import detect
from svp_core.display import count_noun, escape_markdown, truncate
from svp_core.errors import LabError
from svp_core.instruments.metadata import SourceSummary
from svp_core.novelty.calibration_file import FILE
from svp_core.novelty.normal_set import MIN_PARTICLES
from svp_core.tasks.novelty import NoveltyRequest
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace import datasets, jobs
from svp_core.workspace.models import list_models

KNOWN, PATH = "known", "path"  # options beside data sets and runs
MAX_RUNS = 50  # latest classifications, among which a normal run is offered
NORMAL_HELP = (
    f"At least {MIN_PARTICLES} particles that are all normal, of the same instrument: a clean run of yours is best. "
    "They need not be of our classes."
)
CLEAN_HELP = (
    "The sample holds no strangers: if more of it is unusual than chance explains, the normal set does not fit it, and "
    "no p-values are given."
)
FILTER_HELP = (
    "Shows what an autoencoder of normal particles cannot rebuild (command: train novelty). It explains; the distances "
    "decide."
)


def show_form(path: Path, source: SourceSummary, on_leave: Callable[[], None]) -> NoveltyRequest | None:
    """Draw the form; the request once its button is pressed, otherwise None. Raises LabError for what cannot be."""
    count = count_noun(source.count, "item") if source.count is not None else "not counted yet"
    with st.container(border=True, key="novelty_form"):
        st.markdown(escape_markdown(f"Sample: {source.title} · {count}"))
        choices = {
            question.key: st.selectbox(
                question.text,
                question.options,
                question.options.index(question.default),
                key=f"novelty_choice_{question.key}",
                width=420,
            )
            for question in source.questions
        }
        for caution in source.cautions:
            st.warning(escape_markdown(caution))
        titles = _normal_sets(path)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            chosen = st.selectbox(
                "Normal are",
                list(titles),
                format_func=titles.__getitem__,
                key="novelty_normal",
                width=400,
                help=NORMAL_HELP,
            )
            model = st.selectbox("Model", _models(), key="novelty_model", width=160)
            filters = [each.name for each in list_models("novelty_filter")]
            autoencoder = None
            if filters:
                autoencoder = st.selectbox(
                    "Autoencoder", filters, index=None, key="novelty_filter", width=200, help=FILTER_HELP
                )
            engine = choose_engine("novelty_engine")
        text = ""
        if chosen == PATH:
            text = st.text_input("Path of the normal set", key="normal_path", placeholder="/data/clean run", width=600)
        clean = st.checkbox("This sample is clean: check the normal set with it", key="novelty_clean", help=CLEAN_HELP)
        if chosen == KNOWN:
            st.caption(
                "Simulated particles, or the known run of this instrument where one is named on the page Instrument. A "
                "clean run of the same instrument is better."
            )
        with st.container(horizontal=True, gap="medium"):
            pressed = st.button("Find unusual particles", type="primary", key="novelty_go")
            st.button("Choose another sample", key="novelty_forget", on_click=on_leave)
    if not pressed:
        return None
    return NoveltyRequest(
        str(path),
        _normal(chosen, text),
        model,
        choices=choices or None,
        autoencoder=autoencoder,
        clean=clean or None,
        engine=engine,
    )


def _normal(chosen: str, text: str) -> str | None:
    if chosen == KNOWN:
        return None
    if chosen != PATH:
        return chosen
    if not text.strip():
        raise LabError("No normal set was given; enter the path of a folder, archive or run.")
    path = path_on_server(text)
    detect(path)  # what cannot be read is said here, not by the job
    return str(path)


def _normal_sets(sample: Path) -> dict[str, str]:
    """What may be normal: its path, or id of a data set -> title."""
    titles = {KNOWN: "Known particles of the classifier"}
    for meta in datasets.list_datasets():
        if meta["count"] >= MIN_PARTICLES:
            titles[meta["id"]] = f"Data set {truncate(meta['name'])} ({meta['count']:,})"
    for job in jobs.recent(MAX_RUNS, kinds=("classify",)):
        source, summary = str(job.config.get("source", "")), read_summary(job.id)
        if summary.get("named", 0) >= MIN_PARTICLES and Path(source).exists() and Path(source) != sample:
            titles.setdefault(source, f"Run {truncate(str(summary.get('title')))} ({summary['named']:,})")
    return {**titles, PATH: "A folder, archive or run on this computer"}


def _models() -> list[str]:
    """Names of the classifiers whose features can be compared."""
    names = [model.name for model in list_models("classifier") if (model.folder / FILE).is_file()]
    if not names:
        raise LabError("No classifier with a calibration of novelty is installed; this copy lacks the shipped ones.")
    return names
