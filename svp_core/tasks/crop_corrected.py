"""Crop the particles of located frames by their boxes as people corrected them: a set to classify, with its volume."""

from dataclasses import dataclass
from pathlib import Path

from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.progress import Progress, Steps
from svp_core.tasks.locate import FOUND, LocateRequest
from svp_core.tasks.request import JobRequest

BLOCK_FRAMES = 20  # per part of the table


@dataclass(frozen=True)
class CropRequest(JobRequest):
    """A set of corrected particles."""

    job: str  # id of the job that located them
    changes: int  # number of changes of boxes to take: later ones are ignored
    name: str = ""  # of the frames, for the title

    @property
    def title(self) -> str:
        return f"Crop corrected particles of {self.name or 'frames'}"


def crop_corrected(request: CropRequest, folder: Path) -> Steps:
    """Write the particle set found/ by the boxes as they stood after so many changes; a stopped job starts over."""
    from svp_core.tasks.located import open_located
    from svp_core.workspace.jobs import get

    yield from write_corrected(open_located(get(request.job)), folder, request.changes)


def write_corrected(located, folder: Path, changes: int | None = None) -> Steps:
    """Write the particle set folder/found by the corrected boxes of a LocatedFrames. changes: of all, None: all.

    Frames without a change keep their boxes. Raises LabError where a frame can no longer be read.
    """
    from svp_core.frames.box_record import BoxEvent, current_boxes
    from svp_core.frames.boxes import as_boxes
    from svp_core.frames.particle_set import CollageWriter, box_rows, finish_set, table_text, write_frame
    from svp_core.frames.reading import open_frames
    from svp_core.tasks.located import events_of

    found = folder / FOUND
    if (found / "boxes.csv").is_file():
        return
    found.mkdir(parents=True, exist_ok=True)
    events = events_of(located)[:changes]
    by_frame: dict[str, list[BoxEvent]] = {}
    for event in events:
        by_frame.setdefault(event.frame, []).append(event)
    collages, total, parts, count, rows = CollageWriter(found, "particles"), len(located.frames), [], 0, []
    request: LocateRequest = located.request

    def write_part() -> None:
        part, text = folder / f"{len(parts):06d}.part.csv", table_text(rows, header=False)
        atomic_write(part, lambda path: path.write_text(text, encoding="utf-8", newline=""))
        parts.append(part)
        rows.clear()

    with open_frames(request.source, request.choices) as source:
        for frame in source.iter_frames():
            shape = located.shape(frame.name)
            if shape is None:
                continue
            if frame.pixels is None or frame.pixels.shape[:2] != shape:
                raise LabError(f"{frame.name} has changed since its particles were located; locate them again.")
            boxes = current_boxes(located.boxes.get(frame.name, ()), by_frame.get(frame.name, ())).boxes
            frame_rows = box_rows(frame, as_boxes([box.box for box in boxes]), labels=[box.label for box in boxes])
            write_frame(collages, frame, frame_rows)
            rows += frame_rows
            count += len(frame_rows)
            if frame.index % BLOCK_FRAMES == BLOCK_FRAMES - 1:
                write_part()
            yield Progress(frame.index + 1, max(total, frame.index + 1), f"{count:,} particles")
    write_part()
    collages.flush()
    note = f"Boxes as corrected by people, after {len(events):,} changes."
    facts = {**located.facts, "particles": count, "notes": [*located.facts.get("notes", []), note]}
    finish_set(found, parts, facts)
    for part in parts:
        part.unlink(missing_ok=True)
