"""Read boxes from files of other tools: YOLO and COCO, as box_export describes them; each fault is a sentence."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from svp_core.errors import LabError
from svp_core.frames.box_export import UNLABELLED, Shapes, file_stem
from svp_core.frames.box_record import FrameBox
from svp_core.frames.boxes import box_fault

MAX_FAULTS = 1_000
_NAMES_FILES = ("data.yaml", "data.yml", "dataset.yaml", "obj.names", "classes.txt")
_NAMED = re.compile(r"^\s*(\d+)\s*:\s*(.+?)\s*$")
_LISTED = re.compile(r"^\s*-\s+(.+?)\s*$")
_OBB_NUMBERS = 9


@dataclass
class Imported:
    """Boxes that were read, and what could not be read."""

    boxes: dict[str, list[FrameBox]] = field(default_factory=dict)  # frame -> boxes; [] where a file says: none
    faults: list[str] = field(default_factory=list)  # one sentence each
    unknown: dict[str, int] = field(default_factory=dict)  # class name that is not known here -> boxes
    source: str = ""  # format

    def add(self, frame: str, box: FrameBox) -> None:
        """Add a box."""
        self.boxes.setdefault(frame, []).append(box)


def read_annotations(files: Mapping[str, bytes], shapes: Shapes, known: Iterable[str]) -> Imported:
    """Boxes of these files: COCO's JSON, or YOLO's texts with their names file. known: class keys and names.

    What is wrong with a box, an image or a class is a sentence, and the rest is read. Raises LabError where nothing of
    these formats is there.
    """
    texts = {name: data for name, data in files.items() if name.casefold().endswith(".txt")}
    documents = [name for name in files if name.casefold().endswith(".json")]
    if documents:
        if len(documents) > 1:
            raise LabError(f"There are {len(documents)} JSON files; choose one.")
        return _read_coco(documents[0], files[documents[0]], shapes, set(known))
    names_file = next((name for name in files if _last(name) in _NAMES_FILES), "")
    texts.pop(names_file, None)
    if not texts:
        raise LabError("These files are neither COCO (.json) nor YOLO (a .txt per image, with data.yaml or obj.names).")
    return _read_yolo(texts, _yolo_names(files[names_file]) if names_file else {}, shapes, set(known))


def _read_coco(name: str, data: bytes, shapes: Shapes, known: set[str]) -> Imported:
    imported = Imported(source="COCO")
    try:
        document = json.loads(data)
        images = {image["id"]: image for image in document["images"]}
        categories = {one["id"]: str(one["name"]) for one in document["categories"]}
        annotations = list(document["annotations"])
        named = {key: str(image["file_name"]) for key, image in images.items()}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LabError(
            f"{name} is not a COCO file: it needs images, annotations and categories (detections alone do not name "
            "their images)."
        ) from None
    frame_of = {key: _find_frame(file_name, shapes, imported) for key, file_name in named.items()}
    for key, frame in frame_of.items():
        if frame and not _size_fault(images[key], shapes[frame], named[key], imported):
            imported.boxes.setdefault(frame, [])
    for position, one in enumerate(annotations, 1):
        try:
            image, (x, y, width, height) = one["image_id"], map(float, one["bbox"])
            label, score, frame = categories[one["category_id"]], one.get("score"), frame_of.get(image)
        except (KeyError, TypeError, ValueError):
            _fault(imported, f"Annotation {position} has no image, category or box of four numbers.")
            continue
        if image not in frame_of:
            _fault(imported, f"Annotation {position} is of image {image}, which the file does not list.")
        if frame and frame in imported.boxes:
            sides = (y, x, y + height, x + width)
            _take(imported, frame, sides, label, score, shapes[frame], known, f"Annotation {one.get('id', position)}")
    return imported


def _read_yolo(texts: Mapping[str, bytes], names: Mapping[int, str], shapes: Shapes, known: set[str]) -> Imported:
    imported, stems = Imported(source="YOLO"), {file_stem(frame).casefold(): frame for frame in shapes}
    for name, data in texts.items():
        frame = _frame_of_text(file_stem(name).casefold(), stems)
        if frame is None:
            _fault(imported, f"{name}: there is no frame with this name; its boxes are left out.")
            continue
        imported.boxes.setdefault(frame, [])
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if line.strip():
                _take_yolo_line(imported, frame, line.split(), f"{name}, line {number}", names, shapes[frame], known)
    return imported


def _frame_of_text(stem: str, stems: Mapping[str, str]) -> str | None:
    """The frame of a text: by its path without some of its folders, else by its name alone where that is unique."""
    parts = stem.split("/")
    for start in range(len(parts)):
        if frame := stems.get("/".join(parts[start:])):
            return frame
    matches = [frame for key, frame in stems.items() if _last(key) == parts[-1]]
    return matches[0] if len(matches) == 1 else None


def _take_yolo_line(
    imported: Imported,
    frame: str,
    values: list[str],
    place: str,
    names: Mapping[int, str],
    shape: tuple[int, int],
    known: set[str],
) -> None:
    try:
        class_number, numbers = int(values[0]), [float(value) for value in values[1:]]
    except ValueError:
        _fault(imported, f"{place}: {' '.join(values)[:60]!r} is not `class x y w h` in numbers.")
        return
    if len(values) == _OBB_NUMBERS:
        _fault(imported, f"{place}: an oriented box of four corners; export upright boxes.")
        return
    if len(numbers) not in (4, 5):
        _fault(imported, f"{place}: {len(values)} numbers instead of `class x y w h`.")
        return
    if class_number not in names:
        listed = f"the names file lists {len(names)}" if names else "there is no names file (data.yaml, obj.names)"
        _fault(imported, f"{place}: class {class_number} has no name; {listed}.")
        return
    height, width = shape
    x, y, w, h = numbers[0] * width, numbers[1] * height, numbers[2] * width, numbers[3] * height
    sides = (y - h / 2, x - w / 2, y + h / 2, x + w / 2)
    score = numbers[4] if len(numbers) == 5 else None
    _take(imported, frame, sides, names[class_number], score, shape, known, place)


def _take(
    imported: Imported,
    frame: str,
    sides: tuple[float, float, float, float],
    label: str,
    score: Any,
    shape: tuple[int, int],
    known: set[str],
    place: str,
) -> None:
    """Add one box, in whole pixels, or a sentence."""
    if not all(abs(side) < 1e9 for side in sides):
        _fault(imported, f"{place}: the numbers of the box are not finite.")
        return
    top, left, bottom, right = (round(side) for side in sides)
    if fault := box_fault((top, left, bottom, right), shape):
        _fault(imported, f"{place}: {fault}.")
        return
    label = "" if label == UNLABELLED else label
    if label and label not in known:
        imported.unknown[label] = imported.unknown.get(label, 0) + 1
    score = float(score) if isinstance(score, int | float) and 0 <= score <= 1 else None
    number = len(imported.boxes.get(frame, ())) + 1
    imported.add(frame, FrameBox(f"i{number}", (top, left, bottom, right), label, score))


def _yolo_names(data: bytes) -> dict[int, str]:
    """Number -> name of data.yaml (a map or a list, also in one line), or of a file with a name per line."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    start = next((k for k, line in enumerate(lines) if line.strip().startswith("names:")), None)
    if start is None:
        return dict(enumerate(line.strip() for line in lines if line.strip()))
    inline = lines[start].partition(":")[2].strip()
    if inline.startswith("["):
        return dict(enumerate(_unquoted(part) for part in inline.strip("[] ").split(",") if part.strip()))
    if inline.startswith("{"):
        pairs = (part.partition(":") for part in inline.strip("{} ").split(","))
        return {int(key): _unquoted(name) for key, _, name in pairs if key.strip().isdecimal()}
    names: dict[int, str] = {}
    for line in lines[start + 1 :]:
        if match := _NAMED.match(line):
            names[int(match[1])] = _unquoted(match[2])
        elif match := _LISTED.match(line):
            names[len(names)] = _unquoted(match[1])
        elif line.strip() and not line.strip().startswith("#"):
            break
    return names


def _unquoted(text: str) -> str:
    text = text.strip()
    try:
        return json.loads(text) if text.startswith('"') else text.strip("'")
    except ValueError:
        return text.strip('"')


def _find_frame(file_name: str, shapes: Shapes, imported: Imported) -> str:
    """The frame of an image's name, as it stands or without folders; "" with a sentence where there is none."""
    if file_name in shapes:
        return file_name
    matches = [frame for frame in shapes if _last(frame) == _last(file_name)]
    if len(matches) == 1:
        return matches[0]
    why = "there is no frame with this name" if not matches else "several frames have this name"
    _fault(imported, f"Image {file_name[:120]}: {why}; its boxes are left out.")
    return ""


def _size_fault(image: Mapping[str, Any], shape: tuple[int, int], name: str, imported: Imported) -> bool:
    height, width = shape
    stated = image.get("width", width), image.get("height", height)
    if stated == (width, height):
        return False
    _fault(
        imported, f"Image {name[:120]}: the file says {stated[0]} x {stated[1]} px, the frame has {width} x {height}."
    )
    return True


def _fault(imported: Imported, sentence: str) -> None:
    if len(imported.faults) < MAX_FAULTS:
        imported.faults.append(sentence)


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
