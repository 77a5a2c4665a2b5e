"""Boxes of located frames in and out: files of other tools, true boxes beside the located ones, and how they agree."""

import io
import json
import time
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import numpy as np

from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.frames.box_export import FrameBoxes, write_coco, write_label_studio, write_yolo
from svp_core.frames.box_import import Imported, read_annotations
from svp_core.frames.box_record import DELETE, DRAW, FrameBox, state_text
from svp_core.frames.boxes import as_boxes
from svp_core.frames.evaluation import DetectedFrame, DetectionFigures, evaluate, scores_without_heads
from svp_core.particle_classes import CLASSES
from svp_core.tasks.located import LocatedFrames, corrected_frame
from svp_core.workspace.box_decisions import write_events

YOLO, COCO, LABEL_STUDIO = "YOLO", "COCO", "Label Studio"
FORMATS = {YOLO: ".zip", COCO: ".json", LABEL_STUDIO: ".json"}
MAX_FILES = 20_000
MAX_BYTES = 256 * 1024**2  # of all files, unpacked
LEFT_OUT = None  # instead of a class: boxes of an unknown class that are not taken
_TRUTH = "truth-{}.json"


def boxes_of(located: LocatedFrames) -> dict[str, tuple[FrameBox, ...]]:
    """Boxes of every frame that could be searched, as they stand."""
    return {frame: corrected_frame(located, frame).boxes for frame in located.readable}


def export_boxes(located: LocatedFrames, file_format: str, frames: FrameBoxes | None = None) -> bytes:
    """Content of the file in this format, of FORMATS; frames: by default the boxes as they stand."""
    frames = boxes_of(located) if frames is None else frames
    shapes = _shapes(located)
    if file_format == YOLO:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in write_yolo(frames, shapes).items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()
    if file_format not in FORMATS:
        raise LabError(f"{file_format[:40]!r} is not a format of boxes; choose {', '.join(FORMATS)}.")
    write = write_coco if file_format == COCO else write_label_studio
    return (json.dumps(write(frames, shapes), indent=1) + "\n").encode()


def read_files(located: LocatedFrames, files: Mapping[str, bytes]) -> Imported:
    """Boxes of these files for these frames; a zip archive is opened. Raises LabError for another kind of file."""
    known = [one.key for one in CLASSES] + [class_name(one.key) for one in CLASSES]
    imported = read_annotations(_unpacked(files), _shapes(located), known)
    by_name = {class_name(one.key): one.key for one in CLASSES}
    return _relabelled(imported, {name: key for name, key in by_name.items() if name != key})


def settle_unknown(imported: Imported, answers: Mapping[str, str | None]) -> Imported:
    """The boxes with unknown classes named as answered, None: left out. Raises LabError without an answer."""
    if missing := sorted(imported.unknown.keys() - answers.keys()):
        raise LabError(f"Class {missing[0]!r} is not known here; say which class it is.")
    return _relabelled(imported, answers)


def save_truth(located: LocatedFrames, boxes: FrameBoxes, *, source: str, reviewer: str) -> None:
    """Keep true boxes beside the located ones; an earlier set stays, and the last one is shown."""
    if not boxes:
        raise LabError("None of these boxes is in one of the frames; the sentences above say why.")
    number = len(list(located.folder.glob(_TRUTH.format("*")))) + 1
    content = {frame: [[*box.box, box.label] for box in found] for frame, found in boxes.items()}
    meta = {"source": source, "by": reviewer, "at": time.time()}
    write_json(located.folder / _TRUTH.format(number), {**meta, "boxes": content})


