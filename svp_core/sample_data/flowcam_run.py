"""A FlowCam-style run of simulated particles, in the exact layout of VisualSpreadsheet 4, with its ground truth."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from svp_core.instruments.flowcam.measures import feret_widths, measure_particle, outer_contours, subtract_fringe
from svp_core.optics import scenes
from svp_core.optics.camera import expose
from svp_core.sample_data import flowcam_run_text, flowcam_text, instrument
from svp_core.sample_data.run_metadata import FRINGE_PX, MAX_ESD_UM, MIN_ESD_UM, THRESHOLD, RunMetadata
from svp_core.sample_data.tiles import write_table

RUN_NAME = "SVP-SIM-001"
PARTICLE_COUNT = 560
RUN_SEED = 3
PARTICLES_PER_FRAME = 1.3  # on average
FRAMES_BEFORE = 31  # camera frames taken before counting starts
_GAP_PX = 2  # between the crops of a collage
_MAX_POSITIONS = 50  # tried in a frame that already contains particles
_SCHEDULE, _POSITION, _NOISE, _IDENTITY = 101, 102, 103, 104  # streams of random numbers of one particle


@dataclass(frozen=True)
class Capture:
    """One particle as the instrument cropped it."""

    pixels: NDArray[np.uint8]  # (h, w)
    mask: NDArray[np.bool_]  # (h, w)
    left: int  # of the crop in the camera frame
    top: int
    truth: dict[str, Any]

    @property
    def box(self) -> instrument.Box:
        """Box of the crop in the camera frame."""
        height, width = self.mask.shape
        return self.top, self.left, self.top + height, self.left + width


def write_run(folder: Path, *, count: int = PARTICLE_COUNT) -> Iterator[str]:
    """Yield "run" after each particle; the files are written at the end, into folder/flowcam_run/RUN_NAME."""
    captures, src_images = [], []
    for capture, src_image in _captures(count):
        captures.append(capture)
        src_images.append(src_image)
        yield "run"
    folder = folder / "flowcam_run" / RUN_NAME
    folder.mkdir(parents=True, exist_ok=True)
    run = RunMetadata(RUN_NAME, count, src_images[-1] - FRAMES_BEFORE, len(set(src_images)))
    rows = _rows(captures, src_images, run)
    _write_images(folder, captures, rows)
    export_rows = [flowcam_text.export_row(row) for row in rows]
    texts = {
        f"{RUN_NAME}.lst": flowcam_text.list_text(rows),
        f"{RUN_NAME}.csv": flowcam_text.export_text(export_rows),
        f"{RUN_NAME}.edg": flowcam_text.outline_text(rows),
        f"{RUN_NAME}.ctx": flowcam_run_text.context_text(run),
        f"{RUN_NAME}.cla": flowcam_text.unclassified_text(),
        f"{RUN_NAME}_summary.csv": flowcam_run_text.summary_text(export_rows, run),
        f"{RUN_NAME}_run_summary.txt": flowcam_run_text.run_summary_text(run),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content.encode("latin-1"))
    table = [{"id": row["id"], "class": c.truth["kind"], **c.truth} for row, c in zip(rows, captures, strict=True)]
    write_table(folder.parent / "truth.csv", list(table[0]), table)


def _captures(count: int) -> Iterator[tuple[Capture, int]]:
    """Yield (Capture, number of its camera frame) in the order of flow; a later one never changes an earlier one."""
    time, boxes, last = 0.0, [], None  # time in camera frames
    for k in range(count):
        seed = scenes.particle_seed(RUN_SEED, k)
        rng = _rng(seed, _SCHEDULE)
        kind = instrument.sample_kind(rng)
        time += rng.exponential(1 / PARTICLES_PER_FRAME)
        src_image = FRAMES_BEFORE + 1 + int(time)
        if src_image != last:
            boxes, last = [], src_image
        attempts = instrument.iter_whole_particles(kind, seed, _find)
        capture = next(filter(None, (_capture(particle, mask, boxes) for particle, mask in attempts)))
        boxes.append(capture.box)
        yield capture, src_image


def _find(particle: instrument.DrawnParticle) -> NDArray[np.bool_] | None:
    """Mask (window_px, window_px) of the particle without noise and in uniform light, or None."""
    camera = replace(instrument.CAMERA, noise=0.0, gradient=(0.0, 0.0))
    pixels = expose(particle.intensity, camera, np.random.default_rng(0))
    return instrument.find_particle(np.abs(pixels - 255 * camera.background), THRESHOLD)


def _capture(
    particle: instrument.DrawnParticle, expected: NDArray[np.bool_], boxes: Sequence[instrument.Box]
) -> Capture | None:
    """Capture of the particle at a random position in the frame, clear of these boxes; None if the run excludes it.

    expected: its mask without noise.
    """
    seed, attempt = particle.truth["seed"], particle.truth["attempt"]
    position, noise = _rng(seed, _POSITION, attempt), _rng(seed, _NOISE, attempt)
    for _ in range(_MAX_POSITIONS):
        top, left = instrument.random_position(position, instrument.bounding_box(expected))
        pixels = expose(particle.intensity, instrument.camera_at(top, left, particle.window_px), noise)
        empty = np.round(255 * instrument.background_light(top, left, *pixels.shape))
        mask = instrument.find_particle(np.abs(pixels - empty), THRESHOLD)
        if mask is None or instrument.edge_margin(mask) < instrument.BORDER_PX:
            return None
        capture = _crop(pixels, mask, top, left, particle.truth)
        if instrument.is_clear_of(capture.box, boxes):
            return capture if MIN_ESD_UM <= _esd_um(capture) <= MAX_ESD_UM else None
    return None


def _rng(seed: int, *stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))


def _crop(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], top: int, left: int, truth: dict[str, Any]) -> Capture:
    """The region of interest: the mask's box with a border."""
    border = instrument.BORDER_PX
    box_top, box_left, box_bottom, box_right = instrument.bounding_box(mask)
    roi = slice(box_top - border, box_bottom + border), slice(box_left - border, box_right + border)
    return Capture(pixels[roi], mask[roi], left + box_left - border, top + box_top - border, truth)


