"""Counts corrected by a confusion reference: near the truth, intervals that cover it, predictive values."""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svp_core.classifier.resnet import predict_probs
from svp_core.images import to_tile
from svp_core.instruments.detect import read_particles
from svp_core.morphology import measure
from svp_core.stats import counts
from svp_core.stats.predictive_values import predictive_values
from tests.helpers.confusion import CONFUSION, KEYS, drawn_reference, shipped_classifier

ROOT = Path(__file__).resolve().parents[3]


def called_as(true_counts, rng):
    """Assigned class keys of these numbers of true particles, by CONFUSION."""
    return np.array(KEYS, object)[
        np.concatenate([rng.choice(3, n, p=row) for n, row in zip(true_counts, CONFUSION, strict=True)])
    ]


def test_corrected_counts_are_near_the_true_ones():
    rng = np.random.default_rng(0)
    labels = called_as((20_000, 800, 300), rng)
    raw = {
        row.class_key: row.count for row in counts.count_table(labels, [9] * len(labels), class_keys=KEYS, bins_um=(2,))
    }
    rows = counts.corrected_counts(
        labels,
        [9.0] * len(labels),
        reference=drawn_reference(20_000, rng),
        class_keys=KEYS,
        bins_um=(2,),
        volume_ml=2.0,
    )
    found = {row.class_key: row for row in rows}
    assert raw["silicone_oil"] > 2000  # protein assigned to oil
    assert found["silicone_oil"].count == pytest.approx(800, abs=130)
    assert found["silicone_oil"].low < 800 < found["silicone_oil"].high
    assert found["air_bubble"].count == pytest.approx(300, abs=90)
    assert found["all"].count == pytest.approx(21_100)
    assert found["all"].per_ml == pytest.approx(10_550)
    values: dict[str, Any] = {
        value.class_key: value
        for value in predictive_values(labels, reference=drawn_reference(20_000, rng), class_keys=KEYS)
    }
    true_ppv = 800 * 0.85 / (20_000 * 0.08 + 800 * 0.85 + 300 * 0.1)
    assert values["silicone_oil"].low < true_ppv < values["silicone_oil"].high
    assert values["silicone_oil"].value == pytest.approx(true_ppv, abs=0.05)
    assert values["protein"].value > 0.99
    assert values["silicone_oil"].n == raw["silicone_oil"]


def test_intervals_cover_the_truth_for_corrected_counts_and_not_for_raw_ones():
    """200 samples of 300 protein, 60 oil, 40 air on average, each with its own reference."""
    rng, hits = np.random.default_rng(1), {"raw": np.zeros((200, 3)), "corrected": np.zeros((200, 3))}
    truth = np.array([300, 60, 40])
    for k in range(200):
        labels = called_as(rng.poisson(truth), rng)
        options: dict[str, Any] = {"class_keys": KEYS, "bins_um": (2,)}
        rows = {
            "raw": counts.count_table(labels, [9] * len(labels), **options),
            "corrected": counts.corrected_counts(
                labels, [9] * len(labels), reference=drawn_reference(500, rng), seed=k, **options
            ),
        }
        for kind, found in rows.items():
            hits[kind][k] = [row.low <= true <= row.high for row, true in zip(found, truth, strict=False)]
    assert (hits["corrected"].mean(0) >= 0.9).all()
    # Protein assigned to oil makes a third more oil than there is: a Poisson interval does not include that.
    assert hits["raw"].mean(0)[1] < 0.8


def test_only_reference_particles_of_the_same_size_are_used():
    rng = np.random.default_rng(0)
    good, bad = drawn_reference(300, rng, np.eye(3)), drawn_reference(300, rng)
    both = counts.ConfusionReference(
        np.concatenate([good.probs, bad.probs]),
        np.concatenate([good.labels, bad.labels]),
        np.concatenate([np.full(900, 30.0), np.full(900, 3.0)]),
        KEYS,
        "both",
    )
    rows = counts.corrected_counts(
        ["silicone_oil"] * 100, [30.0] * 100, reference=both, class_keys=KEYS, bins_um=(2, 25), differential=True
    )
    found = {(row.class_key, row.at_least_um): row.count for row in rows}
    assert found["silicone_oil", 25.0] > 99.9
    assert found["silicone_oil", 2.0] == pytest.approx(0, abs=1e-6)


def test_a_count_of_zero_has_the_poisson_upper_limit_after_correction():
    rng = np.random.default_rng(0)
    for labels in ([], ["protein"] * 40):
        options: dict[str, Any] = {"reference": drawn_reference(500, rng), "class_keys": KEYS, "bins_um": (2, 10, 25)}
        rows = counts.corrected_counts(labels, [5.0] * len(labels), **options)
        for row in rows:
            if row.class_key != "protein" and (row.class_key != "all" or row.at_least_um > 5):
                assert (row.count, row.low) == (0, 0)
                assert row.high == pytest.approx(3.69, abs=0.1)


