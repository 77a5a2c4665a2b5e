"""Outlines by a FlowCam run's own thresholds: drawn particles, and the masks of the real run."""

import shutil

import numpy as np
from PIL import Image
from scipy import ndimage

from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.flowcam.segmentation import RunThresholds, read_thresholds
from tests.helpers.drawn_run import draw_run
from tests.helpers.records import mask_of

SETTINGS = {
    "thresholddark": "20.0000",
    "thresholdlight": "15.0000",
    "closeholes": "1",
    "capturedarkorlightpixels": "0",
}


def test_thresholds_are_read_from_the_settings():
    assert read_thresholds(SETTINGS) == RunThresholds(20, None, 1)
    assert read_thresholds(SETTINGS | {"capturedarkorlightpixels": "1"}) == RunThresholds(None, 15, 1)
    assert read_thresholds(SETTINGS | {"capturedarkorlightpixels": "2"}) == RunThresholds(20, 15, 1)
    for missing in SETTINGS:
        if missing != "thresholdlight":
            assert read_thresholds({key: value for key, value in SETTINGS.items() if key != missing}) is None


def crop(*parts, level=180, size=40):
    """Grey crop with rectangles (row, column, height, width, level)."""
    pixels = np.full((size, size), level, np.uint8)
    for row, column, height, width, value in parts:
        pixels[row : row + height, column : column + width] = value
    return pixels


def outline(pixels, empty=180, **changes):
    options = {"dark": 20, "light": None, "close_holes": 0, **changes}
    return RunThresholds(**options).outline(pixels, np.full(pixels.shape[:2], empty, np.uint8))


def test_dark_and_light_pixels_are_told_apart():
    pixels = crop((5, 5, 6, 6, 150), (5, 11, 6, 4, 230), (20, 5, 4, 4, 165))
    assert outline(pixels).sum() == 36
    assert outline(pixels, dark=None, light=15.0).sum() == 24
    assert outline(pixels, light=15.0).sum() == 60
    assert outline(pixels, dark=10).sum() == 36 + 16


def test_the_empty_cell_is_subtracted_pixel_by_pixel():
    slope = np.tile(np.arange(120, 200, 2, dtype=np.uint8), (40, 1))
    pixels = slope.copy()
    pixels[10:16, 4:10] -= 30
    assert RunThresholds(20, None, 0).outline(pixels, slope).sum() == 36
    assert not RunThresholds(20, None, 0).outline(slope, slope).any()


def test_holes_are_closed_as_often_as_the_run_did():
    ring = crop((10, 5, 6, 6, 100), (12, 7, 2, 2, 180))
    assert outline(ring).sum() == 32
    assert outline(ring, close_holes=1).sum() == 36


def test_colour_is_flowcams_grey():
    pixels = np.full((20, 20, 3), 180, np.uint8)
    pixels[5:10, 5:10, 2] = 110  # blue weighs 0.299
    assert outline(pixels).sum() == 25
    pixels[5:10, 5:10] = (110, 180, 180)  # red weighs 0.114
    assert not outline(pixels).any()


def test_a_run_without_masks_is_outlined_by_its_thresholds(tmp_path):
    truth = draw_run(tmp_path)
    (tmp_path / "run ä1.ctx").write_text(
        "[Fluid]\nCalibrationConstant=0.5\n[CaptureParameters]\n"
        "ThresholdDark=20\nThresholdLight=20\nCloseHoles=0\nDistanceToNeighbor=5\nCaptureDarkOrLightPixels=0\n"
    )
    for path in tmp_path.glob("*_bin.tif"):
        path.unlink()
    listed = (tmp_path / "run ä1.lst").read_text("latin-1").splitlines()
    column = [line.partition("|")[0] for line in listed[2:67]].index("cal_image")
    rows = [line.split("|") for line in listed[67:]]
    for row in rows:
        row[column] = "1"
    (tmp_path / "run ä1.lst").write_text("\n".join([*listed[:67], *map("|".join, rows), ""]), "latin-1")
    records = list(read_particles(tmp_path))
    assert len(records) == len(truth)
    for record, (_, mask) in zip(records, truth, strict=True):
        assert np.array_equal(mask_of(record), mask)
    assert any("own thresholds" in caution for caution in detect_source(tmp_path).cautions)
    (tmp_path / "cal_image_000001.tif").unlink()
    assert all(record.mask is None and record.pixels is not None for record in read_particles(tmp_path))
    assert not any("own thresholds" in note for note in detect_source(tmp_path).notes)


def test_the_masks_of_the_real_run_are_reproduced(tmp_path, real_data):
    for path in real_data.glob("flowcam_run/*/*"):
        if not path.stem.endswith("_bin"):
            shutil.copy(path, tmp_path)
    known = {record.name.rpartition("#")[2]: mask_of(record) for record in read_particles(real_data / "flowcam_run")}
    own = {record.name.rpartition("#")[2]: mask_of(record) for record in read_particles(tmp_path)}
    assert known.keys() == own.keys()

    def area(mask):
        return np.count_nonzero(ndimage.binary_fill_holes(mask))

    errors = np.array([np.sqrt(area(own[name]) / area(mask)) - 1 for name, mask in known.items()])
    assert np.median(np.abs(errors)) <= 0.05
    assert np.mean(np.abs(errors) <= 0.15) >= 0.9


def test_an_unreadable_empty_cell_leaves_our_own_outline(tmp_path):
    draw_run(tmp_path)
    with (tmp_path / "run ä1.ctx").open("a") as file:
        file.write("[CaptureParameters]\n" + "\n".join(f"{key}={value}" for key, value in SETTINGS.items()))
    for path in tmp_path.glob("*_bin.tif"):
        path.unlink()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "cal_image_000001.tif")
    assert all(record.mask is None and not record.rejected for record in read_particles(tmp_path))
