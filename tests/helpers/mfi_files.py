"""MFI runs drawn for the tests: full frames and the table of boxes in them."""

import numpy as np
from PIL import Image

# Columns as in the published screenshot.
COLUMNS = [
    "#",
    " Frame #",
    " Particle #",
    " Time Stamp(s)",
    " ECD(um)",
    " Area(pixels)",
    " Perimeter",
    " Circularity",
    " Intensity Mean",
    " Intensity STD",
    " Intensity Min",
    " Intensity Max",
    " Max Feret Diameter(um)",
    " Aspect Ratio",
    " X Left",
    " X Right",
    " Y Top",
    " Y Bottom",
    " Edge Particle",
]
SHAPE = 120, 200
BOXES = [(1, 10, 29, 40, 49), (3, 0, 4, 0, 7), (2, 190, 199, 100, 119)]


def draw_frames(folder, *, first=1, count=3, pattern="frame_{:03d}.png", boxes=()):
    """Write frames of noise; returns their pixels. first: number of the first frame in the file names.

    boxes: as for write_table; each has a dark particle in its middle, in every frame, and the noise is weak.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    frames = [rng.integers(100, 200, SHAPE, dtype=np.uint8) for _ in range(count)]
    if boxes:
        frames = [rng.integers(150 + 10 * k, 156 + 10 * k, SHAPE, dtype=np.uint8) for k in range(count)]
    for _, left, right, top, bottom in boxes:
        height, width = (bottom - top) // 4, (right - left) // 4
        for frame in frames:
            frame[top + height : bottom - height, left + width : right - width] = 60
    for number, frame in enumerate(frames, first):
        Image.fromarray(frame).save(folder / pattern.format(number))
    return frames


def write_table(folder, boxes, *, name="day 1.csv", delimiter=","):
    """Write a table of particles with these boxes: [(frame, left, right, top, bottom)]."""
    lines = [delimiter.join(COLUMNS)]
    for number, (frame, left, right, top, bottom) in enumerate(boxes, 1):
        values = [number, frame, 1, "1.499", "78.125", 3085, 273.39, 0.72, 594.17, 192.7, 72, 934, 121.875, 0.4]
        lines.append(delimiter.join(str(v) for v in [*values, left, right, top, bottom, int(number == 2)]))
    (folder / name).write_text("\n".join(lines) + "\n")