def read_truth(located: LocatedFrames) -> tuple[dict[str, tuple[FrameBox, ...]], dict[str, Any]]:
    """(frame -> true boxes, source, by and at) of the last set; ({}, {}) without one."""
    paths = sorted(located.folder.glob(_TRUTH.format("*")), key=lambda path: int(path.stem.rpartition("-")[2]))
    if not paths:
        return {}, {}
    content = json.loads(paths[-1].read_text("utf-8"))
    boxes = {
        frame: tuple(FrameBox(f"t{k}", tuple(row[:4]), row[4]) for k, row in enumerate(rows, 1))
        for frame, rows in content["boxes"].items()
    }
    return boxes, {name: content[name] for name in ("source", "by", "at")}


def compare_with_truth(located: LocatedFrames, *, min_iou: float = 0.5) -> DetectionFigures:
    """How the boxes as they stand agree with the true ones, in the frames that have true ones."""
    truth, _ = read_truth(located)
    if not truth:
        raise LabError("There are no true boxes yet; import them from YOLO or COCO files.")
    frames = []
    for frame, true_boxes in truth.items():
        boxes = corrected_frame(located, frame).boxes
        by_area = scores_without_heads(_array(boxes))
        scores = np.array([by_area[k] if box.score is None else box.score for k, box in enumerate(boxes)])
        frames.append(DetectedFrame(_array(boxes), scores, _array(true_boxes)))
    return evaluate(frames, min_iou=min_iou)


def replace_boxes(located: LocatedFrames, boxes: FrameBoxes, *, reviewer: str) -> int:
    """Put these boxes in place of those of their frames, as changes of this person; returns how many changes."""
    tab, events = f"import-{uuid4().hex[:12]}", []

    def add(frame: str, box_id: str, kind: str, before: FrameBox | None, after: FrameBox | None) -> None:
        states = {name: state_text(_state(box)) for name, box in (("before", before), ("after", after))}
        events.append({"tab": tab, "n": len(events) + 1, "frame": frame, "box": box_id, "kind": kind, **states,
                       "undoes": "", "reviewer": reviewer, "at": time.time()})  # fmt: skip

    for frame, new in boxes.items():
        for box in corrected_frame(located, frame).boxes:
            add(frame, box.id, DELETE, box, None)
        for box in new:
            add(frame, f"{tab}-{len(events) + 1}", DRAW, None, box)
    return write_events(located.record, events)


def _state(box: FrameBox | None) -> dict[str, Any] | None:
    return None if box is None else {"box": list(box.box), "label": box.label}


def _relabelled(imported: Imported, names: Mapping[str, str | None]) -> Imported:
    boxes: dict[str, list[FrameBox]] = {}
    for frame, found in imported.boxes.items():
        kept = [(box, names.get(box.label, box.label)) for box in found]
        boxes[frame] = [FrameBox(box.id, box.box, label, box.score) for box, label in kept if label is not None]
    unknown = {name: count for name, count in imported.unknown.items() if name not in names}
    return Imported(boxes, imported.faults, unknown, imported.source)


def _unpacked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, archives replaced by their content. Raises LabError for too much of it or a damaged archive."""
    unpacked: dict[str, bytes] = {}
    for name, data in files.items():
        if not name.casefold().endswith(".zip"):
            unpacked[name] = data
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = [one for one in archive.infolist() if not one.is_dir()]
                _check_amount(len(entries), sum(one.file_size for one in entries))
                wanted = (".txt", ".json", ".yaml", ".yml", ".names")
                unpacked |= {one.filename: archive.read(one) for one in entries if one.filename.endswith(wanted)}
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
            raise LabError(f"{name} cannot be unpacked ({str(error)[:120]}); pack it again as zip.") from None
    _check_amount(len(unpacked), sum(map(len, unpacked.values())))
    return unpacked


def _check_amount(count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise LabError(f"More than {MAX_FILES:,} files or {MAX_BYTES // 1024**2} MB of boxes; import them in parts.")


def _shapes(located: LocatedFrames) -> dict[str, tuple[int, int]]:
    return {frame: shape for frame in located.readable if (shape := located.shape(frame))}


def _array(boxes: Iterable[FrameBox]) -> Any:
    return as_boxes([box.box for box in boxes])
