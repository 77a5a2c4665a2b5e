"""Any set of normal particles calibrates novelty: alarms as promised, strangers found, too few refused."""

import numpy as np
import pytest
from scipy.stats import kstest

from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration, calibrate_form, features_of, views_of
from svp_core.novelty.calibration_file import read_calibration, write_calibration
from svp_core.novelty.normal_set import (
    EXAMPLES,
    MIN_PARTICLES,
    calibrate_on_normal,
    judged_forms,
    normal_facts,
    pooled_classes,
)
from svp_core.novelty.score import find_directions
from svp_core.novelty.tile_forms import PADDED, WHOLE
from tests.helpers import drawn_novelty
from tests.helpers.drawn_novelty import calibrated, drawn_views

KEYS = ("a", "b", "c")


def shipped():
    layers = np.random.default_rng(0).normal(size=(200, 60)).astype(np.float32)
    forms = (calibrated(each=60), calibrated(each=60))
    return NoveltyCalibration(KEYS, find_directions(layers), forms, "drawn", "0" * 64, drawn_novelty.EXAMPLES)


def normal_set(each, *, seed, moved=0.0):
    """(features, named, forms) of normal particles, all whole tiles, elsewhere than the shipped ones."""
    views, labels = drawn_views(each, seed=seed, moved=moved)
    order = np.random.default_rng(seed).permutation(len(labels))
    return features_of(views)[order], labels[order], np.full(len(labels), WHOLE)


def judged(calibration, each, *, seed, moved=0.0):
    """p-values of new particles."""
    views, labels = drawn_views(each, seed=seed, moved=moved)
    return calibration.forms[WHOLE].judge_distances(calibration.forms[WHOLE].measure(views), labels)[1]


@pytest.mark.parametrize(("each", "least"), [(40, 0.01), (300, 0.04)])
def test_new_normal_particles_have_uniform_p_values(each, least):
    """Not more than promised are marked, though the same particles give Gaussians and p-values; of few, fewer."""
    values = []
    for seed in range(12):
        own, _ = calibrate_on_normal(shipped(), *normal_set(each, seed=100 + seed, moved=3.0), description="own")
        values.append(judged(own, 100, seed=200 + seed, moved=3.0))
    marked = [(each_set <= 0.05).mean() for each_set in values]
    assert least < np.mean(marked) < 0.06
    if each == 300:
        assert kstest(np.concatenate(values), "uniform").statistic < 0.04


def test_particles_elsewhere_than_the_normal_ones_are_found_whatever_is_shipped():
    own, _ = calibrate_on_normal(shipped(), *normal_set(200, seed=3, moved=3.0), description="own")
    assert (judged(own, 100, seed=4, moved=3.0) <= 0.05).mean() < 0.1
    # Those that the shipped calibration calls known are strangers here.
    assert (judged(own, 100, seed=4) <= 0.05).mean() > 0.95
    assert (judged(shipped(), 100, seed=4) <= 0.05).mean() < 0.15


def test_particles_that_fitted_the_gaussians_do_not_calibrate_them():
    """Distances of the calibration are those of new particles, not the shorter ones of those that were fitted."""
    features, named, forms = normal_set(40, seed=5)
    own, _ = calibrate_on_normal(shipped(), features, named, forms, description="own")
    fitted = own.forms[WHOLE].known.distances(views_of(features, named))
    new = own.forms[WHOLE].known.distances(drawn_views(300, seed=6)[0])
    calibration = own.forms[WHOLE].distances
    for part in (0, 2):
        assert np.median(calibration[:, part]) == pytest.approx(np.median(new[:, part]), rel=0.06)
    assert np.median(fitted[:, 0]) < 0.85 * np.median(new[:, 0])


def test_too_few_particles_are_refused_and_a_missing_form_gives_no_p_value():
    features, named, forms = normal_set(40, seed=1)
    with pytest.raises(LabError, match=f"at least {MIN_PARTICLES}"):
        calibrate_on_normal(shipped(), features[:99], named[:99], forms[:99], description="own")
    own, _ = calibrate_on_normal(shipped(), features, named, forms, description="own")
    assert judged_forms(own).tolist() == [True, False]
    tiles = np.random.default_rng(1).integers(0, 255, (4, 64, 64)).astype(np.uint8)
    tiles[2:, 0] = 170  # even rim: padded
    views, labels = drawn_views(2, seed=3)
    layers = np.linalg.lstsq(own.directions.axes.T, views.projected[:4].T, rcond=None)[0].T + own.directions.mean
    novelty = own.judge(tiles, fixed=views.fixed[:4], layers=layers, shapes=views.shapes[:4], named=labels[:4])
    assert np.isfinite(novelty.p_values).tolist() == [True, True, False, False]
    assert not novelty.unlike[2:].any()


def test_a_class_with_few_normal_particles_is_judged_among_all_and_named():
    features, named, forms = normal_set(150, seed=1)
    few = np.r_[np.flatnonzero(named != 2), np.flatnonzero(named == 2)[:5]]
    own, _ = calibrate_on_normal(shipped(), features[few], named[few], forms[few], description="own")
    assert pooled_classes(own) == ["c"]
    assert normal_facts(own) == {"by_form": {"whole": 305, "padded": 0}, "pooled": ["c"]}
    one_kind = named == 0
    alone, _ = calibrate_on_normal(shipped(), features[one_kind], named[one_kind], forms[one_kind], description="own")
    views, labels = drawn_views(200, seed=9)
    values = alone.forms[WHOLE].p_values(alone.forms[WHOLE].score(views), labels)
    assert (values[labels == 0] <= 0.05).mean() < 0.12
    assert (values[labels != 0] <= 0.05).mean() > 0.9


def test_the_file_gives_back_the_calibration_and_its_examples(tmp_path):
    features, named, forms = normal_set(1200, seed=2)
    forms[::3] = PADDED
    own, shown = calibrate_on_normal(shipped(), features, named, forms, description="own")
    assert len(shown) == len(own.examples.named) == EXAMPLES
    np.testing.assert_array_equal(own.examples.features, features[shown])
    write_calibration(tmp_path, own)
    again = read_calibration(tmp_path)
    assert (again.among, again.description, again.spreads) == (3600, "own", ())
    for form, other in zip(own.forms, again.forms, strict=True):
        np.testing.assert_array_equal(form.distances, other.distances)
        np.testing.assert_array_equal(form.known.shape_means, other.known.shape_means)


def test_calibration_particles_are_scored_as_new_ones_are():
    """Among 100 of a class, 5 % are marked: a calibration particle does not count itself."""
    marked = []
    for seed in range(20):
        fit, labels = drawn_views(300, seed=1000 + seed)
        form = calibrate_form(fit, labels, drawn_views(100, seed=2000 + seed)[0], 3)
        views, _ = drawn_views(400, seed=3000 + seed)
        marked.append((form.p_values(form.score(views), views.named) <= 0.05).mean())
    assert np.mean(marked) == pytest.approx(0.05, abs=0.009)
