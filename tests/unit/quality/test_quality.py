"""Metrics between sets of images: against torchmetrics and naive loops, on planted differences, and swapped."""

import json
import re

import numpy as np
import pytest
import torch
from scipy import ndimage

from svp_core import quality
from svp_core.errors import LabError
from svp_core.progress import run_to_end
from svp_core.quality import shapes
from svp_core.quality.distances import BASELINE_DRAWS, NEIGHBOURS
from svp_core.quality.metric_names import metric_entry, ratio_interval
from svp_core.quality.report import ENOUGH_IMAGES
from svp_core.quality.text_table import as_table, ratio_text
from svp_core.quality.texture import frequencies, grain, log_spectra
from svp_core.stats.intervals import estimate_share, resampling_interval
from tests.helpers.drawn_discs import draw_discs


def normal(n, *, seed, middle=0.0, spread=1.0, width=64):
    return np.random.default_rng(seed).normal(middle, spread, (n, width))


def test_kid_is_torchmetrics_kid():
    from torchmetrics.image.kid import KernelInceptionDistance

    class Identity(torch.nn.Module):
        num_features = 64

        def forward(self, images):
            return images.flatten(1)

    real, synthetic = normal(60, seed=0).astype(np.float32), normal(60, seed=1, middle=0.2).astype(np.float32)
    reference = KernelInceptionDistance(feature=Identity(), subsets=1, subset_size=60)
    for rows, is_real in ((real, True), (synthetic, False)):
        reference.update(torch.from_numpy(rows.reshape(60, 1, 8, 8)), real=is_real)
    estimate = quality.kid(real=real, synthetic=synthetic)
    assert estimate.value == pytest.approx(float(reference.compute()[0]), rel=1e-3)
    assert quality.kid_value(real=real, synthetic=synthetic) == pytest.approx(estimate.value)
    assert estimate.n == 60
    assert estimate.low < estimate.value < estimate.high


def test_the_interval_of_kid_has_the_width_of_its_sampling_variation():
    estimates = [
        quality.kid(real=normal(100, seed=2 * k), synthetic=normal(100, seed=2 * k + 1, middle=0.3)) for k in range(30)
    ]
    values = np.array([estimate.value for estimate in estimates])
    width = np.mean([estimate.high - estimate.low for estimate in estimates])
    assert width == pytest.approx(4 * values.std(), rel=0.4)
    inside = [estimate.low <= values.mean() <= estimate.high for estimate in estimates]
    assert np.mean(inside) > 0.8


def test_kid_lies_within_its_baseline_for_equal_distributions_and_above_it_for_others():
    pool = normal(600, seed=0)
    baseline = quality.real_baseline(quality.kid_value, real=pool, n=200)
    assert baseline.n == 200
    assert baseline.low < baseline.median < baseline.high
    assert abs(baseline.median) < baseline.high
    assert quality.kid(real=pool[:200], synthetic=normal(200, seed=1)).value < 2 * baseline.high
    assert quality.kid(real=pool[:200], synthetic=normal(200, seed=1, middle=0.2)).value > 3 * baseline.high
    assert quality.real_baseline(quality.kid_value, real=pool[:100], n=200).n == 50  # no more than there are


def test_a_metric_of_several_numbers_has_one_baseline_per_number():
    rows = np.arange(40.0)
    baselines = quality.real_baselines(
        lambda real, synthetic: (real.mean() - synthetic.mean(), len(synthetic)), real=rows, n=10
    )
    assert [baseline.n for baseline in baselines] == [10, 10]
    assert baselines[1].median == 10
    assert baselines[0].low < 0 < baselines[0].high


def test_precision_and_recall_equal_those_of_naive_loops():
    real, synthetic = normal(30, seed=0, width=3), normal(30, seed=1, width=3, middle=0.8, spread=0.6)

    def distance(a, b):
        return np.sqrt(((a - b) ** 2).sum())

    def radius(rows, i):
        return sorted(distance(rows[i], other) for other in rows)[NEIGHBOURS]  # the first is the row itself

    in_real = [[distance(x, real[i]) <= radius(real, i) for i in range(30)] for x in synthetic]
    in_synthetic = [[distance(x, synthetic[i]) <= radius(synthetic, i) for i in range(30)] for x in real]
    result = quality.precision_recall(real=real, synthetic=synthetic)
    assert result.precision.value == pytest.approx(np.mean([any(row) for row in in_real]))
    assert result.recall.value == pytest.approx(np.mean([any(row) for row in in_synthetic]))
    assert result.density.value == pytest.approx(np.sum(in_real) / (NEIGHBOURS * 30))
    assert result.coverage.value == pytest.approx(np.mean(np.any(in_real, axis=0)))


def test_real_and_synthetic_cannot_be_swapped():
    wide, narrow = normal(150, seed=0, width=4), normal(150, seed=1, width=4, spread=0.2)
    result = quality.precision_recall(real=wide, synthetic=narrow)
    swapped = quality.precision_recall(real=narrow, synthetic=wide)
    assert result.precision.value > 0.9
    assert result.recall.value < 0.4
    assert swapped.precision.value < 0.4
    assert swapped.recall.value > 0.9


