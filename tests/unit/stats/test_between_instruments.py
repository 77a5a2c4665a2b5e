"""Variation between instruments: fitted where it is known, kept in intervals, outweighed by own particles."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.stats import counts
from svp_core.stats.between_instruments import (
    MAX_WORTH,
    OWN_INSTRUMENT,
    USUAL_WORTH,
    draw_shares,
    worth,
    worth_posterior,
)
from svp_core.stats.confusion import worth_of_classes
from tests.helpers.confusion import CONFUSION, KEYS, drawn_reference

BIN = {"class_keys": KEYS, "bins_um": (2,)}


def instruments_of(rng, count, true_worth):
    """Confusion tables (count, 3, 3) of instruments that differ as from true_worth particles."""
    return np.stack([[rng.dirichlet(true_worth * row + 1e-9) for row in CONFUSION] for _ in range(count)])


def reference_of(tables, each, rng):
    """A reference of `each` particles a class and instrument; its assigned classes are certain."""
    parts = [drawn_reference(each, rng, table) for table in tables]
    return counts.ConfusionReference(
        np.concatenate([part.probs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.sizes_um for part in parts]),
        KEYS,
        "drawn",
        instruments=np.repeat(np.arange(len(tables)), 3 * each),
    )


def labels_on(table, expected, rng):
    """Assigned classes of a sample on an instrument of this confusion table."""
    return np.concatenate(
        [rng.choice(np.array(KEYS, object), rng.poisson(n), p=row) for n, row in zip(expected, table, strict=True)]
    )


@pytest.mark.parametrize("true_worth", [4, 12, 60])
def test_the_worth_is_found_again(true_worth):
    rng = np.random.default_rng(0)
    tables = np.stack([rng.multinomial(10, rng.dirichlet(true_worth * np.array([0.7, 0.2, 0.1]))) for _ in range(400)])
    assert worth(tables.astype(float)) == pytest.approx(true_worth, rel=0.35)


def test_equal_instruments_are_worth_many_particles_and_untold_ones_the_usual():
    rng = np.random.default_rng(1)
    equal = rng.multinomial(30, [0.7, 0.2, 0.1], size=200).astype(float)
    assert worth(equal) > 200
    assert worth(equal[:3]) == pytest.approx(USUAL_WORTH, rel=0.1)
    assert worth_posterior(equal).sum() == pytest.approx(1)
    without = drawn_reference(50, rng)
    assert worth_of_classes(without) == pytest.approx(dict.fromkeys(KEYS, USUAL_WORTH), rel=0.1)


def test_intervals_allow_for_more_variation_than_equal_instruments_show():
    rng = np.random.default_rng(8)
    equal = reference_of(np.stack([CONFUSION] * 40), 10, rng)
    assert worth_of_classes(equal) == dict.fromkeys(KEYS, MAX_WORTH)
    assert min(worth_of_classes(equal, largest=np.inf).values()) > 2 * MAX_WORTH


def test_intervals_hold_on_instruments_that_differ_from_one_another():
    """120 samples, each on an instrument of its own; without ids of instruments the same reference is too sure."""
    rng, expected, held = np.random.default_rng(2), np.array([300, 60, 40]), {"told": [], "sure": []}
    reference = reference_of(instruments_of(rng, 40, 8.0), 10, rng)
    # As if every particle came from the sample's own instrument: what ignoring the variation amounts to.
    sure = replace(reference, instruments=np.full(len(reference.labels), OWN_INSTRUMENT))
    for k, table in enumerate(instruments_of(rng, 120, 8.0)):
        labels = labels_on(table, expected, rng)
        for name, used in (("told", reference), ("sure", sure)):
            rows = counts.corrected_counts(labels, [9.0] * len(labels), reference=used, seed=k, **BIN)
            held[name].append([row.low <= true <= row.high for row, true in zip(rows, expected, strict=False)])
    assert np.mean(held["told"]) >= 0.92
    assert np.mean(held["told"], axis=0).min() >= 0.88
    assert np.mean(held["sure"]) < 0.8


def test_confusions_that_change_together_are_drawn_together():
    """On half of the instruments droplets look like bubbles, on the others bubbles like droplets."""
    rng, halves = np.random.default_rng(7), np.array([[[0.5, 0.5], [0.02, 0.98]], [[0.98, 0.02], [0.5, 0.5]]])
    tables = np.stack([[rng.multinomial(20, row) for row in halves[i % 2]] for i in range(40)]).astype(float)
    worths, uniform = np.full((400, 2), 4.0), rng.random((400, 2, 2))
    similar, own, spaced = tables.sum(0) / 2, np.zeros((2, 2)), (rng.permutation(400) + 0.5) / 400
    together = draw_shares(similar, tables, own, np.full(2, 40.0), worths, uniform, spaced)
    apart = draw_shares(similar, tables[:0], own, np.full(2, 40.0), worths, uniform, spaced)
    assert np.corrcoef(together[:, 0, 1], together[:, 1, 0])[0, 1] < -0.5
    assert abs(np.corrcoef(apart[:, 0, 1], apart[:, 1, 0])[0, 1]) < 0.15
    # Own particles of the first kind of instrument: the others are hardly followed any more.
    here = draw_shares(similar, tables, 12 * halves[0], np.full(2, 40.0), worths, uniform, spaced)
    assert here[:, 0, 1].mean() == pytest.approx(0.5, abs=0.08)
    assert here[:, 1, 0].mean() < 0.06


def test_own_particles_outweigh_simulated_ones():
    """The sample's instrument assigns half of the protein to oil, the simulated ones a tenth."""
    rng = np.random.default_rng(3)
    here = np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])
    simulated = reference_of(instruments_of(rng, 40, 12.0), 10, rng)
    labels, errors, held = labels_on(here, (300, 30, 20), rng), [], []
    for each in (0, 20, 200):
        own = drawn_reference(each, rng, here) if each else None
        used = counts.combine_references(simulated, own) if own else simulated
        rows = {
            row.class_key: row for row in counts.corrected_counts(labels, [9.0] * len(labels), reference=used, **BIN)
        }
        errors.append(abs(rows["protein"].count - 300))
        held.append(rows["protein"].low <= 300 <= rows["protein"].high)
    assert errors[0] > 60
    assert errors[2] < 40
    assert errors[0] > errors[1]
    assert (held[0], held[2]) == (False, True)


