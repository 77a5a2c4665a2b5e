"""Boxes of one frame at a time, to look at and to correct; every change is kept with who made it and when."""

from dataclasses import asdict
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.box_editor import show_box_editor, take_box_events
from pages.ui.components.remembered_text import remember_text
from pages.ui.shared.person_form import REVIEWER, ask_person, can_change_person, deciding_person, require_reviewer
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from pages.ui.shared.url_state import close, open_as
from svp_core.display import class_name, count_noun
from svp_core.errors import LabError
from svp_core.frames.box_record import BoxEvent, CorrectedFrame
from svp_core.frames.boxes import as_boxes, iou, touches_border
from svp_core.frames.proposals import Boxes
from svp_core.frames.reading import Frame, read_frame
from svp_core.particle_classes import CLASSES
from svp_core.tasks.box_exchange import read_truth
from svp_core.tasks.located import LocatedFrames, corrected_frame, events_of, save_events, undoable
from svp_core.workspace.box_decisions import MAX_REVIEWER

PAGE = "frames"
UNDOABLE = 60  # own changes of a frame that the browser can take back


def show_correcting(located: LocatedFrames) -> None:
    """The frame that is chosen, its boxes, and who corrects them."""
    names = located.readable
    if not names:
        raise LabError("None of these frames could be searched; the tab Frames says why.")
    reviewer = deciding_person(PAGE, MAX_REVIEWER)
    if reviewer:
        require_reviewer()
    _show_frame(located, names, reviewer)
    if reviewer:
        remember_text(REVIEWER, reviewer, key="frames_memory_kept")


def _ask_name() -> None:
    with st.popover("Correct boxes"):
        name = ask_person(
            "frames",
            label="Your name (stored with every change)",
            button="Start correcting",
            missing="A change needs the name of its author; enter yours.",
            max_length=MAX_REVIEWER,
        )
    if name:
        open_as(PAGE, name, REVIEWER)
        st.rerun()


@st.fragment
def _show_frame(located: LocatedFrames, names: list[str], reviewer: str) -> None:
    key = f"boxes_{located.record}"
    try:
        take_box_events(key, lambda events: _save(located, events))
    except LabError as error:
        st.error(escape_markdown(f"{error} Your changes are kept in this browser and sent again."))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = _choose_frame(names)
        if not reviewer:
            _ask_name()
        else:
            st.caption(escape_markdown(f"Corrected by {reviewer}"), width="content")
            if can_change_person():
                st.button("Change person", key="frames_person", type="tertiary", on_click=close, args=(PAGE, REVIEWER))
    frame = _read(located.request.source, located.index(name), located.record)
    if frame.pixels is None:
        st.error(escape_markdown(f"{name} can no longer be read: {frame.reason}."))
        return
    corrected, events = corrected_frame(located, name), events_of(located, name)
    show_box_editor(
        frame.pixels,
        _boxes(corrected, frame),
        key=key,
        record=located.record,
        frame=name,
        version=str(frame.index),
        alt=f"Frame {name} with {len(corrected.boxes)} boxes",
        labels=[{"key": one.key, "name": class_name(one.key), "colour": one.colour} for one in CLASSES],
        history=[asdict(event) for event in undoable(events, reviewer)[-UNDOABLE:]],
        truth=true_overlay(located, name, as_boxes([box.box for box in corrected.boxes])),
        reviewer=reviewer,
        checked=corrected.is_checked,
    )
    _show_history(events)


def true_overlay(located: LocatedFrames, frame: str, boxes: Boxes) -> list[dict[str, Any]]:
    """True boxes of a frame, each with its largest overlap with these boxes."""
    true_boxes = read_truth(located)[0].get(frame, ())
    overlap = iou(as_boxes([box.box for box in true_boxes]), boxes)
    best = overlap.max(1) if len(boxes) else np.zeros(len(true_boxes))
    return [{"box": list(box.box), "text": f"IoU {value:.2f}"} for box, value in zip(true_boxes, best, strict=True)]


def read_pixels(located: LocatedFrames, frame: str) -> NDArray[np.uint8] | None:
    """Pixels of a frame; None where it can no longer be read."""
    return _read(located.request.source, located.index(frame), located.record).pixels


def _choose_frame(names: list[str]) -> str:
    """The frame that is open, with the ways to the next one."""
    place = st.session_state.get("frames_place", 0)
    place = min(place, len(names) - 1)
    st.button("Previous", key="frames_previous", disabled=place == 0, on_click=_go_to, args=(place - 1,))
    st.button("Next", key="frames_next", disabled=place == len(names) - 1, on_click=_go_to, args=(place + 1,))
    st.session_state["frames_choice"] = names[place]
    st.selectbox(
        "Frame",
        names,
        key="frames_choice",
        on_change=lambda: _go_to(names.index(st.session_state["frames_choice"])),
        width=320,
        label_visibility="collapsed",
    )
    st.caption(f"{place + 1:,} of {len(names):,}", width="content")
    return names[place]


def _go_to(place: int) -> None:
    st.session_state["frames_place"] = place


def _save(located: LocatedFrames, events: list[dict[str, Any]]) -> None:
    for fault in save_events(located, events):
        st.toast(escape_markdown(f"Not kept: {fault}"))


def _boxes(corrected: CorrectedFrame, frame: Frame) -> list[dict[str, Any]]:
    assert frame.pixels is not None
    cut = touches_border(as_boxes([box.box for box in corrected.boxes]), frame.pixels.shape)
    return [
        {"id": box.id, "box": list(box.box), "label": box.label, "score": box.score, "cut": bool(cut[k])}
        for k, box in enumerate(corrected.boxes)
    ]


def _show_history(events: list[BoxEvent]) -> None:
    if not events:
        return
    with st.expander(f"{count_noun(len(events), 'change')} in this frame"):
        st.dataframe(
            [
                {
                    "When": format_timestamp(one.at),
                    "Who": one.reviewer,
                    "What": one.kind,
                    "Box": one.box,
                    "Before": _state(one.before),
                    "After": _state(one.after),
                }
                for one in reversed(events)
            ],
            hide_index=True,
        )


def _state(state: dict[str, Any] | None) -> str:
    if state is None:
        return "–"
    if "checked" in state:
        return "checked" if state["checked"] else "not checked"
    top, left, bottom, right = state["box"]
    label = f" {class_name(state['label'])}" if state["label"] else ""
    return f"x {left}, y {top}, {right - left} x {bottom - top}{label}"


@st.cache_data(max_entries=8, show_spinner=False)
def _read(source: str, index: int, record: str) -> Frame:
    del record  # its frames stay what they were
    return read_frame(source, index)
