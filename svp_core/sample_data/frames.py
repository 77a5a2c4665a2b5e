"""Full camera frames of the sample instrument, each with many particles and their ground-truth boxes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.images import encode_png
from svp_core.optics import scenes
from svp_core.optics.camera import MARGIN_PX, expose
from svp_core.sample_data import instrument
from svp_core.sample_data.tiles import write_table

COUNTS = (12, 18, 24)  # particles in each frame
RUN_SEED = 4
MIN_DIFFERENCE = 0.04  # relative, to the empty frame, of the light without noise: the extent of a particle
MIN_AREA_PX = 12  # pixels that differ so much; a smaller particle could not be found
_TAPER_PX = 6  # width over which a window's outermost diffraction rings fade, so that its edge is invisible
_POSITION, _NOISE = 101, 102  # streams of random numbers
_COLUMNS = (
    "frame",
    "top",
    "left",
    "bottom",
    "right",
    "label",
    "shape",
    "seed",
    "diameter_um",
    "um_per_px",
    "z_f_um",
    "index",
)


def write_frames(folder: Path, *, counts: Sequence[int] = COUNTS) -> Iterator[str]:
    """Yield "frames" after each particle; writes folder/frames/frame_1.png ..., boxes.csv and frames.ctx, its scale."""
    folder = folder / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    rows, k = [], 0
    for number, count in enumerate(counts, 1):
        name, light, boxes = f"frame_{number}.png", _empty_frame(), []
        for _ in range(count):
            box, truth = _add(light, scenes.particle_seed(RUN_SEED, k), boxes)
            boxes.append(box)
            sides = dict(zip(("top", "left", "bottom", "right"), box, strict=True))
            px = instrument.CAMERA.um_per_px
            rows.append({"frame": name, **sides, "label": truth["kind"], "um_per_px": px, **truth})
            k += 1
            yield "frames"
        noise = np.random.default_rng(np.random.SeedSequence(RUN_SEED, spawn_key=(_NOISE, number)))
        (folder / name).write_bytes(encode_png(expose(light, instrument.CAMERA, noise)))
    write_table(folder / "boxes.csv", _COLUMNS, rows)
    # The setting of a FlowCam run that states the pixel size, where an instrument would write it.
    text = f"[CaptureParameters]\nCalibrationConstant={instrument.CAMERA.um_per_px:.4f}\n"
    (folder / "frames.ctx").write_text(text, encoding="utf-8", newline="\n")


def _empty_frame() -> NDArray[np.float32]:
    """Intensity of an empty frame at the camera's oversampling and with its margins, all 1."""
    shape = instrument.FRAME_HEIGHT, instrument.FRAME_WIDTH
    return np.ones([(size + 2 * MARGIN_PX) * instrument.CAMERA.oversampling for size in shape], np.float32)


def _add(
    light: NDArray[np.float32], seed: int, boxes: Sequence[instrument.Box]
) -> tuple[instrument.Box, dict[str, Any]]:
    """Add the particle of this seed to `light`, clear of these boxes; returns its box and ground truth."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_POSITION,)))
    particle, mask = next(instrument.iter_whole_particles(instrument.sample_kind(rng), seed, _find))
    while True:
        top, left = instrument.random_position(rng, instrument.bounding_box(mask))
        box_top, box_left, box_bottom, box_right = instrument.bounding_box(mask)
        box = top + box_top, left + box_left, top + box_bottom, left + box_right
        if instrument.is_clear_of(box, boxes, gap_px=2 * instrument.BORDER_PX):
            _multiply(light, _tapered(particle), top, left)
            return box, particle.truth


def _find(particle: instrument.DrawnParticle) -> NDArray[np.bool_] | None:
    """Mask of the visible particle, bool (window_px, window_px), or None."""
    n = instrument.CAMERA.oversampling
    inner = particle.intensity[MARGIN_PX * n : -MARGIN_PX * n, MARGIN_PX * n : -MARGIN_PX * n]
    light = inner.reshape(particle.window_px, n, particle.window_px, n).mean(axis=(1, 3))
    mask = instrument.find_particle(np.abs(light - 1), MIN_DIFFERENCE)
    return mask if mask is not None and mask.sum() >= MIN_AREA_PX else None


def _tapered(particle: instrument.DrawnParticle) -> NDArray[np.float32]:
    """The window's intensity, tapered to 1 at its edges."""
    size = particle.intensity.shape[0]
    from_edge = np.minimum(np.arange(size), np.arange(size)[::-1]) / (_TAPER_PX * instrument.CAMERA.oversampling)
    weight = np.minimum(from_edge, 1).astype(np.float32)
    return 1 + (particle.intensity - 1) * weight[:, None] * weight[None, :]


def _multiply(light: NDArray[np.float32], intensity: NDArray[np.float32], top: int, left: int) -> None:
    """Multiply the frame's light by a window's intensity, in place; its top left camera pixel is (top, left)."""
    n, size = instrument.CAMERA.oversampling, intensity.shape[0]
    rows, columns = (
        (max(0, n * start), min(limit, n * start + size)) for start, limit in zip((top, left), light.shape, strict=True)
    )
    window = intensity[rows[0] - n * top : rows[1] - n * top, columns[0] - n * left : columns[1] - n * left]
    light[slice(*rows), slice(*columns)] *= window
