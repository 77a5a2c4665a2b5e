"""What a finished location of particles holds: its frames, boxes as they stand after corrections, sets to classify."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from svp_core.errors import LabError
from svp_core.files import read_json
from svp_core.frames.box_record import BoxEvent, CorrectedFrame, FrameBox, current_boxes, event_fault, state_text
from svp_core.tasks.locate import FOUND, FRAMES_FILE, LocateRequest
from svp_core.workspace.box_decisions import count_events, read_events, write_events
from svp_core.workspace.jobs import Job, job_folder

CORRECTED = "corrected"  # folder of a set of corrected particles, with the number of changes it holds


@dataclass(frozen=True, eq=False)
class LocatedFrames:
    """A finished location."""

    record: str  # id of its job, under which changes of boxes are stored
    folder: Path
    request: LocateRequest
    facts: Mapping[str, Any]  # run.json of the particle set
    frames: pd.DataFrame  # index, frame, width, height, particles, cut, reason; one row per frame
    boxes: Mapping[str, tuple[FrameBox, ...]] = field(repr=False)  # frame -> boxes as they were located

    @property
    def readable(self) -> list[str]:
        """Names of the frames that could be searched, in order."""
        return list(self._searched)

    @cached_property
    def _searched(self) -> dict[str, tuple[int, int, int]]:
        """Frame -> (index, height, width) of those that could be searched."""
        rows = self.frames[self.frames["reason"] == ""]
        sides = (rows[name].astype(int).tolist() for name in ("index", "height", "width"))
        return dict(zip(rows["frame"].tolist(), zip(*sides, strict=True), strict=True))

    def shape(self, frame: str) -> tuple[int, int] | None:
        """(height, width) of a frame that could be searched; None for another one."""
        searched = self._searched.get(frame)
        return searched[1:] if searched else None

    def index(self, frame: str) -> int:
        """Place in the source, from 0, of a frame that could be searched."""
        return self._searched[frame][0]


def open_located(job: Job) -> LocatedFrames:
    """The result of a finished job. Raises LabError where it is not there."""
    return read_located(job_folder(job.id), job.id)


def read_located(folder: Path, record: str = "") -> LocatedFrames:
    """The result in a folder that the task locate has written. Raises LabError where it is not one."""
    try:
        config = json.loads((folder / "request.json").read_text("utf-8"))
        facts = read_json(folder / FOUND / "run.json")
        frames = pd.read_csv(folder / FRAMES_FILE, dtype={"frame": str, "reason": str}, keep_default_na=False)
        boxes = _read_boxes(folder / FOUND / "boxes.csv")
    except (OSError, ValueError, KeyError):
        raise LabError("The located particles are not complete; locate them again.") from None
    return LocatedFrames(record, folder, LocateRequest.from_config(config), facts, frames, boxes)


def corrected_frame(located: LocatedFrames, frame: str) -> CorrectedFrame:
    """Boxes of a frame as they stand."""
    return current_boxes(located.boxes.get(frame, ()), events_of(located, frame))


def events_of(located: LocatedFrames, frame: str | None = None) -> list[BoxEvent]:
    """Changes of boxes in the order of writing, of one frame or of all."""
    return [BoxEvent(**event) for event in read_events(located.record, frame)]


def undoable(events: Iterable[BoxEvent], reviewer: str) -> list[BoxEvent]:
    """Own changes that were not taken back, oldest first."""
    events = list(events)
    undone = {event.undoes for event in events if event.undoes}
    return [
        event
        for event in events
        if event.reviewer == reviewer and not event.undoes and f"{event.tab}/{event.n}" not in undone
    ]


def save_events(located: LocatedFrames, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the changes that can be made; returns a sentence for every one that cannot."""
    faults, valid = [], []
    for event in events:
        if fault := event_fault(event, located.shape(str(event.get("frame")))):
            faults.append(f"{event.get('frame')}: {fault}")
            continue
        texts = {name: state_text(event.get(name)) for name in ("before", "after")}
        valid.append({**event, **texts})
    if valid:
        write_events(located.record, valid)
    return faults


def change_count(located: LocatedFrames) -> int:
    """Number of changes of boxes so far."""
    return count_events(located.record) if located.record else 0


def _read_boxes(path: Path) -> dict[str, tuple[FrameBox, ...]]:
    boxes: dict[str, list[FrameBox]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            top, left, bottom, right = (int(row[side]) for side in ("top", "left", "bottom", "right"))
            score = float(row["score"]) if row["score"] else None
            box = FrameBox(f"p{number}", (top, left, bottom, right), row["label"], score)
            boxes.setdefault(row["frame"], []).append(box)
    return {frame: tuple(found) for frame, found in boxes.items()}