def test_a_combined_reference_knows_what_is_its_own():
    rng = np.random.default_rng(4)
    both = counts.combine_references(drawn_reference(30, rng), drawn_reference(5, rng))
    assert both.of_own_instrument().sum() == 15
    assert len(both.labels) == 105
    assert both.sizes_px is None
    part = both.select(both.of_own_instrument())
    assert (len(part.probs), len(part.labels), len(part.instruments if part.instruments is not None else ())) == (
        15,
        15,
        15,
    )
    with pytest.raises(ValueError, match="cannot be combined"):
        counts.combine_references(both, replace(both, class_keys=("a", "b", "c")))


def test_particles_unlike_all_classes_are_not_made_into_known_ones():
    """A twentieth of the known is marked unlike; 150 strangers are marked as well, and counted as such."""
    rng = np.random.default_rng(5)
    reference = drawn_reference(400, rng)
    reference = replace(reference, unlike=rng.random(len(reference.labels)) < 0.05)
    labels = labels_on(CONFUSION, (300, 60, 40), rng)
    labels[rng.random(len(labels)) < 0.05] = counts.UNLIKE
    labels = np.concatenate([labels, np.full(150, counts.UNLIKE, object)])
    rows = counts.corrected_counts(labels, [9.0] * len(labels), reference=reference, **BIN)
    found = {row.class_key: row for row in rows}
    assert [row.class_key for row in rows] == [*KEYS, counts.UNLIKE, "all"]
    assert found[counts.UNLIKE].low < 150 < found[counts.UNLIKE].high
    assert found["protein"].low < 300 < found["protein"].high
    assert sum(found[key].count for key in (*KEYS, counts.UNLIKE)) == pytest.approx(len(labels), abs=0.5)
    # A reference of before, without marks: all that are marked are strangers.
    rows = counts.corrected_counts(labels, [9.0] * len(labels), reference=replace(reference, unlike=None), **BIN)
    assert {row.class_key: row.count for row in rows}[counts.UNLIKE] == pytest.approx((labels == counts.UNLIKE).sum())


def test_a_raw_count_names_what_is_unlike():
    rows = counts.count_table(["protein", counts.UNLIKE, counts.UNSURE], [9.0] * 3, **BIN)
    assert [(row.class_key, row.count) for row in rows] == [
        ("protein", 1),
        ("silicone_oil", 0),
        ("air_bubble", 0),
        ("unsure", 1),
        (counts.UNLIKE, 1),
        ("all", 3),
    ]