def test_the_larger_set_is_cut_to_the_size_of_the_smaller():
    result = quality.precision_recall(real=normal(90, seed=0), synthetic=normal(40, seed=1))
    assert result.recall.n == result.density.n == 40


def test_metrics_need_enough_images_and_features_of_equal_width():
    with pytest.raises(ValueError, match="got 5 real and 9 synthetic"):
        quality.precision_recall(real=normal(5, seed=0), synthetic=normal(9, seed=0))
    with pytest.raises(ValueError, match="real features have shape"):
        quality.kid(real=normal(5, seed=0, width=3), synthetic=normal(5, seed=0, width=4))


def test_intervals_of_shares_and_differences_have_the_known_width():
    assert estimate_share(np.zeros(100, bool)).high == pytest.approx(0.037, abs=1e-3)  # Wilson 1927
    half = estimate_share([True] * 50 + [False] * 50)
    assert (half.value, half.n) == (0.5, 100)
    assert (half.low, half.high) == pytest.approx((0.404, 0.596), abs=1e-3)
    difference = resampling_interval(
        lambda a, b: a.mean() - b.mean(), normal(400, seed=0)[:, 0] + 3, normal(400, seed=1)[:, 0]
    )
    assert difference.value == pytest.approx(3, abs=0.2)
    assert difference.high - difference.low == pytest.approx(0.277, rel=0.25)


def test_grain_is_the_standard_deviation_of_the_background_noise():
    noise = np.random.default_rng(0).normal(170, 2, (64, 64))
    no_particle = np.zeros((64, 64), bool)
    fine = noise - ndimage.gaussian_filter(noise, 1.0)
    background_grain = grain(noise.round().astype(np.uint8), no_particle)
    assert background_grain == pytest.approx(fine.std(), rel=0.05)
    rows, columns = np.mgrid[:64, :64]
    disc = np.hypot(rows - 32, columns - 32) < 12
    particle = np.where(disc, noise + 20 * np.sin(columns), noise).round().astype(np.uint8)
    assert grain(particle, disc) == pytest.approx(background_grain, rel=0.1)
    assert np.isnan(grain(particle, ~no_particle))


def test_spectra_peak_at_the_frequency_of_the_waves():
    waves = 170 + 30 * np.sin(2 * np.pi * 0.2 * np.arange(64))
    tiles = np.stack([np.tile(waves, (64, 1)), np.tile(waves[:, None], (1, 64))]).astype(np.uint8)
    rows = log_spectra(tiles)
    assert rows.shape == (2, 32)
    assert frequencies()[rows.argmax(1)] == pytest.approx([0.2, 0.2], abs=0.02)
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_tiles_without_a_particle_are_not_measurable():
    rows = shapes.measure_tiles(np.full((3, 64, 64), 170, np.uint8))
    assert shapes.unmeasurable_share(rows) == 1
    assert np.isnan(shapes.median_roundness(rows))
    assert shapes.large_share(rows) == 0
    discs = shapes.measure_tiles(draw_discs(20, seed=0))
    assert shapes.unmeasurable_share(discs) == 0
    assert shapes.median_roundness(discs) > 0.95
    for metric in (shapes.ks_metric("area_px"), shapes.ks_metric("grain")):
        assert metric(real=discs, synthetic=rows) == 1
        assert metric(real=discs, synthetic=discs) == 0
    assert np.isnan(shapes.wasserstein_metric("area_px")(real=discs, synthetic=rows))


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
def test_a_ratio_of_one_is_what_chance_gives(key, value, real, ratio):
    baseline = (
        quality.RealBaseline(median=0.05, low=0.05, high=0.1, n=10)
        if key != "large"
        else quality.RealBaseline(0.1, 0.0, 0.15, 9)
    )
    entry = metric_entry(key, quality.Estimate(value, 0, 1, 10), baseline=baseline, real=real)
    assert entry["ratio"] == pytest.approx(ratio)
    assert entry["floor"]["n"] == baseline.n


def test_the_interval_of_a_ratio_includes_the_baselines_own_spread():
    """By simulation: the true ratio is known, value and baseline are estimated, and the interval holds it."""
    rng, held, widths = np.random.default_rng(5), 0, []
    value, spread, upper = 0.002, 0.0004, 1.645 * 0.0004
    for _ in range(200):
        draws = rng.normal(0, spread, BASELINE_DRAWS)
        median, low, high = np.quantile(draws, (0.5, 0.05, 0.95))
        measured = rng.normal(value, 0.0005)
        estimate = quality.Estimate(measured, measured - 0.00098, measured + 0.00098, 1000)
        entry = metric_entry("kid", estimate, baseline=quality.RealBaseline(median, low, high, 1000))
        ends = ratio_interval("kid", entry)
        assert ends is not None
        assert ends[0] <= entry["ratio"] <= ends[1]
        held += ends[0] <= value / upper <= ends[1]
        widths.append(ends[1] - ends[0])
    assert held >= 0.9 * 200
    # The value's interval alone, divided by a baseline taken as exact, would be narrower.
    assert np.median(widths) > 1.2 * 2 * 0.00098 / upper


