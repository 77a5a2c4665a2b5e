"""Distances between sets of images: against torchmetrics and naive loops, on planted differences, and swapped."""

import json

import numpy as np
import pytest
import torch
from scipy import ndimage

from svp_core import quality
from svp_core.errors import LabError
from svp_core.quality import shapes
from svp_core.quality.distances import NEIGHBOURS
from svp_core.quality.metric_names import entry
from svp_core.quality.texture import frequencies, grain, log_spectra
from svp_core.stats.intervals import estimate_share, resampling_interval
from tests.helpers.drawn_discs import draw_discs


def normal(n, *, seed, middle=0.0, spread=1.0, width=64):
    return np.random.default_rng(seed).normal(middle, spread, (n, width))


def finish(steps):
    """(what the generator returned, the Progress it yielded)."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return end.value, seen


def test_kid_is_torchmetrics_kid():
    from torchmetrics.image.kid import KernelInceptionDistance

    class AsTheyAre(torch.nn.Module):
        num_features = 64

        def forward(self, images):
            return images.flatten(1)

    real, synthetic = normal(60, seed=0).astype(np.float32), normal(60, seed=1, middle=0.2).astype(np.float32)
    theirs = KernelInceptionDistance(feature=AsTheyAre(), subsets=1, subset_size=60)
    for rows, is_real in ((real, True), (synthetic, False)):
        theirs.update(torch.from_numpy(rows.reshape(60, 1, 8, 8)), real=is_real)
    ours = quality.kid(real=real, synthetic=synthetic)
    assert ours.value == pytest.approx(float(theirs.compute()[0]), rel=1e-3)
    assert quality.kernel_distance(real=real, synthetic=synthetic) == pytest.approx(ours.value)
    assert ours.n == 60
    assert ours.low < ours.value < ours.high


def test_kids_interval_is_as_wide_as_chance_makes_it():
    found = [
        quality.kid(real=normal(100, seed=2 * k), synthetic=normal(100, seed=2 * k + 1, middle=0.3)) for k in range(30)
    ]
    values = np.array([estimate.value for estimate in found])
    width = np.mean([estimate.high - estimate.low for estimate in found])
    assert width == pytest.approx(4 * values.std(), rel=0.4)
    inside = [estimate.low <= values.mean() <= estimate.high for estimate in found]
    assert np.mean(inside) > 0.8


def test_kid_of_sets_alike_lies_on_the_floor_and_of_others_above():
    pool = normal(600, seed=0)
    floor = quality.real_baseline(quality.kernel_distance, real=pool, n=200)
    assert floor.n == 200
    assert floor.low < floor.median < floor.high
    assert abs(floor.median) < floor.high
    assert quality.kid(real=pool[:200], synthetic=normal(200, seed=1)).value < 2 * floor.high
    assert quality.kid(real=pool[:200], synthetic=normal(200, seed=1, middle=0.2)).value > 3 * floor.high
    assert quality.real_baseline(quality.kernel_distance, real=pool[:100], n=200).n == 50  # no more than there are


def test_a_figure_of_several_numbers_has_several_floors():
    rows = np.arange(40.0)
    floors = quality.real_baseline(
        lambda real, synthetic: (real.mean() - synthetic.mean(), len(synthetic)), real=rows, n=10
    )
    assert [floor.n for floor in floors] == [10, 10]
    assert floors[1].median == 10
    assert floors[0].low < 0 < floors[0].high


def test_neighbours_are_what_naive_loops_find():
    real, synthetic = normal(30, seed=0, width=3), normal(30, seed=1, width=3, middle=0.8, spread=0.6)

    def far(a, b):
        return np.sqrt(((a - b) ** 2).sum())

    def radius(rows, i):
        return sorted(far(rows[i], other) for other in rows)[NEIGHBOURS]  # the 0th is the row itself

    in_real = [[far(x, real[i]) <= radius(real, i) for i in range(30)] for x in synthetic]
    in_synthetic = [[far(x, synthetic[i]) <= radius(synthetic, i) for i in range(30)] for x in real]
    found = quality.neighbours(real=real, synthetic=synthetic)
    assert found.precision.value == pytest.approx(np.mean([any(row) for row in in_real]))
    assert found.recall.value == pytest.approx(np.mean([any(row) for row in in_synthetic]))
    assert found.density.value == pytest.approx(np.sum(in_real) / (NEIGHBOURS * 30))
    assert found.coverage.value == pytest.approx(np.mean(np.any(in_real, axis=0)))


def test_real_and_synthetic_are_not_the_same_thing():
    wide, narrow = normal(150, seed=0, width=4), normal(150, seed=1, width=4, spread=0.2)
    found = quality.neighbours(real=wide, synthetic=narrow)
    swapped = quality.neighbours(real=narrow, synthetic=wide)
    assert found.precision.value > 0.9
    assert found.recall.value < 0.4
    assert swapped.precision.value < 0.4
    assert swapped.recall.value > 0.9


def test_sets_of_different_size_are_cut_to_the_smaller():
    found = quality.neighbours(real=normal(90, seed=0), synthetic=normal(40, seed=1))
    assert found.recall.n == found.density.n == 40


def test_figures_need_images_and_the_same_features():
    with pytest.raises(ValueError, match="got 5 real and 9 synthetic"):
        quality.neighbours(real=normal(5, seed=0), synthetic=normal(9, seed=0))
    with pytest.raises(ValueError, match="real features are"):
        quality.kid(real=normal(5, seed=0, width=3), synthetic=normal(5, seed=0, width=4))


def test_intervals_of_shares_and_of_differences():
    assert estimate_share(np.zeros(100, bool)).high == pytest.approx(0.037, abs=1e-3)  # Wilson 1927
    half = estimate_share([True] * 50 + [False] * 50)
    assert (half.value, half.n) == (0.5, 100)
    assert (half.low, half.high) == pytest.approx((0.404, 0.596), abs=1e-3)
    found = resampling_interval(
        lambda a, b: a.mean() - b.mean(), normal(400, seed=0)[:, 0] + 3, normal(400, seed=1)[:, 0]
    )
    assert found.value == pytest.approx(3, abs=0.2)
    assert found.high - found.low == pytest.approx(0.277, rel=0.25)


def test_grain_is_the_noise_of_the_background():
    noise = np.random.default_rng(0).normal(170, 2, (64, 64))
    nothing = np.zeros((64, 64), bool)
    fine = noise - ndimage.gaussian_filter(noise, 1.0)
    found = grain(noise.round().astype(np.uint8), nothing)
    assert found == pytest.approx(fine.std(), rel=0.05)
    rows, columns = np.mgrid[:64, :64]
    disc = np.hypot(rows - 32, columns - 32) < 12
    particle = np.where(disc, noise + 20 * np.sin(columns), noise).round().astype(np.uint8)
    assert grain(particle, disc) == pytest.approx(found, rel=0.1)
    assert np.isnan(grain(particle, ~nothing))


def test_spectra_have_their_peak_where_the_waves_are():
    waves = 170 + 30 * np.sin(2 * np.pi * 0.2 * np.arange(64))
    tiles = np.stack([np.tile(waves, (64, 1)), np.tile(waves[:, None], (1, 64))]).astype(np.uint8)
    rows = log_spectra(tiles)
    assert rows.shape == (2, 32)
    assert frequencies()[rows.argmax(1)] == pytest.approx([0.2, 0.2], abs=0.02)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_shapes_of_tiles_without_a_particle():
    rows = shapes.measure_tiles(np.full((3, 64, 64), 170, np.uint8))
    assert shapes.unmeasurable(rows) == 1
    assert np.isnan(shapes.roundness(rows))
    assert shapes.large(rows) == 0
    discs = shapes.measure_tiles(draw_discs(20, seed=0))
    assert shapes.unmeasurable(discs) == 0
    assert shapes.roundness(discs) > 0.95
    for figure, apart in ((shapes.ks("area_px"), 1.0), (shapes.ks("grain"), 1.0)):
        assert figure(real=discs, synthetic=rows) == apart
        assert figure(real=discs, synthetic=discs) == 0
    assert np.isnan(shapes.wasserstein("area_px")(real=discs, synthetic=rows))


@pytest.mark.parametrize(
    ("key", "value", "real", "ratio"),
    [
        ("kid", 0.3, None, 3),
        ("recall", 0.05, None, 1),
        ("texture", 0.8, None, 0.2 / 0.95),
        ("large", 0.3, 0.1, 0.2 / 0.1),
        ("brightness", -0.2, None, 2),
    ],
)
def test_ratios_are_one_where_chance_reaches(key, value, real, ratio):
    floor = (
        quality.RealBaseline(median=0.05, low=0.05, high=0.1, n=10)
        if key != "large"
        else quality.RealBaseline(0.1, 0.0, 0.15, 9)
    )
    found = entry(key, quality.Estimate(value, 0, 1, 10), floor=floor, real=real)
    assert found["ratio"] == pytest.approx(ratio)
    assert found["floor"]["n"] == floor.n


@pytest.mark.usefixtures("short_two_sample_test")
def test_a_report_finds_smoothness_and_brightness():
    made = draw_discs(60, seed=2, level=175)
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 0.6) for tile in made]).round().astype(np.uint8)
    report, _ = finish(quality.compare(real={"fat": draw_discs(120, seed=0)}, synthetic={"fat": smooth}))
    figures = report["classes"]["fat"]["figures"]
    assert 0.4 < figures["texture"]["value"] < 0.8
    assert figures["texture"]["high"] < 1
    assert figures["brightness"]["value"] == pytest.approx(5, abs=3)
    assert figures["kid"]["ratio"] > 3
    assert figures["spectrum"]["ratio"] > 2
    assert figures["large"]["real"] == 0


@pytest.mark.usefixtures("short_two_sample_test")
def test_a_report_finds_copies():
    real, training, made = draw_discs(120, seed=0), draw_discs(200, seed=1), draw_discs(60, seed=2)
    made[:45] = np.rot90(training[30:75], 3, (1, 2))
    report, seen = finish(
        quality.compare(
            real={"fat": real, "air_bubble": real}, synthetic={"fat": made, "protein": made}, training={"fat": training}
        )
    )
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5]
    assert seen[-1].total == 5
    (part,) = report["classes"].values()
    assert (part["n"], part["n_real"], part["n_synthetic"], part["n_training"]) == (60, 120, 60, 200)
    figures = part["figures"]
    assert list(figures) == [key for key in quality.METRICS if key in figures]
    assert "named" not in figures
    assert figures["ct_z"]["value"] < -2
    assert figures["copied"]["value"] > 0.5 > figures["copied"]["real"]
    for pair in part["closest"]:
        assert pair["synthetic"] < 45
        assert pair["training"] == pair["synthetic"] + 30
        assert pair["distance"] < 0.1
    assert set(part["shapes"]) == set(shapes.COLUMNS)
    assert part["shapes"]["grain"]["ks"]["value"] < 0.3
    assert len(part["spectrum"]["real"]) == len(part["spectrum"]["cycles_per_px"]) == 32
    left_out = [warning for warning in report["warnings"] if "left out" in warning]
    assert [warning.split(":")[0] for warning in left_out] == ["protein", "air_bubble"]
    assert any("below 500 the intervals are wide" in warning for warning in report["warnings"])


@pytest.mark.usefixtures("short_two_sample_test")
def test_sets_alike_are_on_the_floor():
    report, _ = finish(
        quality.compare(real={"fat": draw_discs(160, seed=0)}, synthetic={"fat": draw_discs(80, seed=5)})
    )
    figures = report["classes"]["fat"]["figures"]
    assert figures["kid"]["ratio"] < 2
    assert figures["shape"]["ratio"] < 2
    assert figures["texture"]["ratio"] < 3
    assert figures["recall"]["ratio"] == pytest.approx(1, abs=0.15)
    assert "ct_z" not in figures


@pytest.mark.usefixtures("short_two_sample_test")
def test_pictures_all_the_same_are_measured_too():
    tiles = np.repeat(draw_discs(1, seed=0), 50, axis=0)
    report, _ = finish(quality.compare(real={"fat": tiles}, synthetic={"fat": tiles}))
    assert report["classes"]["fat"]["figures"]["brightness"]["value"] == 0
    json.dumps(report, allow_nan=False)
    assert any("its real-vs-real floors rest on 25 images a side" in warning for warning in report["warnings"])


def test_too_little_is_refused_in_a_sentence():
    few, enough = draw_discs(49, seed=0), draw_discs(50, seed=0)
    with pytest.raises(LabError, match="fat: 49 synthetic images were given; give 50 or more, fewer say nothing."):
        next(quality.compare(real={"fat": enough}, synthetic={"fat": few}))
    with pytest.raises(LabError, match="The real tiles are of fat but the synthetic ones of nothing; give the same"):
        next(quality.compare(real={"fat": enough}, synthetic={}))