def _esd_um(capture: Capture) -> float:
    points = np.argwhere(capture.mask)[:, ::-1] + (capture.left, capture.top)
    return subtract_fringe(feret_widths(points).mean(), FRINGE_PX) * instrument.CAMERA.um_per_px


def _rows(captures: Sequence[Capture], src_images: Sequence[int], run: RunMetadata) -> list[dict[str, Any]]:
    """One dict per particle with every field of the list, and its contours."""
    rows = []
    positions = _collage_positions([capture.mask.shape for capture in captures])
    for number, (capture, src_image, position) in enumerate(zip(captures, src_images, positions, strict=True), 1):
        page, top, left = position
        height, width = capture.mask.shape
        scale = {"um_per_px": run.um_per_px, "fringe_px": FRINGE_PX}
        measured = measure_particle(capture.pixels, capture.mask, left=capture.left, top=capture.top, **scale)
        elapsed, timestamp = run.time_of(src_image)
        random_bytes = _rng(capture.truth["seed"], _IDENTITY).bytes(16)
        rows.append(
            {
                "id": number,
                "image_x": left,
                "image_y": top,
                "image_w": width,
                "image_h": height,
                "src_x": capture.left,
                "src_y": capture.top,
                "src_image": src_image,
                "cal_image": 1,
                "camera": 1,
                "cal_const": run.um_per_px,
                "fringe_size": FRINGE_PX,
                "elapsed_time": elapsed,
                "timestamp": timestamp,
                "collage_file": f"{RUN_NAME}_{page + 1:06d}.tif",
                "image_id": str(uuid.UUID(bytes=random_bytes, version=4)).upper(),
                "contours": outer_contours(capture.mask),
                **measured,
            }
        )
    return rows


def _collage_positions(shapes: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(collage, top, left) of crops of these (height, width): row by row from (0, 0), with black gaps between them."""
    page = top = left = row_height = 0
    positions = []
    for height, width in shapes:
        if left + width > instrument.FRAME_WIDTH:
            top, left, row_height = top + row_height + _GAP_PX, 0, 0
        if top + height > instrument.FRAME_HEIGHT:
            page, top, left, row_height = page + 1, 0, 0, 0
        positions.append((page, top, left))
        left, row_height = left + width + _GAP_PX, max(row_height, height)
    return positions


def _write_images(folder: Path, captures: Sequence[Capture], rows: Sequence[dict[str, Any]]) -> None:
    """Write collages, their masks, and the empty frame, as LZW-compressed grey TIFF."""
    shape = instrument.FRAME_HEIGHT, instrument.FRAME_WIDTH
    for name in dict.fromkeys(row["collage_file"] for row in rows):
        collage, masks = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for row, capture in zip(rows, captures, strict=True):
            if row["collage_file"] == name:
                height, width = capture.mask.shape
                box = slice(row["image_y"], row["image_y"] + height), slice(row["image_x"], row["image_x"] + width)
                collage[box], masks[box] = capture.pixels, 255 * capture.mask
        _write_tiff(folder / name, collage)
        _write_tiff(folder / name.replace(".tif", "_bin.tif"), masks)
    _write_tiff(folder / "cal_image_000001.tif", np.round(255 * instrument.background_light()).astype(np.uint8))


def _write_tiff(path: Path, pixels: NDArray[np.uint8]) -> None:
    Image.fromarray(pixels).save(path, compression="tiff_lzw")
