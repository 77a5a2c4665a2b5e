"""Predictive values: how they follow a sample's sizes, and when they say nothing."""

import numpy as np
import pytest

from svp_core.stats import counts
from svp_core.stats.predictive_values import PredictiveValue, predictive_values
from tests.helpers.confusion import KEYS, drawn_reference

SMALL, LARGE = 8.0, 30.0  # pixels
HALF = np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])  # protein is called oil in half of the cases


def reference_of_two_sizes(small, large):
    """2,000 labelled particles of every class and size; small, large: (K, K), P(assigned | true) of each size."""
    rng = np.random.default_rng(6)
    parts = [drawn_reference(2000, rng, shares) for shares in (small, large)]
    return counts.ConfusionReference(
        np.concatenate([part.probs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.full(12_000, 12.0),
        KEYS,
        "two sizes",
        np.repeat([SMALL, LARGE], 6000),
    )


@pytest.mark.parametrize("confused", [SMALL, LARGE])
def test_predictive_values_where_the_classes_differ_in_size(confused):
    """Protein of one size is called oil in half of the cases; the droplets have the other size, and are all right."""
    reference = reference_of_two_sizes(*((HALF, np.eye(3)) if confused == SMALL else (np.eye(3), HALF)))
    droplets = LARGE if confused == SMALL else SMALL
    labels = np.repeat(np.array(["protein", "silicone_oil", "silicone_oil"], object), 100)
    sizes = np.repeat([confused, confused, droplets], 100)
    protein, oil, air = predictive_values(labels, sizes_px=sizes, reference=reference, class_keys=KEYS)
    assert oil.value == pytest.approx(0.5, abs=0.1)
    assert oil.low < 0.5 < oil.high
    assert oil.n == 200
    assert protein.value == pytest.approx(1, abs=0.01)
    assert air.value is None


def test_a_class_without_assigned_particles_has_no_ppv():
    values = predictive_values(
        ["protein"] * 5, reference=drawn_reference(200, np.random.default_rng(0)), class_keys=KEYS
    )
    assert [one.value is None for one in values] == [False, True, True]
    assert values[1].n == 0
    none = predictive_values([], sizes_px=[], reference=reference_of_two_sizes(HALF, HALF), class_keys=KEYS)
    assert [(one.value, one.n) for one in none] == [(None, 0)] * 3


def test_predictive_values_of_particles_of_the_samples_size():
    """Large protein is called oil in half of the cases, small never."""
    reference = reference_of_two_sizes(np.eye(3), HALF)
    labels = np.repeat(np.array(KEYS, object), (100, 200, 50))  # half of 200 protein beside 100 droplets
    options = {"reference": reference, "class_keys": KEYS}
    at_size = predictive_values(labels, sizes_px=[LARGE] * len(labels), **options)[1]
    small = predictive_values(labels, sizes_px=[SMALL] * len(labels), **options)[1]
    assert at_size.value == pytest.approx(0.5, abs=0.12)
    assert small.value is not None
    assert small.value > 0.95


@pytest.mark.parametrize(("low", "high", "shown"), [(0.0, 1.0, None), (0.3, 0.9, 0.7), (None, None, None)])
def test_a_predictive_value_of_which_nothing_is_known_has_no_number(low, high, shown):
    assert PredictiveValue("fibre", None if low is None else 0.7, low, high, 4).known_value == shown