def test_lower_ends_of_zero_stay_zero_and_empty_bins_have_the_exact_limit():
    labels = ["protein"] * 40 + ["silicone_oil", "unsure"]
    options: dict[str, Any] = {
        "reference": drawn_reference(500, np.random.default_rng(0)),
        "class_keys": KEYS,
        "bins_um": (2, 10),
    }
    rows = {(row.class_key, row.at_least_um): row for row in counts.corrected_counts(labels, [5.0] * 42, **options)}
    assert rows["silicone_oil", 2.0].low == rows["air_bubble", 2.0].low == 0
    assert all(row.low == 0 or row.low >= 0.01 for row in rows.values())
    # 0 particles have one upper limit, raw or corrected, for one class or all.
    assert {rows[key, 10.0].high for key in (*KEYS, "all")} == {counts.poisson_interval(0)[1]}


def test_for_a_perfect_classifier_corrected_counts_equal_raw_ones():
    labels, sizes = np.repeat(KEYS, (12, 5, 30)), np.tile([3.0, 12, 30], 16)[:47]
    options: dict[str, Any] = {"class_keys": KEYS, "bins_um": (2, 10, 25)}
    reference = drawn_reference(500, np.random.default_rng(0), np.eye(3))
    corrected = counts.corrected_counts(labels, sizes, reference=reference, **options)
    for raw, row in zip(counts.count_table(labels, sizes, **options), corrected, strict=True):
        assert (row.class_key, row.at_least_um) == (raw.class_key, raw.at_least_um)
        assert row.count == pytest.approx(raw.count, abs=0.02)
        assert row.low <= raw.low + 0.1 * (raw.low + 1)
        assert row.high >= raw.high * 0.9


def test_corrected_counts_never_rise_with_size():
    rng = np.random.default_rng(3)
    sizes = rng.lognormal(2, 0.9, 900)
    given, other = drawn_reference(300, rng), drawn_reference(300, rng, np.eye(3)[[0, 1, 1]] * 0.6 + 0.4 / 3)
    reference = counts.ConfusionReference(
        np.concatenate([given.probs, other.probs]),
        np.concatenate([given.labels, other.labels]),
        np.repeat([15.0, 3.0], 900),
        KEYS,
        "named otherwise when small",
    )
    rows = counts.corrected_counts(
        called_as((600, 200, 100), rng), sizes, reference=reference, class_keys=KEYS, bins_um=(2, 5, 10, 25)
    )
    for key in (*KEYS, "all"):
        for figure in ("count", "low", "high"):
            values = [getattr(row, figure) for row in rows if row.class_key == key]
            assert all(a >= b - 0.5 * (figure != "count") for a, b in itertools.pairwise(values)), (key, figure)
    assert [row.count for row in rows if row.class_key == "all"] == [(sizes >= edge).sum() for edge in (2, 5, 10, 25)]


