"""Labelling drawn particles with keys: blind, by one or two people; two different answers are settled together."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui.components.annotation_grid import ANSWERS, batch_data, show_annotation_grid, take_events
from pages.ui.components.remembered_text import remember_text
from pages.ui.shared.person_form import REVIEWER, ask_person, can_change_person, deciding_person, require_reviewer
from pages.ui.shared.text import count_noun, escape_markdown
from pages.ui.shared.url_state import close, open_as
from svp_core.display import join_names, label_text
from svp_core.errors import LabError
from svp_core.tasks.validation import Standing, standing_of
from svp_core.validation.answers import ANY_KIND, MAX_REVIEWERS, answer_keys
from svp_core.workspace.validations import LABEL, MAX_REVIEWER, SETTLE, Validation, record_answers

PAGE = "instrument"
PAGE_SIZE = 30  # particles on one page
BLIND_ANSWERS = {
    **{name: ANSWERS[name] for name in ("not_a_particle", "undo")},
    "keep": "",
    "unsure": "Cannot tell",
    "skip": "Later",
}


def choose_person(validation: Validation) -> str:
    """Name of the person who labels, with the way to another one; "" where it has to be asked."""
    reviewer = deciding_person(PAGE, MAX_REVIEWER)
    others = [name for name in standing_of(validation).by_reviewer if name != reviewer]
    if reviewer and len(others) >= MAX_REVIEWERS and not can_change_person():
        raise LabError(f"{join_names(others)} label these particles; a third person cannot.")
    if reviewer and len(others) >= MAX_REVIEWERS:
        st.session_state["validation_name"] = others[0]
        close(PAGE, REVIEWER)
        return ""
    if reviewer:
        st.caption(escape_markdown(f"Labelled by {reviewer}"), width="content")
        if can_change_person():
            st.button(
                "Change person",
                key="validation_person",
                type="tertiary",
                on_click=close,
                args=(PAGE, REVIEWER),
                help="A second person labels the same particles without seeing the first one's labels.",
            )
    return reviewer


def show_labelling(validation: Validation, reviewer: str) -> None:
    """The grid; the question for the name where it is not known."""
    require_reviewer()
    if not reviewer:
        _ask_name(list(standing_of(validation).by_reviewer))
        return
    _show_grid(validation, reviewer)
    remember_text(REVIEWER, reviewer, key="validation_memory_kept")


def _ask_name(known: list[str]) -> None:
    name = ask_person(
        "validation",
        label="Your name (stored with every label)",
        button="Start labelling",
        missing="A label needs the name of its reviewer; enter yours.",
        max_length=MAX_REVIEWER,
    )
    if name:
        if len(known) >= MAX_REVIEWERS and name not in known:
            raise LabError(f"{' and '.join(known)} label these particles already; continue as one of them.")
        open_as(PAGE, name, REVIEWER)
        st.rerun()
    if known:
        full = " Two people at most label the same particles." if len(known) >= MAX_REVIEWERS else ""
        st.caption(escape_markdown(f"Labelled so far by {' and '.join(known)}.{full}"))


@st.fragment
def _show_grid(validation: Validation, reviewer: str) -> None:
    """Progress and grid: the own labels first, then what two people answered differently."""
    key = f"validation_{validation.id}"
    classes = answer_keys(validation.class_keys)
    allowed = (*classes, *ANY_KIND)
    before = standing_of(validation)
    try:
        for purpose in (LABEL, SETTLE):
            take_events(f"{key}_{purpose}", lambda events: record_answers(validation, events, allowed=allowed))
    except LabError as error:
        st.error(escape_markdown(f"{error} Your labels are kept in this browser and sent again."))
    standing = standing_of(validation)
    own = standing.by_reviewer.get(reviewer, {})
    is_settling = len(own) == standing.drawn and bool(_differing(standing))
    purpose = SETTLE if is_settling else LABEL
    progress = f"**{len(own):,}** of {standing.drawn:,} labelled"
    if standing.settled.disagreements:
        progress += f" · **{count_noun(len(standing.settled.disagreements), 'particle')}** answered differently"
    st.markdown(progress)
    show_annotation_grid(
        _batches(validation, standing, reviewer, purpose),
        key=f"{key}_{purpose}",
        review=f"{key}-{purpose}-{reviewer}",
        reviewer=reviewer,
        class_keys=classes,
        more=False,
        answers=BLIND_ANSWERS,
        end="All are labelled. The result is below.",
    )
    if (standing.is_complete, is_settling) != (before.is_complete, _was_settling(before, reviewer)):
        st.rerun()


def _was_settling(standing: Standing, reviewer: str) -> bool:
    return len(standing.by_reviewer.get(reviewer, {})) == standing.drawn and bool(_differing(standing))


def _differing(standing: Standing) -> list[str]:
    """Particles to which two people gave different answers, settled or not."""
    answers = list(standing.by_reviewer.values())
    if len(answers) < 2:
        return []
    return [particle for particle, answer in answers[0].items() if answers[1].get(particle, answer) != answer]


def _batches(validation: Validation, standing: Standing, reviewer: str, purpose: str) -> list[dict[str, Any]]:
    """Pages of particles as the grid takes them."""
    rows = list(range(len(validation.table)))
    given = standing.by_reviewer.get(reviewer, {})
    if purpose == SETTLE:
        differing = set(_differing(standing))
        rows = [row for row in rows if validation.table["id"].iat[row] in differing]
        given = {
            key: answer for key, answer in standing.settled.truth.items() if key not in standing.settled.disagreements
        }
    batches = []
    for start in range(0, len(rows), PAGE_SIZE):
        page = rows[start : start + PAGE_SIZE]
        title = f"Particles {start + 1:,} to {start + len(page):,} of {len(rows):,}"
        title = f"Two different answers: decide together · {title}" if purpose == SETTLE else title
        items = [_item(validation, standing, row, given, purpose) for row in page]
        batches.append(batch_data(f"{validation.id}_{purpose}_{start}", title, items, validation.tiles[page]))
    return batches


def _item(
    validation: Validation, standing: Standing, row: int, given: Mapping[str, str], purpose: str
) -> dict[str, Any]:
    values = validation.table.iloc[row]
    particle = str(values["id"])
    size = values["size"]
    lines = [f"{size:.1f} µm · {values['um_per_px']:.3g} µm per pixel" if size == size else "Not measured"]
    if purpose == SETTLE:
        lines += [f"{name}: {label_text(theirs[particle])}" for name, theirs in standing.by_reviewer.items()]
    answer = given.get(particle)
    kind = answer if answer in ("unsure", "not_a_particle") else "label"
    return {
        "id": particle,
        "given": "",
        "suggested": "",
        "hidden": True,
        "probabilities": [],
        "lines": [*lines, f"Particle {particle}"],
        "purpose": purpose,
        "again": False,
        "decided": {"kind": kind, "label": answer} if answer else None,
        "neighbours": [],
    }
