"""Boxes as people corrected them: every change is an event with the state before and after; the last one holds.

An event changes one box of one frame, or says that a frame was checked. Nothing is overwritten: an undo is one more
event, whose state after is the one before the change that it takes back.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from svp_core.frames.boxes import box_fault

DRAW, MOVE, LABEL, DELETE, UNDO, CHECK = "draw", "move", "label", "delete", "undo", "check"
KINDS = (DRAW, MOVE, LABEL, DELETE, UNDO, CHECK)
MAX_ID = 64  # characters of a box's id
MAX_LABEL = 80


@dataclass(frozen=True)
class FrameBox:
    """One box in one frame."""

    id: str  # unique within its frame
    box: tuple[int, int, int, int]  # top, left, bottom, right; the last two excluded
    label: str = ""  # class key or name; "" where it has none
    score: float | None = None  # 0..1, higher is surer; None: from the threshold rule, or drawn by a person


@dataclass(frozen=True)
class BoxEvent:
    """One stored change."""

    tab: str  # of the browser; (tab, n) names the event for good
    n: int
    frame: str
    box: str  # id; "" for a frame
    kind: str  # of KINDS
    before: dict[str, Any] | None  # {"box", "label"} or {"checked"}; None: there was none
    after: dict[str, Any] | None
    undoes: str
    reviewer: str
    at: float  # seconds since 1970, the server's clock


@dataclass(frozen=True)
class CorrectedFrame:
    """What holds in one frame."""

    boxes: tuple[FrameBox, ...]  # located ones in their order, then drawn ones
    is_checked: bool = False  # a person said that all its boxes are right
    changed_by: frozenset[str] = field(default_factory=frozenset)  # who changed something in it


def current_boxes(located: Sequence[FrameBox], events: Iterable[BoxEvent]) -> CorrectedFrame:
    """Boxes of one frame after its events. located: as the search found them. events: of this frame, in order."""
    boxes, checked, people = {box.id: box for box in located}, False, set()
    for event in events:
        people.add(event.reviewer)
        if not event.box:
            checked = bool(event.after and event.after.get("checked"))
        elif event.after is None:
            boxes.pop(event.box, None)
        else:
            # The score belongs to the box that was found: where a person moved it, there is none.
            earlier, sides = boxes.get(event.box), _sides(event.after)
            kept = earlier.score if earlier and earlier.box == sides else None
            boxes[event.box] = FrameBox(event.box, sides, str(event.after["label"]), kept)
    return CorrectedFrame(tuple(boxes.values()), checked, frozenset(people))


def event_fault(event: Mapping[str, Any], shape: tuple[int, ...] | None) -> str:
    """Why an event from a browser cannot be stored, as a sentence; "" where it can. shape: (H, W) of its frame."""
    kind, box_id, after = event.get("kind"), event.get("box"), event.get("after")
    if kind not in KINDS:
        return f"{str(kind)[:40]!r} is not a change of a box."
    if shape is None:
        return "This frame is not one of these."
    if not isinstance(box_id, str) or len(box_id) > MAX_ID or (kind != UNDO and (kind == CHECK) != (box_id == "")):
        return "A change needs the id of its box."
    if after is None:
        return "" if kind in (DELETE, UNDO) and box_id else "A change needs the state after it."
    if not box_id:
        return "" if isinstance(after, dict) and isinstance(after.get("checked"), bool) else "A check is yes or no."
    try:
        sides, label = _sides(after), after["label"]
    except (KeyError, TypeError, ValueError):
        return "A box needs four whole numbers and a label."
    if not isinstance(label, str) or len(label) > MAX_LABEL:
        return f"A label is a text of at most {MAX_LABEL} characters."
    fault = box_fault(sides, shape)
    return f"{fault[0].upper()}{fault[1:]}." if fault else ""


def state_text(state: Mapping[str, Any] | None) -> str:
    """Canonical JSON of a state before or after a change; of a browser's state only what belongs to it."""
    if isinstance(state, Mapping) and "checked" in state:
        state = {"checked": bool(state["checked"])}
    elif state is not None:
        state = {"box": list(_sides(state)), "label": str(state["label"])}
    return json.dumps(state, sort_keys=True, ensure_ascii=False)


def _sides(state: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Raises ValueError or TypeError where the box is not four whole numbers."""
    top, left, bottom, right = state["box"]
    for side in (top, left, bottom, right):
        if type(side) is not int or abs(side) > 2**31 - 1:
            raise ValueError(side)
    return top, left, bottom, right
