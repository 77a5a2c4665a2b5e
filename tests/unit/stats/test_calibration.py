"""Confidence against truth on drawn references: accuracy, shares named right, thresholds that keep their promise."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.stats.calibration import (
    MIN_PARTICLES,
    PROMISE,
    accuracy,
    accuracy_of_instruments,
    calibration_error,
    promised_thresholds,
    right_shares,
)
from svp_core.stats.confusion import ConfusionReference

KEYS = ("protein", "silicone_oil", "air_bubble")
EVEN: dict[str, float] = dict.fromkeys(KEYS, 1.0)


def drawn(each, rng, *, instruments=40, sharpness=1.0):
    """A reference whose confidence is the chance to be right at sharpness 1, and overstated above it."""
    labels = np.tile(np.repeat(np.arange(3), each), instruments)
    chance = rng.uniform(0.4, 1, len(labels))
    right = rng.random(len(labels)) < chance
    named = np.where(right, labels, (labels + rng.integers(1, 3, len(labels))) % 3)
    shown = chance ** (1 / sharpness)
    probs = np.repeat(((1 - shown) / 2)[:, None], 3, axis=1)
    probs[np.arange(len(labels)), named] = shown
    return ConfusionReference(
        probs.astype(np.float32),
        labels,
        rng.uniform(1, 40, len(labels)),
        KEYS,
        "drawn",
        instruments=np.repeat(np.arange(instruments), 3 * each),
    )


def test_accuracy_weights_classes_equally_and_knows_its_instruments():
    reference = drawn(10, np.random.default_rng(0))
    found = accuracy(reference)
    assert found.low < 0.7 < found.high
    of_one = accuracy_of_instruments(reference)
    assert of_one.shape == (40,)
    assert of_one.mean() == pytest.approx(found.value)
    # Ten times as much of one class, all of it wrong or right, changes nothing.
    more = reference.select(np.concatenate([np.arange(1200), np.tile(np.flatnonzero(reference.labels == 0), 9)]))
    assert accuracy(more).value == pytest.approx(found.value)


def test_instruments_that_differ_widen_the_interval():
    reference = drawn(10, np.random.default_rng(0))
    bad = np.asarray(reference.instruments) % 2 == 0
    probs = np.where(bad[:, None], np.roll(np.eye(3), 1, axis=1)[reference.labels], np.eye(3)[reference.labels])
    differing = replace(reference, probs=probs.astype(np.float32))
    mixed = replace(differing, instruments=np.random.default_rng(1).permutation(np.asarray(reference.instruments)))
    wide, narrow = accuracy(differing), accuracy(mixed)
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_calibration_error_of_honest_and_of_overstated_confidence():
    rng = np.random.default_rng(2)
    honest, sure = drawn(60, rng), drawn(60, rng, sharpness=3)
    assert calibration_error(honest.probs, honest.labels) < 0.02
    assert calibration_error(sure.probs, sure.labels) > 0.1


def test_shares_named_right_by_size_and_confidence():
    """Small particles are named by chance; what is large is right as often as its confidence says."""
    rng = np.random.default_rng(3)
    reference = drawn(60, rng)
    small = reference.sizes_um < 10
    reference = replace(reference, labels=np.where(small, rng.integers(0, 3, len(small)), reference.labels))
    rows = right_shares(reference, edges_um=(0, 10, 25), bands=(0.0, 0.8, 0.9))
    assert [(row.low_um, row.low_confidence) for row in rows] == [
        (size, band) for size in (0, 10, 25) for band in (0.0, 0.8, 0.9)
    ]
    assert sum(row.n for row in rows) == len(reference.labels)
    for row in rows:
        assert row.right is not None
        assert row.confidence is not None
        expected = 1 / 3 if row.low_um == 0 else row.confidence
        assert row.right.low - 0.01 < expected < row.right.high + 0.01
    few = right_shares(reference.select(np.arange(20)), edges_um=(0,), bands=(0.0,))
    assert (few[0].right, few[0].n) == (None, 20)


@pytest.mark.parametrize("mixture", [EVEN, {"protein": 20.0, "silicone_oil": 1.0, "air_bubble": 1.0}])
def test_a_promised_threshold_keeps_its_promise_on_other_instruments(mixture):
    reference, other = drawn(30, np.random.default_rng(4)), drawn(200, np.random.default_rng(5))
    promises = promised_thresholds(reference, mixture=mixture)
    assert [one.class_key for one in promises] == list(KEYS)
    weights = np.array([mixture[key] for key in KEYS])[other.labels]
    named, confidence = other.probs.argmax(1), other.probs.max(1)
    kept = 0
    for label, one in enumerate(promises):
        if one.threshold is None:
            continue
        kept += 1
        assert one.right is not None
        assert one.right_low is not None
        assert PROMISE <= one.right_low <= one.right
        chosen = (named == label) & (confidence >= one.threshold)
        right = (weights * (other.labels == label))[chosen].sum() / weights[chosen].sum()
        assert right >= PROMISE - 0.01
    # Where protein is nine tenths of all, it needs no high threshold, and for the others none may be enough.
    assert kept >= 1
    if mixture is not EVEN:
        assert promises[0].threshold is not None
        even = promised_thresholds(reference, mixture=EVEN)[0].threshold
        assert even is None or promises[0].threshold < even


def test_no_threshold_is_promised_where_none_is_enough():
    rng = np.random.default_rng(6)
    reference = drawn(10, rng)
    by_chance = replace(reference, labels=rng.permutation(reference.labels))
    assert [one.threshold for one in promised_thresholds(by_chance, mixture=EVEN)] == [None] * 3
    few = reference.select(np.arange(MIN_PARTICLES - 1))
    assert [one.threshold for one in promised_thresholds(few, mixture=EVEN)] == [None] * 3


def test_a_class_that_is_always_right_needs_no_threshold_and_marked_ones_do_not_count():
    reference = drawn(10, np.random.default_rng(7))
    perfect = replace(reference, probs=(np.eye(3)[reference.labels] * 0.5 + 0.5 / 3).astype(np.float32))
    assert [one.threshold for one in promised_thresholds(perfect, mixture=EVEN)] == [0.0] * 3
    wrong = reference.probs.argmax(1) != reference.labels
    marked = replace(reference, unlike=wrong)
    assert [one.threshold for one in promised_thresholds(marked, mixture=EVEN)] == [0.0] * 3
