"""Masks, calibration and background images are never particles, in a run's folder or without the run."""

import shutil

import numpy as np
import pytest
from PIL import Image

from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images.side_images import side_images
from tests.helpers.drawn_run import draw_collage, draw_run
from tests.helpers.records import pixels_of


def save(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(168, 180, (40, 50), dtype=np.uint8)
    pixels[12:20, 15:30] = 80
    Image.fromarray(pixels).save(path)


MASKS = {
    "p1_bin.png": "p1.png",
    "p1-mask.tif": "p1.png",
    "P1_Mask.PNG": "p1.png",
    "p1.seg.png": "p1.png",
    "mask_p1.png": "p1.png",
    "p1_segmentation.bmp": "p1.tif",
    "masks/p1.png": "images/p1.png",
    "run/Masks/p1_mask.png": "run/p1.png",
    "segmentation/p1.png": "p1.png",
    "p1_gt.png": "p1.png",
    "p1_cp_masks.png": "p1.png",
    "p1_Probabilities.tif": "p1.tif",
    "p1 Overlay.png": "p1.png",
    "p1_Simple Segmentation.png": "p1.png",
}


@pytest.mark.parametrize("mask", MASKS)
def test_mask_beside_its_image_is_not_a_particle(tmp_path, mask):
    save(tmp_path / mask)
    save(tmp_path / MASKS[mask], 1)
    save(tmp_path / "q.png", 2)
    records = {r.name: r for r in read_particles(tmp_path)}
    assert detect_source(tmp_path).count == len(records) == 3
    assert [name for name, r in records.items() if r.rejected] == [mask]
    assert "mask of p1" in records[mask].reason
    assert any("1 image is not read as particles" in note for note in detect_source(tmp_path).notes)


def test_images_that_only_sound_like_masks_are_read(tmp_path):
    for name in ("a_mask.png", "bin.png", "masking.png", "dustbin_1.png", "masks/only.png", "seg 1.png"):
        save(tmp_path / name)
    assert not any(r.rejected for r in read_particles(tmp_path))


@pytest.mark.parametrize(
    "name", ["cal_image_000001.tif", "rawfile_000012.tif", "background.png", "run_Background_1.png"]
)
def test_calibration_and_background_images_are_not_particles(tmp_path, name):
    for number in range(8):
        save(tmp_path / f"p{number}.png", number)
    save(tmp_path / name)
    records = {r.name: r for r in read_particles(tmp_path)}
    assert [other for other, r in records.items() if r.rejected] == [name]
    assert "not a particle" in records[name].reason
    (tmp_path / "alone").mkdir()
    shutil.move(tmp_path / name, tmp_path / "alone" / name)
    # Chosen by itself, it is what the user wants to see.
    assert [r.reason for r in read_particles(tmp_path / "alone" / name)] == [""]


def test_crops_of_a_class_named_background_are_read():
    names = [f"background/background_{number}.png" for number in range(20)] + ["protein/p.png"]
    assert side_images(names) == {}
    assert set(side_images([*(f"x/p{number}.png" for number in range(20)), "x/background_1.png"])) == {
        "x/background_1.png"
    }


@pytest.mark.parametrize("place", ["", "masks", "raw/day 1"])
def test_side_images_of_a_run_are_never_particles(tmp_path, place):
    truth = draw_run(tmp_path / "run")
    folder = tmp_path / "run" / place
    folder.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        Image.new("L", (400, 80), 176).save(folder / f"cal_image_00000{number}.tif")
        Image.new("L", (400, 80), 176).save(folder / f"rawfile_00000{number}.tif")
        if place:
            name = f"run ä1_00000{number}_bin.tif"
            shutil.move(tmp_path / "run" / name, folder / name)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.count == len(records) == len(truth)
    assert not any(r.rejected for r in records)


def test_collage_beside_its_mask_is_split_into_tiles(tmp_path):
    image, _ = draw_collage([(20, 30), (25, 35), (30, 20), (22, 40), (28, 33)])
    Image.fromarray(image).save(tmp_path / "run_000001.tif")
    Image.fromarray((image > 0).astype(np.uint8).reshape(image.shape) * 255).save(tmp_path / "run_000001_bin.tif")
    records = list(read_particles(tmp_path))
    assert detect_source(tmp_path).kind == "collage"
    assert detect_source(tmp_path).count == len(records) == 6
    assert [r.name for r in records if r.rejected] == ["run_000001_bin.tif"]
    assert pixels_of(records[0]).shape[:2] == (20, 30)
