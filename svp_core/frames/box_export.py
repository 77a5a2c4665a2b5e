"""Write boxes in the formats of other tools: YOLO, COCO, Label Studio. box_import reads the first two again.

- YOLO (Ultralytics): one text per image, `class x y w h` as shares of width and height, centre of the box, six decimals
  (within 0.001 px of a frame of 2,000 px); predictions have the confidence as a sixth number; names in data.yaml or
  obj.names. Oriented boxes (eight corner numbers) are refused.
- COCO: `bbox` is [x, y, width, height] in pixels from the top left corner; categories count from 1.
- Label Studio: x, y, width, height in percent of the image; machine boxes stand under `predictions`. Written only.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from svp_core.errors import LabError
from svp_core.frames.box_record import FrameBox

UNLABELLED = "particle"  # class of boxes without a label in files that need one
MODEL_VERSION = "SvP Lab"

Shapes = Mapping[str, tuple[int, int]]  # frame -> (height, width)
FrameBoxes = Mapping[str, Sequence[FrameBox]]


def write_yolo(frames: FrameBoxes, shapes: Shapes) -> dict[str, str]:
    """{name of file: text}: labels/<frame>.txt for every frame, empty without boxes, and data.yaml."""
    names, files = _class_names(frames), {}
    for frame, boxes in frames.items():
        height, width = shapes[frame]
        lines = []
        for box in boxes:
            top, left, bottom, right = box.box
            numbers = ((left + right) / 2 / width, (top + bottom) / 2 / height)
            numbers = (*numbers, (right - left) / width, (bottom - top) / height)
            score = f" {box.score:.6f}" if box.score is not None else ""
            lines.append(f"{names.index(box.label or UNLABELLED)} {' '.join(f'{n:.6f}' for n in numbers)}{score}\n")
        files[f"labels/{file_stem(frame)}.txt"] = "".join(lines)
    if len(files) < len(frames):
        raise LabError("Two frames have the same name without their ending, which YOLO's files cannot tell apart.")
    listed = "".join(f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(names))
    return {"data.yaml": f"path: .\ntrain: images\nval: images\nnames:\n{listed}", **files}


def write_coco(frames: FrameBoxes, shapes: Shapes) -> dict[str, Any]:
    """COCO's JSON: images, annotations with area and iscrowd 0, categories; score where a box has one."""
    names, images, annotations = _class_names(frames), [], []
    for number, (frame, boxes) in enumerate(frames.items(), 1):
        height, width = shapes[frame]
        images.append({"id": number, "file_name": frame, "width": width, "height": height})
        for box in boxes:
            top, left, bottom, right = box.box
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": names.index(box.label or UNLABELLED) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": 0,
            }
            annotations.append(annotation | ({"score": box.score} if box.score is not None else {}))
    categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(names, 1)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def write_label_studio(frames: FrameBoxes, shapes: Shapes, *, image_root: str = "") -> list[dict[str, Any]]:
    """Label Studio's JSON: a task per frame with one prediction. image_root: before the name in the task's image."""
    tasks = []
    for frame, boxes in frames.items():
        height, width = shapes[frame]
        results = [_label_studio_result(box, height, width) for box in boxes]
        scores = [box.score for box in boxes if box.score is not None]
        prediction: dict[str, Any] = {"model_version": MODEL_VERSION, "result": results}
        prediction |= {"score": sum(scores) / len(scores)} if scores else {}
        tasks.append({"data": {"image": f"{image_root}{frame}"}, "predictions": [prediction]})
    return tasks


def _label_studio_result(box: FrameBox, height: int, width: int) -> dict[str, Any]:
    top, left, bottom, right = box.box
    value = {
        "x": 100 * left / width,
        "y": 100 * top / height,
        "width": 100 * (right - left) / width,
        "height": 100 * (bottom - top) / height,
        "rotation": 0,
        "rectanglelabels": [box.label or UNLABELLED],
    }
    result: dict[str, Any] = {
        "id": box.id,
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value,
    }
    return result | ({"score": box.score} if box.score is not None else {})


def _class_names(frames: FrameBoxes) -> list[str]:
    """Labels in use, sorted; UNLABELLED for boxes without one, and alone where there are no boxes."""
    return sorted({box.label or UNLABELLED for boxes in frames.values() for box in boxes}) or [UNLABELLED]


def file_stem(name: str) -> str:
    """A path without its ending; a page or frame number behind # belongs to the name."""
    if "#" in name:
        return name.replace("#", "_")
    return PurePosixPath(name.replace("\\", "/")).with_suffix("").as_posix()
