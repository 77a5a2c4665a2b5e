"""A FlowCam-style run of simulated particles, in the exact layout of VisualSpreadsheet 4, with its truth beside it."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from PIL import Image

from svp_core.instruments.flowcam.measures import feret_widths, measure_particle, outer_contours, subtract_fringe
from svp_core.optics import scenes
from svp_core.optics.camera import expose
from svp_core.sample_data import flowcam_text as text
from svp_core.sample_data import instrument
from svp_core.sample_data.tiles import write_table

RUN_NAME = "SVP-SIM-001"
PARTICLE_COUNT = 560
RUN_SEED = 3
THRESHOLD = 10.0  # grey levels, darker or lighter than the empty frame
FRINGE_PX = 4.5
MIN_ESD_UM, MAX_ESD_UM = 2.0, 60.0
PARTICLES_PER_FRAME = 1.3  # particles, on average
FRAMES_BEFORE = 31  # camera frames used up before counting starts
_LEFT, _TOP, _RIGHT, _BOTTOM = 1, 1, instrument.FRAME_WIDTH - 2, instrument.FRAME_HEIGHT - 2  # end included
_GAP_PX = 2
_PLACES = 50  # tried in a frame that already holds particles
_SCHEDULE, _PLACE, _NOISE, _IDENTITY = 101, 102, 103, 104  # streams of random numbers of one particle


@dataclass(frozen=True)
class RunFigures:
    """What the files say about the run as a whole."""

    name: str
    count: int
    frames: int  # camera frames counted
    frames_used: int  # of them, those with a particle
    um_per_px: float = instrument.CAMERA.um_per_px
    frame_width: int = instrument.FRAME_WIDTH
    frame_height: int = instrument.FRAME_HEIGHT
    left: int = _LEFT
    top: int = _TOP
    right: int = _RIGHT
    bottom: int = _BOTTOM
    border_px: int = instrument.BORDER_PX
    neighbour_um: float = instrument.NEIGHBOUR_UM
    threshold: float = THRESHOLD
    fringe_px: float = FRINGE_PX
    min_esd_um: float = MIN_ESD_UM
    max_esd_um: float = MAX_ESD_UM
    flow_cell_depth_um: float = 100.0
    volume_cf: float = 0.87  # the maker's correction of the imaged volume
    flow_ml_per_min: float = 0.15
    frames_per_s: float = 17.0
    utc_start: datetime = datetime(2026, 1, 15, 9)
    zone: timedelta = timedelta(hours=1)
    priming_s: float = 8.0  # from the start to the first frame

    @property
    def imaged_ml(self):
        area_um2 = (self.right - self.left + 1) * (self.bottom - self.top + 1) * self.um_per_px**2
        return area_um2 * self.flow_cell_depth_um * self.frames * self.volume_cf * 1e-12

    @property
    def per_ml(self):
        return self.count / self.imaged_ml

    @property
    def sampling_s(self):
        return self.frames / self.frames_per_s

    @property
    def processed_ml(self):
        return self.flow_ml_per_min * self.sampling_s / 60

    @property
    def efficiency(self):
        return self.imaged_ml / self.processed_ml

    @property
    def utc_end(self):
        return self.utc_start + timedelta(seconds=round(self.priming_s + self.sampling_s))

    @property
    def local_start(self):
        return self.utc_start + self.zone

    @property
    def local_end(self):
        return self.utc_end + self.zone

    def time_of(self, src_image):
        """(seconds since the first frame, local time as the list has it) of a camera frame."""
        elapsed = src_image / self.frames_per_s
        moment = self.local_start + timedelta(milliseconds=round(1000 * (self.priming_s + elapsed)))
        return elapsed, moment.isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Capture:
    """One particle as the instrument cut it out."""

    pixels: np.ndarray  # uint8 (h, w)
    mask: np.ndarray  # bool (h, w)
    left: int  # of the crop in the camera frame
    top: int
    truth: dict

    @property
    def box(self):
        height, width = self.mask.shape
        return self.top, self.left, self.top + height, self.left + width


def write_run(folder, *, count=PARTICLE_COUNT):
    """Yield a line after each particle; the files are written at the end, into folder/flowcam_run/NAME."""
    captures, src_images = [], []
    for capture, src_image in _captures(count):
        captures.append(capture)
        src_images.append(src_image)
        yield "run"
    folder = folder / "flowcam_run" / RUN_NAME
    folder.mkdir(parents=True, exist_ok=True)
    run = RunFigures(RUN_NAME, count, src_images[-1] - FRAMES_BEFORE, len(set(src_images)))
    rows = _rows(captures, src_images, run)
    _write_pictures(folder, captures, rows)
    columns = [text.export_row(row) for row in rows]
    written = {
        f"{RUN_NAME}.lst": text.list_text(rows),
        f"{RUN_NAME}.csv": text.export_text(columns),
        f"{RUN_NAME}.edg": text.outline_text(rows),
        f"{RUN_NAME}.ctx": text.context_text(run),
        f"{RUN_NAME}.cla": text.unclassified_text(),
        f"{RUN_NAME}_summary.csv": text.summary_text(columns, run),
        f"{RUN_NAME}_run_summary.txt": text.run_summary_text(run),
    }
    for name, content in written.items():
        (folder / name).write_bytes(content.encode("latin-1"))
    table = [{"id": row["id"], "class": c.truth["kind"], **c.truth} for row, c in zip(rows, captures, strict=True)]
    write_table(folder.parent / "truth.csv", list(table[0]), table)


def _captures(count):
    """(Capture, camera frame) one after the other as the liquid flows; a later one never changes an earlier."""
    moment, taken, last = 0.0, [], None
    for k in range(count):
        seed = scenes.particle_seed(RUN_SEED, k)
        rng = _rng(seed, _SCHEDULE)
        kind = instrument.sample_kind(rng)
        moment += rng.exponential(1 / PARTICLES_PER_FRAME)
        src_image = FRAMES_BEFORE + 1 + int(moment)
        if src_image != last:
            taken, last = [], src_image
        tries = instrument.iter_whole_particles(kind, seed, _find)
        capture = next(filter(None, (_capture(drawn, mask, taken) for drawn, mask in tries)))
        taken.append(capture.box)
        yield capture, src_image


def _find(drawn):
    """Mask of the particle without noise and in even light, bool (window_px, window_px), or None."""
    camera = replace(instrument.CAMERA, noise=0.0, gradient=(0.0, 0.0))
    pixels = expose(drawn.intensity, camera, np.random.default_rng(0))
    return instrument.find_particle(np.abs(pixels - 255 * camera.background), THRESHOLD)


def _capture(drawn, expected, taken):
    """Capture of the particle somewhere in the frame, clear of the boxes already taken; None if the run leaves it out.

    expected: its mask without noise.
    """
    seed, attempt = drawn.truth["seed"], drawn.truth["attempt"]
    place, noise = _rng(seed, _PLACE, attempt), _rng(seed, _NOISE, attempt)
    for _ in range(_PLACES):
        top, left = instrument.random_position(place, instrument.bounding_box(expected))
        pixels = expose(drawn.intensity, instrument.camera_at(top, left, drawn.window_px), noise)
        empty = np.round(255 * instrument.background_light(top, left, *pixels.shape))
        mask = instrument.find_particle(np.abs(pixels - empty), THRESHOLD)
        if mask is None or instrument.edge_margin(mask) < instrument.BORDER_PX:
            return None
        capture = _cut(pixels, mask, top, left, drawn.truth)
        if instrument.is_clear_of(capture.box, taken):
            return capture if MIN_ESD_UM <= _esd_um(capture) <= MAX_ESD_UM else None
    return None


def _rng(seed, *stream):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))


def _cut(pixels, mask, top, left, truth):
    """The region of interest: the mask's box and a border around it."""
    border = instrument.BORDER_PX
    box_top, box_left, box_bottom, box_right = instrument.bounding_box(mask)
    roi = slice(box_top - border, box_bottom + border), slice(box_left - border, box_right + border)
    return Capture(pixels[roi], mask[roi], left + box_left - border, top + box_top - border, truth)


