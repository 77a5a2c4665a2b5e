"""The card of a chosen source: its runs, scale and first particles; model, sample and the button that starts."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui.classify.run_details import describe_scale, pixel_sizes_of, show_runs
from pages.ui.classify.sample_details import enter_sample_details
from pages.ui.shared.engine_choice import choose_engine
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.source_signals import ask_questions, detect, show_first_particles
from svp_core.classification.results import scale_warning
from svp_core.display import count_noun, escape_markdown, model_label
from svp_core.errors import LabError
from svp_core.instruments.metadata import SourceSummary
from svp_core.tasks.classify import DEFAULT_CLASSIFIER, PIXEL_UM, ClassifyRequest
from svp_core.workspace.models import list_models


def show_source_summary(path: str | Path, on_leave: Callable[[], None]) -> ClassifyRequest | None:
    """Draw the card; the request once the button is pressed, otherwise None. on_leave: choose another source.

    Raises LabError when there is nothing readable in the source.
    """
    path = Path(path)
    source = detect(path)
    with st.container(border=True, key="recognised"):
        _show_source(source)
        choices = ask_questions(source.questions)
        if choices:
            source = detect(path, choices)
        unreadable = show_first_particles(source, path, choices)
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
            with st.container(horizontal=True, gap="medium", width="content"):  # where it is narrow, both in a new row
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
