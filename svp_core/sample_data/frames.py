"""Full camera frames of the sample instrument, each with many particles and a true box around every one."""

import numpy as np

from svp_core.images import encode_png
from svp_core.optics import scenes
from svp_core.optics.camera import MARGIN_PX, expose
from svp_core.sample_data import instrument
from svp_core.sample_data.tiles import write_table

COUNTS = (12, 18, 24)  # particles in each frame
RUN_SEED = 4
VISIBLE = 0.04  # a particle reaches as far as the light without noise differs by this share from the empty frame
MIN_AREA_PX = 12  # that are so; nobody could find less
_TAPER_PX = 6  # over which a window's outermost diffraction rings fade, so that its edge does not show
_PLACE, _NOISE = 101, 102
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


def write_frames(folder, *, counts=COUNTS):
    """Yield a line after each particle; writes folder/frames/frame_1.png ... and boxes.csv."""
    folder = folder / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    rows, k = [], 0
    for number, count in enumerate(counts, 1):
        name, light, taken = f"frame_{number}.png", _empty(), []
        for _ in range(count):
            box, truth = _add(light, scenes.particle_seed(RUN_SEED, k), taken)
            taken.append(box)
            sides = dict(zip(("top", "left", "bottom", "right"), box, strict=True))
            px = instrument.CAMERA.um_per_px
            rows.append({"frame": name, **sides, "label": truth["kind"], "um_per_px": px, **truth})
            k += 1
            yield "frames"
        noise = np.random.default_rng(np.random.SeedSequence(RUN_SEED, spawn_key=(_NOISE, number)))
        (folder / name).write_bytes(encode_png(expose(light, instrument.CAMERA, noise)))
    write_table(folder / "boxes.csv", _COLUMNS, rows)


def _empty():
    """Light of an empty frame at the camera's oversampling and with its margins, float32, all 1."""
    shape = instrument.FRAME_HEIGHT, instrument.FRAME_WIDTH
    return np.ones([(size + 2 * MARGIN_PX) * instrument.CAMERA.oversampling for size in shape], np.float32)


def _add(light, seed, taken):
    """Put the particle of this seed where nothing is yet, in place; its box (top, left, bottom, right) and truth."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PLACE,)))
    drawn, mask = next(instrument.iter_whole_particles(instrument.sample_kind(rng), seed, _find))
    while True:
        top, left = instrument.random_position(rng, instrument.bounding_box(mask))
        box_top, box_left, box_bottom, box_right = instrument.bounding_box(mask)
        box = top + box_top, left + box_left, top + box_bottom, left + box_right
        if instrument.is_clear_of(box, taken, gap_px=2 * instrument.BORDER_PX):
            _multiply(light, _faded(drawn), top, left)
            return box, drawn.truth


def _find(drawn):
    """Mask of what stands out, bool (window_px, window_px), or None."""
    n = instrument.CAMERA.oversampling
    inner = drawn.intensity[MARGIN_PX * n : -MARGIN_PX * n, MARGIN_PX * n : -MARGIN_PX * n]
    light = inner.reshape(drawn.window_px, n, drawn.window_px, n).mean(axis=(1, 3))
    mask = instrument.find_particle(np.abs(light - 1), VISIBLE)
    return mask if mask is not None and mask.sum() >= MIN_AREA_PX else None


def _faded(drawn):
    """The window's intensity, brought to 1 at its edges."""
    size = drawn.intensity.shape[0]
    from_edge = np.minimum(np.arange(size), np.arange(size)[::-1]) / (_TAPER_PX * instrument.CAMERA.oversampling)
    weight = np.minimum(from_edge, 1).astype(np.float32)
    return 1 + (drawn.intensity - 1) * weight[:, None] * weight[None, :]


def _multiply(light, intensity, top, left):
    """Light through both: the window's top left camera pixel is (top, left) of the frame."""
    n, size = instrument.CAMERA.oversampling, intensity.shape[0]
    rows, columns = (
        (max(0, n * at), min(limit, n * at + size)) for at, limit in zip((top, left), light.shape, strict=True)
    )
    part = intensity[rows[0] - n * top : rows[1] - n * top, columns[0] - n * left : columns[1] - n * left]
    light[slice(*rows), slice(*columns)] *= part
