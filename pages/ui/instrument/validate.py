"""Validation of a classifier on this instrument: draw particles, label them blind, see and keep the figures."""

from typing import Any

import streamlit as st

from pages.ui.instrument.labelling import choose_person, show_labelling
from pages.ui.instrument.validation_figures import percent, show_figures
from pages.ui.shared.text import count_noun, escape_markdown
from pages.ui.shared.times import format_iso
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.errors import LabError
from svp_core.profiles.profile import InstrumentProfile
from svp_core.tasks.validation import classifiers_of, keep_result, standing_of, start_validation
from svp_core.validation.draw import DEFAULT_COUNT, MAX_COUNT, MIN_COUNT
from svp_core.workspace.instrument_profiles import find_profile
from svp_core.workspace.validations import Validation, list_validations, open_validation

PAGE, VALIDATION = "instrument", "validation"
ERROR = "validation_error"


def show_validation(profile: InstrumentProfile) -> None:
    """The open validation, or the results so far and the way to a new one."""
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))
    if validation_id := opened(PAGE, VALIDATION):
        try:
            validation = open_validation(profile.id, validation_id)
        except LabError:
            close(PAGE, VALIDATION)
            raise
        _show_open(validation)
    else:
        _show_start(profile)


def _show_start(profile: InstrumentProfile) -> None:
    st.markdown(
        "How well does a classifier name **your** particles? Some are drawn at random from this instrument's "
        "classifications, by size; a person labels them without seeing what the classifier said."
    )
    classifiers = classifiers_of(profile.id)
    if classifiers:
        _show_draw(profile, classifiers)
    else:
        st.info("Classify a run of this instrument first; particles are drawn from it.")
        st.page_link("pages/classify.py", label="Classify a run")
    drawn = list_validations(profile.id)
    for validation_id, facts in drawn:
        _show_row(profile, validation_id, facts)
    for sha256, record in (profile.validation or {}).items():
        st.subheader(escape_markdown(f"Result for {record['weights']}"))
        show_figures(record, key=f"kept_{sha256[:8]}")


def _show_draw(profile: InstrumentProfile, classifiers: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Classifier",
            list(reversed(classifiers)),
            format_func=lambda key: classifiers[key],
            key="validation_weights",
            width=240,
        )
        count = st.number_input(
            f"Particles ({MIN_COUNT} to {MAX_COUNT})", value=DEFAULT_COUNT, step=10, key="validation_count", width=180
        )
        st.button("Draw", type="primary", key="validation_draw", on_click=_draw, args=(profile.id, chosen, count))


def _draw(profile_id: str, weights_sha256: str, count: int) -> None:
    try:
        open_as(PAGE, start_validation(profile_id, weights_sha256, int(count)), VALIDATION)
    except LabError as error:
        st.session_state[ERROR] = str(error)


def _show_row(profile: InstrumentProfile, validation_id: str, facts: dict[str, Any]) -> None:
    standing = standing_of(open_validation(profile.id, validation_id))
    kept = profile.validation_of(facts["weights_sha256"])
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        title, key = f"Drawn {format_iso(facts['created'])}", f"validation_open_{validation_id}"
        st.button(title, key=key, type="tertiary", on_click=open_as, args=(PAGE, validation_id, VALIDATION))
        texts = [
            facts["weights"],
            f"{standing.answered:,} of {standing.drawn:,} labelled",
            " and ".join(standing.by_reviewer),
            "in use" if kept and kept["id"] == validation_id else "",
        ]
        st.caption(escape_markdown(" · ".join(text for text in texts if text)), width="content")


def _show_open(validation: Validation) -> None:
    facts = validation.facts
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        runs = count_noun(facts["classifications"], "classification")
        text = (
            f"{count_noun(len(validation.table), 'particle')} of {runs} by {facts['weights']}, drawn "
            f"{format_iso(facts['created'])}"
        )
        st.caption(escape_markdown(text), width="stretch")
        reviewer = choose_person(validation)
        st.button("All validations", key="validation_leave", on_click=close, args=(PAGE, VALIDATION))
    show_labelling(validation, reviewer)
    standing = standing_of(validation)
    if standing.is_complete:
        st.subheader("Result")
        show_figures(keep_result(validation, standing), key="result")
        return
    if standing.answered >= MIN_COUNT and not standing.settled.disagreements:
        st.button(
            f"Finish with the {standing.answered:,} labelled ones", key="validation_finish", on_click=_finish,
            args=(validation,), help="The order is random, so those that are labelled are a fair part of the draw.",
        )  # fmt: skip
    record = find_profile(validation.profile).validation_of(facts["weights_sha256"])
    if record and record["id"] == validation.id:
        st.subheader("Result so far")
        show_figures(record, key="result")


def _finish(validation: Validation) -> None:
    try:
        record = keep_result(validation, standing_of(validation))
        st.toast(f"Kept: {percent(record['figures']['accuracy'])} right.")
    except LabError as error:
        st.session_state[ERROR] = str(error)
