"""The card of a chosen source: its runs, scale and first particles; model, sample and the button that starts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from pages.ui.classify.run_details import describe_scale, pixel_sizes_of, show_runs
from pages.ui.classify.sample_details import enter_sample_details
from pages.ui.components.gallery import show_gallery
from pages.ui.shared.engine_choice import choose_engine
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.source_reading import read_first, read_summary
from svp_core.classification.results import scale_warning
from svp_core.display import count_noun, escape_markdown, model_label
from svp_core.errors import LabError
from svp_core.images import to_colour_tile
from svp_core.instruments.metadata import Question, SourceSummary
from svp_core.tasks.classify import DEFAULT_CLASSIFIER, PIXEL_UM, ClassifyRequest
from svp_core.workspace.models import list_models

MAX_BUTTONS = 4  # options of a question beside each other
PREVIEW_TILES = 24  # particles read before anything starts, to see whether they are cut out well


@st.cache_data(max_entries=8, ttl=120, show_spinner="Reading the source")
def _detect(path, modified, choices):
    return read_summary(path, dict(choices))


@st.cache_data(max_entries=8, ttl=120, show_spinner=False)
def _first_tiles(path, modified, choices):
    """([(tile, name)] of the first readable particles, reason of one that cannot be read, cautions)."""
    look = read_first(path, dict(choices), keep=PREVIEW_TILES)
    records = look.records
    tiles = [(to_colour_tile(record.pixels), record.name) for record in records if record.pixels is not None]
    return tiles, next((record.reason for record in records if record.rejected), ""), look.cautions


def show_source_summary(path: str | Path, on_leave: Callable[[], None]) -> ClassifyRequest | None:
    """Draw the card; the request once the button is pressed, otherwise None. on_leave: choose another source.

    Raises LabError when there is nothing readable in the source.
    """
    path = Path(path)
    modified = path.stat().st_mtime_ns if path.exists() else 0
    source = _detect(str(path), modified, ())
    with st.container(border=True, key="recognised"):
        _show_source(source)
        choices = {question.key: _ask(question) for question in source.questions}
        if choices:
            source = _detect(str(path), modified, tuple(choices.items()))
        unreadable = _show_preview(source, str(path), modified, choices)
        sample = enter_sample_details()
        scales = pixel_sizes_of(source.runs) | ({source.um_per_px} if source.um_per_px else set())
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            model = _choose_model()
            um_per_px = st.number_input(
                "µm per pixel",
                float(PIXEL_UM[0]),
                float(PIXEL_UM[1]),
                None,
                format="%.4f",
                key="um_per_px",
                width=180,
                placeholder="as in the files" if scales else "unknown",
                help="Leave empty to use the value of the files; a value entered here is used for every particle.",
            )
            engine = choose_engine("classify_engine")
            submitted = st.button(
                "Classify", type="primary", key="classify_go", disabled=bool(unreadable), help=unreadable or None
            )
            st.button("Choose another source", key="source_forget", on_click=on_leave)
        if warning := scale_warning(model.name, model.config, {um_per_px} if um_per_px else scales):
            st.warning(escape_markdown(warning))
    show_model(model.name, origin(model))
    if not submitted:
        return None
    return ClassifyRequest(str(path), model.name, um_per_px, choices=choices or None, engine=engine, **sample)


def _show_source(source: SourceSummary) -> None:
    st.markdown(f"**{escape_markdown(source.title)}**")
    count = count_noun(source.count, "item") if source.count is not None else "not counted yet"
    scale = describe_scale(source.um_per_px, source.um_per_px_from, source.runs)
    st.markdown(escape_markdown(f"{count} · {scale}"))
    show_runs(source.runs, key="recognised_runs")
    for note in source.notes:
        st.caption(escape_markdown(note))


def _ask(question: Question):
    if len(question.options) > MAX_BUTTONS:
        return st.selectbox(
            question.text, question.options, question.options.index(question.default), key=f"choice_{question.key}"
        )
    return st.segmented_control(
        question.text, question.options, default=question.default, required=True, key=f"choice_{question.key}"
    )


def _show_preview(source, path, modified, choices):
    """Draw the first particles, or why there are none; the reason why no item can be read, "" where some may be."""
    if not source.readable:
        return "Nothing to classify: it contains no image and no run."
    try:
        tiles, reason, cautions = _first_tiles(path, modified, tuple(choices.items()))
    except LabError as error:
        st.caption(escape_markdown(error))
        return str(error)
    _show_cautions((*source.cautions, *cautions))
    if tiles:
        show_gallery(
            np.stack([tile for tile, _ in tiles]),
            key="first_look",
            alt="First particles",
            lines=1,
            words=[[name] for _, name in tiles],
        )
    if tiles or not reason:
        return ""
    st.caption(escape_markdown(unreadable_items(source.count, reason)))
    return "Nothing to classify: no item can be read." if source.count <= PREVIEW_TILES else ""


def _show_cautions(cautions):
    """What seems wrong with the source, in one box."""
    if cautions:
        st.warning("\n".join(f"- {escape_markdown(caution)}" for caution in cautions))


def unreadable_items(count: int, reason: str) -> str:
    """One sentence for a source of so many items, where the first ones cannot be read."""
    if count == 1:
        return f"It cannot be read: {reason}."
    if count <= PREVIEW_TILES:
        return f"None of the {count} items can be read. The first: {reason}."
    return f"The first {PREVIEW_TILES} items cannot be read. The first: {reason}."


def _choose_model():
    models = {model.name: model for model in list_models("classifier")}
    if not models:
        raise LabError("No classifier is installed; this copy lacks the shipped one, install it again.")
    if st.session_state.get("classifier") not in models:
        st.session_state.pop("classifier", None)
    names = list(models)
    default = names.index(DEFAULT_CLASSIFIER) if DEFAULT_CLASSIFIER in names else 0
    name = st.selectbox(
        "Model",
        names,
        index=default,
        key="classifier",
        persist_state="session",
        width=220,
        format_func=model_label,
    )
    return models[name]