def test_reference_particles_of_the_same_size_in_pixels_are_used_whatever_their_scale():
    """Half of the large protein is assigned to oil, none of the small, at the same size in µm."""
    rng, large = np.random.default_rng(5), np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]])
    parts = [drawn_reference(400, rng, np.eye(3)), drawn_reference(400, rng, large)]
    reference = counts.ConfusionReference(
        np.concatenate([part.probs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.full(2400, 12.0),
        KEYS,
        "seen at two scales",
        np.repeat([10.0, 40.0], 1200),
    )
    labels = ["protein"] * 100 + ["silicone_oil"] * 100
    options: dict[str, Any] = {"reference": reference, "class_keys": KEYS, "bins_um": (2, 25)}
    for in_px, true in ((40, 200), (10, 100), (36, 200), (5, 100)):
        row = counts.corrected_counts(labels, [12.0] * 200, sizes_px=[in_px] * 200, **options)[0]
        assert row.class_key == "protein"
        assert row.count == pytest.approx(true, rel=0.15)
        assert row.low <= true <= row.high
    in_um = counts.corrected_counts(labels, [12.0] * 200, **options)[0].count
    assert 120 < in_um < 160  # both scales are used
    # Too few are as large: the next in size are used as well, for each class separately.
    few, sizes_px = (
        np.r_[np.arange(0, 1200), np.arange(1200, 1220), np.arange(1600, 2400)],
        np.repeat([10.0, 40.0], 1200),
    )
    reference = counts.ConfusionReference(
        reference.probs[few], reference.labels[few], reference.sizes_um[few], KEYS, "", sizes_px[few]
    )
    row = counts.corrected_counts(labels, [12.0] * 200, sizes_px=[40] * 200, **{**options, "reference": reference})[0]
    assert 110 < row.count < 150


def test_counts_of_resampled_sample_runs_cover_the_truth():
    """The shipped run of simulated particles, resampled 200 times: known truth, measured sizes.

    benchmarks/counts.py prints the shares. Raw counts of oil fail in most below 10 µm: of 388 protein aggregates 29 are
    assigned to oil, beside 94 droplets, all of them smaller than 25 µm. Corrected ones cover the truth up to 10 µm in
    nearly all. No interval includes how far one instrument differs from the simulated ones.
    """
    (folder,) = (path.parent for path in (ROOT / "sample_data" / "flowcam_run").glob("*/*.lst"))
    records = [(record, record.pixels) for record in read_particles(folder) if record.pixels is not None]
    with (ROOT / "sample_data" / "flowcam_run" / "truth.csv").open() as file:
        truth = {row["id"]: row["class"] for row in csv.DictReader(file)}
    true = np.array([truth[record.name.rpartition("#")[2]] for record, _ in records])
    known = np.isin(true, KEYS)
    records, true = [pair for pair, is_known in zip(records, known, strict=True) if is_known], true[known]
    sizes = np.array([measure(pixels, um_per_px=r.um_per_px, mask=r.mask)["ecd_um"] or np.nan for r, pixels in records])
    classifier, reference = shipped_classifier()
    probs = predict_probs(classifier, np.stack([to_tile(pixels) for _, pixels in records]))
    called, um_per_px = counts.apply_thresholds(probs, KEYS), records[0][0].um_per_px or np.nan
    rng, bins = np.random.default_rng(0), (2, 5, 10, 25)
    whole = {key: [(true == key)[sizes >= edge].sum() for edge in bins] for key in KEYS}
    covered = {"raw": [], "corrected": []}
    for k in range(200):
        drawn = rng.integers(len(true), size=rng.poisson(len(true)))
        options: dict[str, Any] = {"class_keys": KEYS, "bins_um": bins}
        rows = {
            "raw": counts.count_table(called[drawn], sizes[drawn], **options),
            "corrected": counts.corrected_counts(
                called[drawn],
                sizes[drawn],
                sizes_px=sizes[drawn] / um_per_px,
                reference=reference,
                seed=k,
                **options,
            ),
        }
        for kind, found in rows.items():
            covered[kind].append(
                [
                    row.low <= whole[row.class_key][bins.index(row.at_least_um)] <= row.high
                    for row in found
                    if row.class_key in KEYS
                ]
            )
    shares = {kind: np.mean(rows, 0).reshape(len(KEYS), len(bins)) for kind, rows in covered.items()}
    assert shares["corrected"][:, :3].mean() >= 0.9
    assert shares["corrected"][:2, :3].min() >= 0.95
    assert shares["corrected"][2].min() > 0.8
    # Raw counts of oil hardly ever hold the truth that corrected ones hold: where the misnamed protein is, below 10 µm.
    assert (shares["corrected"] - shares["raw"])[1, :2].min() > 0.35
    assert (shares["corrected"] - shares["raw"])[:, :3].mean() > 0.1


def test_corrected_counts_cover_the_truth_for_the_instruments_of_the_reference():
    """200 samples from one half of the shipped reference, the other half of which corrects: every class and bin."""
    (_, whole), rng, bins = shipped_classifier(), np.random.default_rng(0), (2, 5, 10, 25)
    in_reference = rng.permutation(len(whole.labels)) % 2 == 0
    reference, sample = (
        counts.ConfusionReference(whole.probs[half], whole.labels[half], whole.sizes_um[half], whole.class_keys, "")
        for half in (in_reference, ~in_reference)
    )
    called, expected = counts.apply_thresholds(sample.probs, KEYS), np.array([300, 60, 40])
    of_class = [np.flatnonzero(sample.labels == label) for label in range(len(KEYS))]
    truth = [
        n * np.mean(sample.sizes_um[members] >= edge)
        for n, members in zip(expected, of_class, strict=True)
        for edge in bins
    ]
    covered = {"raw": [], "corrected": []}
    for k in range(200):
        drawn = np.concatenate(
            [rng.choice(members, rng.poisson(n)) for n, members in zip(expected, of_class, strict=True)]
        )
        particles = called[drawn], sample.sizes_um[drawn]
        options: dict[str, Any] = {"class_keys": KEYS, "bins_um": bins}
        rows = {
            "raw": counts.count_table(*particles, **options),
            "corrected": counts.corrected_counts(*particles, reference=reference, seed=k, **options),
        }
        for kind, found in rows.items():
            found = [row for row in found if row.class_key in KEYS]
            covered[kind].append([row.low <= true <= row.high for row, true in zip(found, truth, strict=True)])
    # What is wanted of every class and size, and more on average.
    assert np.mean(covered["corrected"], 0).min() >= 0.93
    assert np.mean(covered["corrected"]) >= 0.97
    # Some of the many small protein aggregates are assigned to oil, of which there are few.
    assert (np.mean(covered["corrected"], 0) - np.mean(covered["raw"], 0))[len(bins)] > 0.2
