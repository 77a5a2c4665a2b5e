"""Imaging conditions measured on crops of simulated runs, whose camera is known."""

import json

import numpy as np
import pytest

from svp_core.classification.measure import LIQUID_CROPS, read_measured
from svp_core.images import encode_png
from svp_core.optics import scenes
from svp_core.optics.camera import MARGIN_PX, Camera, expose
from svp_core.optics.imaging_conditions import sample_viewing
from svp_core.profiles.conditions import (
    MIN_CROPS,
    LiquidSample,
    conditions_from_dict,
    measure_conditions,
    measure_liquid,
    nearest_magnification,
)
from svp_core.tasks.classify import ClassifyRequest, classify

KINDS = ("protein", "silicone_oil", "air_bubble")


def exposed_discs(camera, count, *, seed=0, size=48):
    """Crops of grey discs, uint8 (size, size), by a camera whose properties are known."""
    rng, axis = np.random.default_rng(seed), np.arange(size + 2 * MARGIN_PX) - (size + 2 * MARGIN_PX - 1) / 2
    radius = np.hypot(axis, axis[:, None])
    return [expose(np.where(radius < rng.uniform(4, 10), 0.5, 1.0), camera, rng) for _ in range(count)]


@pytest.mark.parametrize(("um_per_px", "magnification"), [(0.28, "20x"), (0.53, "10x"), (1.3, "4x")])
def test_the_camera_of_a_simulated_run_is_found(um_per_px, magnification):
    instrument = sample_viewing(np.random.default_rng(round(100 * um_per_px)), um_per_px=um_per_px)
    crops = [scenes.simulate(kind, 100 + k, instrument=instrument).pixels for k in range(8) for kind in KINDS]
    found, camera = measure_conditions(crops, um_per_px=um_per_px), instrument.camera
    assert found is not None
    assert (found.um_per_px, found.magnification) == (um_per_px, magnification)
    assert MIN_CROPS <= found.n_crops <= len(crops)
    assert found.noise == pytest.approx(camera.noise, rel=0.05)
    assert found.background == pytest.approx(camera.background, rel=0.01)
    assert (found.gradient_x, found.gradient_y) == pytest.approx(camera.gradient, abs=0.004)


@pytest.mark.parametrize("noise", [0.002, 0.006, 0.02, 0.05])
def test_noise_is_unbiased_at_any_strength(noise):
    found = measure_conditions(exposed_discs(Camera(noise=noise), 150), um_per_px=0.5)
    assert found is not None
    assert found.noise == pytest.approx(noise, rel=0.03)


def test_a_gradient_is_that_across_a_tile_whatever_the_size_of_the_crop():
    # From the centre of a crop of 48 px to its edge the background changes by 0.03, of a tile of 64 px by 0.04.
    crops = exposed_discs(Camera(background=0.5, gradient=(0.03, -0.015), noise=0.004), 60)
    found = measure_conditions(crops, um_per_px=0.5)
    assert found is not None
    assert found.gradient_x == pytest.approx(0.03 * 63 / 47, rel=0.05)
    assert found.gradient_y == pytest.approx(-0.015 * 63 / 47, rel=0.05)


def test_padding_with_one_level_does_not_lower_the_noise():
    crops = exposed_discs(Camera(noise=0.01), 80)
    padded = [np.pad(crop, 20, constant_values=175) for crop in crops]
    found = measure_conditions(padded, um_per_px=0.5)
    assert found is not None
    assert found.noise == pytest.approx(0.01, rel=0.05)


def test_the_instruments_own_outline_is_kept_free():
    """Faint particles that no threshold finds: inside the outline nothing is measured."""
    rng, mask = np.random.default_rng(1), np.zeros((48, 48), bool)
    mask[12:36, 12:36] = True
    crops = []
    for _ in range(40):
        crop = 128 + rng.normal(0, 2, (48, 48)) + mask * rng.normal(0, 6, (48, 48))
        crops.append(np.round(crop).astype(np.uint8))
    found = measure_conditions(crops, um_per_px=0.5, masks=[mask] * len(crops))
    assert found is not None
    assert found.noise == pytest.approx(2 / 255, rel=0.05)
    assert measure_liquid(crops[0], np.ones((48, 48), bool)) is None


def test_too_few_crops_give_no_conditions():
    crops = exposed_discs(Camera(), MIN_CROPS)
    assert measure_conditions(crops[1:], um_per_px=0.5) is None
    assert measure_conditions(crops, um_per_px=0.5) is not None
    assert measure_liquid(np.full((2, 90), 7, np.uint8)) is None


def test_a_source_of_several_scales_has_the_conditions_of_the_most_frequent_one():
    sample = LiquidSample()
    sample.add([(0.5, (100.0, 0.0, 0.0, 4.0))] * 20 + [(None, (9.0, 0.0, 0.0, 1.0))] * 90)
    sample.add([(1.2, (200.0, 0.0, 0.0, 4.0))] * 30)
    found = sample.conditions()
    assert found is not None
    assert (found.um_per_px, found.n_crops, found.background) == (1.2, 30, 200 / 255)
    assert LiquidSample().conditions() is None


def test_conditions_are_read_back_from_json_and_damaged_ones_are_none():
    found = measure_conditions(exposed_discs(Camera(), 20), um_per_px=0.5)
    assert found is not None
    assert conditions_from_dict(json.loads(json.dumps(found.as_dict()))) == found
    for damaged in (
        None,
        {},
        [],
        {**found.as_dict(), "noise": "much"},
        {**found.as_dict(), "background": float("nan")},
    ):
        assert conditions_from_dict(damaged) is None


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.3])
def test_magnifications_go_by_ratio(ratio):
    names = [nearest_magnification(ratio * size) for size in (0.28, 0.55, 1.25)]
    assert names == ["20x", "10x", "4x"]


def test_conditions_of_a_classified_folder_stand_in_its_summary(tmp_path):
    folder, out = tmp_path / "crops", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for number, crop in enumerate(exposed_discs(Camera(noise=0.01, background=0.6), 24)):
        (folder / f"{number}.png").write_bytes(encode_png(crop))
    for _ in classify(ClassifyRequest(str(folder), um_per_px=0.55), out):
        pass
    found = conditions_from_dict(json.loads((out / "summary.json").read_text("utf-8"))["conditions"])
    assert found is not None
    assert (found.magnification, found.n_crops) == ("10x", 24)
    assert found.noise == pytest.approx(0.01, rel=0.1)
    assert found.background == pytest.approx(0.6, rel=0.01)


def test_of_many_crops_some_are_measured(tmp_path):
    for number, crop in enumerate(exposed_discs(Camera(), 3 * LIQUID_CROPS)):
        (tmp_path / f"{number:03}.png").write_bytes(encode_png(crop))
    (batch,) = read_measured(tmp_path, um_per_px=0.5)
    assert len(batch.liquid) == LIQUID_CROPS
