"""Simulated camera frames of the sample instrument with true boxes: plain, touching, and cut by the border.

Particles are drawn as those of sample_data/frames are, of run seeds that nothing else uses; no two frames share one. A
true box is where the light without noise differs by 4 % from the empty frame: a person would draw it a little larger.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.frames.boxes import as_boxes
from svp_core.optics import scenes
from svp_core.optics.camera import expose
from svp_core.sample_data import frames, instrument

PLAIN, TOUCHING, CUT = "plain", "touching", "cut"
KINDS = ("protein", "silicone_oil", "air_bubble")


@dataclass(frozen=True)
class SimulatedFrame:
    """One frame and what is in it."""

    pixels: NDArray[np.uint8]  # (964, 1292)
    truth: NDArray[np.int32]  # (M, 4), boxes cut to the frame
    kinds: tuple[str, ...]
    layout: str


def simulate_frames(layout: str, counts: list[int], run_seed: int):
    """Yield a SimulatedFrame per count. layout: PLAIN, TOUCHING (each second particle beside another) or CUT."""
    k = 0
    for number, count in enumerate(counts):
        rng = np.random.default_rng(np.random.SeedSequence(run_seed, spawn_key=(7, number)))
        light, boxes, kinds = frames._empty_frame(), [], []
        while len(boxes) < count:
            seed = scenes.particle_seed(run_seed, k)
            k += 1
            kind = instrument.sample_kind(np.random.default_rng(seed))
            particle, mask = next(instrument.iter_whole_particles(kind, seed, frames._find))
            own = instrument.bounding_box(mask)
            place = _place(rng, own, boxes, layout)
            if place is None:
                continue
            top, left = place
            frames._multiply(light, frames._tapered(particle), top, left)
            boxes.append((top + own[0], left + own[1], top + own[2], left + own[3]))
            kinds.append(kind)
        limits = (instrument.FRAME_HEIGHT, instrument.FRAME_WIDTH) * 2
        cut = [tuple(int(np.clip(side, 0, limit)) for side, limit in zip(box, limits, strict=True)) for box in boxes]
        yield SimulatedFrame(expose(light, instrument.CAMERA, rng), as_boxes(cut), tuple(kinds), layout)


def _place(rng, own, boxes, layout):
    """(top, left) of a particle's window; own: its box in the window; None where there is no room."""
    gap = 2 * instrument.BORDER_PX
    for _ in range(200):
        if layout == TOUCHING and len(boxes) % 2:
            top, left = _beside(rng, own, boxes[-1])
            others = boxes[:-1]
        elif layout == CUT and len(boxes) % 2:
            top, left = _over_border(rng, own)
            others = boxes
        else:
            top, left = instrument.random_position(rng, own)
            others = boxes
        box = top + own[0], left + own[1], top + own[2], left + own[3]
        inside = box[0] > 3 and box[1] > 3
        inside &= box[2] < instrument.FRAME_HEIGHT - 3 and box[3] < instrument.FRAME_WIDTH - 3
        if instrument.is_clear_of(box, others, gap_px=gap) and (inside or layout == CUT):
            return top, left
    return None


def _beside(rng, own, other):
    """Beside another box, from 1 px apart to 3 px overlapping, its middle along the other's side."""
    height, width, apart = own[2] - own[0], own[3] - own[1], int(rng.integers(-3, 2))
    along = int(rng.integers(-4, 5))
    middle_row = (other[0] + other[2] - height) // 2 + along
    middle_column = (other[1] + other[3] - width) // 2 + along
    row, column = [
        (other[0] - height - apart, middle_column),
        (other[2] + apart, middle_column),
        (middle_row, other[1] - width - apart),
        (middle_row, other[3] + apart),
    ][int(rng.integers(4))]
    return row - own[0], column - own[1]


def _over_border(rng, own):
    """Over a random side of the frame by a third of its own size."""
    height, width = own[2] - own[0], own[3] - own[1]
    row = int(rng.integers(4, instrument.FRAME_HEIGHT - height - 4))
    column = int(rng.integers(4, instrument.FRAME_WIDTH - width - 4))
    row, column = [
        (-(height // 3), column),
        (instrument.FRAME_HEIGHT - height + height // 3, column),
        (row, -(width // 3)),
        (row, instrument.FRAME_WIDTH - width + width // 3),
    ][int(rng.integers(4))]
    return row - own[0], column - own[1]