def test_a_ratio_is_printed_with_its_interval():
    estimate, baseline = (
        quality.Estimate(0.0014, 0.0002, 0.0033, 1000),
        quality.RealBaseline(0.0, -0.0004, 0.0007, 1000),
    )
    entry = metric_entry("kid", estimate, baseline=baseline)
    assert re.fullmatch(r"2\.00 \(0\.\d\d to \d\.\d\d\)", ratio_text("kid", entry))
    lines = as_table({"classes": {"protein": {"n": 1000, "figures": {"kid": entry}}}})
    assert re.search(r"\*\*2\.00\*\* \(0\.\d\d to \d\.\d\d\)", lines[-1])
    without = metric_entry("copied", estimate)
    assert ratio_text("copied", without) == ""
    assert ratio_interval("copied", without) is None


@pytest.mark.usefixtures("short_two_sample_test")
def test_a_report_finds_smoothness_and_brightness():
    synthetic = draw_discs(60, seed=2, level=175)
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 0.6) for tile in synthetic]).round().astype(np.uint8)
    report = run_to_end(quality.compare(real={"fat": draw_discs(120, seed=0)}, synthetic={"fat": smooth}))
    figures = report["classes"]["fat"]["figures"]
    assert 0.4 < figures["texture"]["value"] < 0.8
    assert figures["texture"]["high"] < 1
    assert figures["brightness"]["value"] == pytest.approx(5, abs=3)
    assert figures["kid"]["ratio"] > 3
    assert figures["spectrum"]["ratio"] > 2
    assert figures["large"]["real"] == 0


@pytest.mark.usefixtures("short_two_sample_test")
def test_a_report_finds_copies():
    real, training, synthetic = draw_discs(120, seed=0), draw_discs(200, seed=1), draw_discs(60, seed=2)
    synthetic[:45] = np.rot90(training[30:75], 3, (1, 2))
    events = []
    report = run_to_end(
        quality.compare(
            real={"fat": real, "air_bubble": real},
            synthetic={"fat": synthetic, "protein": synthetic},
            training={"fat": training},
        ),
        events.append,
    )
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert [progress.step for progress in events] == [1, 2, 3, 4, 5]
    assert events[-1].total == 5
    (section,) = report["classes"].values()
    assert (section["n"], section["n_real"], section["n_synthetic"], section["n_training"]) == (60, 120, 60, 200)
    figures = section["figures"]
    assert list(figures) == [key for key in quality.METRICS if key in figures]
    assert "named" not in figures
    assert figures["ct_z"]["value"] < -2
    assert figures["copied"]["value"] > 0.5 > figures["copied"]["real"]
    for pair in section["closest"]:
        assert pair["synthetic"] < 45
        assert pair["training"] == pair["synthetic"] + 30
        assert pair["distance"] < 0.1
    assert set(section["shapes"]) == set(shapes.COLUMNS)
    assert section["shapes"]["grain"]["ks"]["value"] < 0.3
    assert len(section["spectrum"]["real"]) == len(section["spectrum"]["cycles_per_px"]) == 32
    excluded = [warning for warning in report["warnings"] if "excluded" in warning]
    assert [warning.split(":")[0] for warning in excluded] == ["Protein", "Air bubble"]
    assert any(f"fewer than {ENOUGH_IMAGES}" in warning for warning in report["warnings"])


@pytest.mark.usefixtures("short_two_sample_test")
def test_equal_distributions_lie_within_the_baseline():
    report = run_to_end(
        quality.compare(real={"fat": draw_discs(160, seed=0)}, synthetic={"fat": draw_discs(80, seed=5)})
    )
    figures = report["classes"]["fat"]["figures"]
    assert figures["kid"]["ratio"] < 2
    assert figures["shape"]["ratio"] < 2
    assert figures["texture"]["ratio"] < 3
    assert figures["recall"]["ratio"] == pytest.approx(1, abs=0.15)
    assert "ct_z" not in figures


@pytest.mark.usefixtures("short_two_sample_test")
def test_identical_tiles_are_measured():
    tiles = np.repeat(draw_discs(1, seed=0), 50, axis=0)
    report = run_to_end(quality.compare(real={"fat": tiles}, synthetic={"fat": tiles}))
    assert report["classes"]["fat"]["figures"]["brightness"]["value"] == 0
    json.dumps(report, allow_nan=False)
    assert any("baselines use 25 images per side" in warning for warning in report["warnings"])


def test_sets_that_cannot_be_compared_are_refused():
    few, enough = draw_discs(49, seed=0), draw_discs(50, seed=0)
    with pytest.raises(LabError, match="fat: 49 synthetic images were given; .* at least 50"):
        next(quality.compare(real={"fat": enough}, synthetic={"fat": few}))
    with pytest.raises(LabError, match="no class in common .*real: fat; synthetic: none"):
        next(quality.compare(real={"fat": enough}, synthetic={}))
