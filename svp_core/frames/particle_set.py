"""Particles found in frames as a folder that every reader of particles opens: crops on collages, boxes.csv, run.json.

instruments.located reads it. A crop is the box and CROP_BORDER_PX around it, at the grey levels of its frame.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.files import atomic_write, write_json
from svp_core.frames.boxes import border_weights, touches_border
from svp_core.frames.proposals import Boxes
from svp_core.frames.reading import Frame
from svp_core.images import background_level, encode_png, to_grey
from svp_core.instruments.located import COLUMNS, CUT, FACTS_FILE, TABLE_FILE, WHOLE

CROP_BORDER_PX = 5  # kept around a particle, as FlowCam keeps it
COLLAGE_PX = 2048  # width and height of a collage, more where a crop is larger
_GAP_PX = 1

Row = dict[str, Any]


def box_rows(
    frame: Frame,
    boxes: Boxes,
    *,
    labels: Sequence[str] | None = None,
    scores: Sequence[float] | None = None,
    contrasts: Sequence[float] | None = None,
) -> list[Row]:
    """Rows of boxes.csv for the boxes of a readable frame, without the place of their crops."""
    assert frame.pixels is not None
    shape = frame.pixels.shape
    cut, weights = touches_border(boxes, shape), border_weights(boxes, shape)
    rows = []
    for k, box in enumerate(boxes.tolist()):
        row: Row = dict.fromkeys(COLUMNS, "")
        row |= {"frame": frame.name, **dict(zip(("top", "left", "bottom", "right"), box, strict=True))}
        row |= {"frame_height": shape[0], "frame_width": shape[1], "border": CUT if cut[k] else WHOLE}
        row["border_weight"] = f"{weights[k]:.5f}"
        row["label"] = labels[k] if labels else ""
        row["score"] = f"{scores[k]:.4f}" if scores is not None else ""
        row["contrast"] = f"{contrasts[k]:.4f}" if contrasts is not None else ""
        rows.append(row)
    return rows


def crop(pixels: NDArray[np.uint8], box: Sequence[int]) -> NDArray[np.uint8]:
    """The box with CROP_BORDER_PX around it, as far as the frame goes."""
    top, left, bottom, right = box
    return pixels[
        max(0, top - CROP_BORDER_PX) : bottom + CROP_BORDER_PX, max(0, left - CROP_BORDER_PX) : right + CROP_BORDER_PX
    ]


class CollageWriter:
    """Packs crops in rows on collages and writes each as a PNG; flush() writes the last one."""

    def __init__(self, folder: Path, stem: str) -> None:
        """Files are folder/<stem>_1.png, ...: the same crops always give the same files."""
        self._folder, self._stem, self._number = folder, stem, 0
        self._placed: list[tuple[int, int, NDArray[np.uint8]]] = []
        self._top = self._left = self._height = 0

    def place(self, row: Row, pixels: NDArray[np.uint8]) -> None:
        """Place a crop and enter its place in the row."""
        height, width = pixels.shape[:2]
        if self._left and self._left + width > COLLAGE_PX:
            self._top, self._left, self._height = self._top + self._height + _GAP_PX, 0, 0
        if self._top and self._top + height > COLLAGE_PX:
            self.flush()
        self._placed.append((self._top, self._left, pixels))
        row |= {"collage": self._name, "collage_top": self._top, "collage_left": self._left}
        row |= {"crop_height": height, "crop_width": width}
        self._left, self._height = self._left + width + _GAP_PX, max(self._height, height)

    def flush(self) -> None:
        """Write the collage, if anything is on it."""
        if not self._placed:
            return
        height = max(top + crop.shape[0] for top, _, crop in self._placed)
        width = max(left + crop.shape[1] for _, left, crop in self._placed)
        in_colour = any(crop.ndim == 3 for _, _, crop in self._placed)
        level = round(background_level(to_grey(self._placed[0][2])))
        sheet = np.full((height, width, 3) if in_colour else (height, width), level, np.uint8)
        for top, left, pixels in self._placed:
            shown = pixels[..., None] if in_colour and pixels.ndim == 2 else pixels
            sheet[top : top + pixels.shape[0], left : left + pixels.shape[1]] = shown
        data = encode_png(sheet)
        atomic_write(self._folder / self._name, lambda path: path.write_bytes(data))
        self._number += 1
        self._placed, self._top, self._left, self._height = [], 0, 0, 0

    @property
    def _name(self) -> str:
        return f"{self._stem}_{self._number + 1}.png"


def write_frame(collages: CollageWriter, frame: Frame, rows: Sequence[Row]) -> None:
    """Place the crops of a frame's particles; rows from box_rows."""
    assert frame.pixels is not None
    for row in rows:
        collages.place(row, crop(frame.pixels, [row[side] for side in ("top", "left", "bottom", "right")]))


def table_text(rows: Iterable[Mapping[str, Any]], *, header: bool = True) -> str:
    """Rows as the text of boxes.csv."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list[str](COLUMNS), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def finish_set(folder: Path, parts: Iterable[Path], facts: Mapping[str, Any]) -> None:
    """Write boxes.csv from the texts of its parts, which have no header, and run.json; the set is complete then."""

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(table_text([]))
            for part in parts:
                file.write(part.read_text("utf-8"))

    write_json(folder / FACTS_FILE, dict(facts))
    atomic_write(folder / TABLE_FILE, write)
