"""Strangers that no score finds are found once some are confirmed; known particles are hardly marked by it."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.novelty.calibration import features_of
from svp_core.novelty.teaching import MIN_CONFIRMED, TAUGHT_SHARE, taught_p_values
from tests.helpers.drawn_novelty import drawn_examples, drawn_views


@pytest.fixture(scope="module")
def sample():
    """(features, most likely classes, forms, whether a stranger) of 300 known particles and 100 shifted a little."""
    known, labels = drawn_views(100, seed=20)
    strange, named = drawn_views(34, seed=21)
    features = np.concatenate(
        [features_of(known), features_of(strange)[:100] + np.float16(0.8) * (np.arange(120) % 3 == 0)]
    )
    forms = np.arange(400) % 2
    return features, np.concatenate([labels, named[:100]]), forms, np.arange(400) >= 300


@pytest.mark.parametrize(("count", "found"), [(MIN_CONFIRMED, 0.5), (20, 0.9)])
def test_strangers_like_the_confirmed_ones_are_found(sample, count, found):
    features, named, forms, strange = sample
    confirmed = np.flatnonzero(strange)[:: 100 // count][:count]
    values = taught_p_values(drawn_examples(400), features, named, forms, confirmed)
    others = strange.copy()
    others[confirmed] = False
    marked = values <= 0.05
    assert marked[others].mean() > found
    assert marked[~strange].mean() < 0.09
    assert (values <= 0.05 * TAUGHT_SHARE)[~strange].mean() < 0.09
    assert values[confirmed].max() == values.min() > 0


def test_too_few_confirmed_are_refused(sample):
    features, named, forms, strange = sample
    with pytest.raises(LabError, match="too few"):
        taught_p_values(drawn_examples(50), features, named, forms, np.flatnonzero(strange)[: MIN_CONFIRMED - 1])


def test_a_missing_shape_does_not_stop_the_learning(sample):
    features, named, forms, strange = sample
    damaged = features.copy()
    damaged[::7, -8:] = np.nan
    values = taught_p_values(drawn_examples(100), damaged, named, forms, np.flatnonzero(strange)[:10])
    assert np.isfinite(values).all()