def _esd_um(capture):
    points = np.argwhere(capture.mask)[:, ::-1] + (capture.left, capture.top)
    return subtract_fringe(feret_widths(points).mean(), FRINGE_PX) * instrument.CAMERA.um_per_px


def _rows(captures, src_images, run):
    """A dict per particle with every field of the list, and its contours."""
    rows = []
    places = _places([capture.mask.shape for capture in captures])
    for number, (capture, src_image, place) in enumerate(zip(captures, src_images, places, strict=True), 1):
        page, top, left = place
        height, width = capture.mask.shape
        scale = {"um_per_px": run.um_per_px, "fringe_px": FRINGE_PX}
        measured = measure_particle(capture.pixels, capture.mask, left=capture.left, top=capture.top, **scale)
        elapsed, timestamp = run.time_of(src_image)
        identity = _rng(capture.truth["seed"], _IDENTITY).bytes(16)
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
                "image_id": str(uuid.UUID(bytes=identity, version=4)).upper(),
                "contours": outer_contours(capture.mask),
                **measured,
            }
        )
    return rows


def _places(shapes):
    """(collage, top, left) of crops of these (height, width): row by row, black gaps between, the first at (0, 0)."""
    page = top = left = row_height = 0
    places = []
    for height, width in shapes:
        if left + width > instrument.FRAME_WIDTH:
            top, left, row_height = top + row_height + _GAP_PX, 0, 0
        if top + height > instrument.FRAME_HEIGHT:
            page, top, left, row_height = page + 1, 0, 0, 0
        places.append((page, top, left))
        left, row_height = left + width + _GAP_PX, max(row_height, height)
    return places


def _write_pictures(folder, captures, rows):
    """Collages, their masks, and the empty frame, as LZW-packed grey TIFF."""
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


def _write_tiff(path, pixels):
    Image.fromarray(pixels).save(path, compression="tiff_lzw")
