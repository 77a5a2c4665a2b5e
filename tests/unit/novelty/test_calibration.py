"""p-values are uniform for known particles, small for strangers, never 0; the file gives back what was written."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.stats import beta, kstest

from svp_core.errors import LabError
from svp_core.novelty import calibration_file
from svp_core.novelty.calibration import (
    MIN_NAMED,
    NoveltyCalibration,
    calibrate_form,
    conformal_p,
    named_counts,
)
from svp_core.novelty.score import DIRECTIONS, PARTS, Views, find_directions
from svp_core.novelty.tile_forms import PADDED
from tests.helpers.drawn_novelty import CENTRES, EXAMPLES, calibrated, drawn_views, join_views


def test_p_values_are_the_naive_ones():
    calibration = np.array([3.0, 1.0, 2.0, 2.0])
    found = conformal_p([0.0, 1.0, 2.0, 2.5, 9.0], calibration)
    naive = [(1 + sum(score >= s for score in calibration)) / 5 for s in (0.0, 1.0, 2.0, 2.5, 9.0)]
    assert found.tolist() == naive
    assert naive == [1.0, 1.0, 0.8, 0.4, 0.2]


def test_known_particles_have_uniform_p_values_and_none_is_zero():
    form = calibrated(each=1000)
    views, _ = drawn_views(2000, seed=9)
    values = form.p_values(form.score(views), views.named)
    assert values.min() >= 1 / (1000 * len(CENTRES) + 1)
    assert values.max() <= 1
    # The share that is marked is that of a Beta distribution: one set of calibration particles, all new ones.
    marked, n = (values <= 0.05).mean(), 3000
    low, high = beta.ppf((1e-4, 1 - 1e-4), 0.05 * (n + 1), 0.95 * (n + 1))
    assert low - 0.01 < marked < high + 0.01
    assert kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("part", range(len(PARTS)))
def test_a_stranger_in_any_of_the_three_spaces_has_a_small_p_value(part):
    form = calibrated(each=400)
    views, _ = drawn_views(50, seed=5)
    moved = [np.array(values) for values in views[:3]]
    moved[part][:, :4] += 9
    values = form.p_values(form.score(Views(*moved, views.named)), views.named)
    assert np.median(values) < 0.01
    assert np.median(form.p_values(form.score(views), views.named)) > 0.2


def test_particles_are_compared_within_the_named_class():
    """A class whose particles all lie far out is not unlike for that."""
    fit, labels = drawn_views(300, seed=0)
    scale = np.where(labels == 2, 5.0, 1.0)[:, None]
    wide = Views(fit.fixed * scale, fit.projected, fit.shapes, fit.named)
    half = np.arange(len(labels)) % 2 == 0
    form = calibrate_form(wide.take(half), labels[half], wide.take(~half), len(CENTRES))
    new, new_labels = drawn_views(300, seed=8)
    new = Views(new.fixed * np.where(new_labels == 2, 5.0, 1.0)[:, None], new.projected, new.shapes, new.named)
    marked = form.p_values(form.score(new), new.named) <= 0.05
    assert max(marked[new_labels == label].mean() for label in range(3)) < 0.11


def test_a_class_with_few_calibration_particles_is_judged_by_all():
    fit, labels = drawn_views(200, seed=0)
    few = np.r_[np.flatnonzero(labels < 2), np.flatnonzero(labels == 2)[: MIN_NAMED - 1]]
    form = calibrate_form(fit, labels, drawn_views(200, seed=1)[0].take(few), 3)
    assert named_counts(form, ("a", "b", "c")) == {"a": 200, "b": 200, "c": MIN_NAMED - 1}
    stranger = np.array([1e6])
    assert form.p_values(stranger, np.array([2]))[0] == pytest.approx(1 / (400 + MIN_NAMED))
    assert form.p_values(stranger, np.array([0]))[0] == pytest.approx(1 / 201)


def test_a_shape_without_an_outline_is_as_unusual_as_can_be():
    form = calibrated(each=100)
    views, _ = drawn_views(3, seed=2)
    shapes = np.array(views.shapes)
    shapes[0] = np.nan
    without = form.score(Views(views.fixed, views.projected, shapes, views.named))
    assert without[0] > form.score(views)[0]
    assert form.p_values(without, views.named)[0] <= 4 / 101
    assert np.isfinite(without).all()


def test_each_form_of_tile_is_judged_by_its_own_calibration():
    near, far = calibrated(each=100), calibrated(each=100, moved=6.0)
    layers = np.random.default_rng(0).normal(size=(200, 60)).astype(np.float32)
    judge = NoveltyCalibration(("a", "b", "c"), find_directions(layers), (near, far), "drawn", "0" * 64, EXAMPLES)
    tiles = np.random.default_rng(1).integers(0, 255, (6, 64, 64)).astype(np.uint8)
    tiles[3:, 0] = 170  # even rim: padded
    views, _ = drawn_views(2, seed=3)
    layers = np.linalg.lstsq(judge.directions.axes.T, views.projected.T, rcond=None)[0].T + judge.directions.mean
    novelty = judge.judge(tiles, fixed=views.fixed, layers=layers, shapes=views.shapes, named=views.named)
    for index, form in ((0, near), (1, far)):
        rows = slice(0, 3) if index != PADDED else slice(3, 6)
        expected = form.score(views.take(np.arange(6)[rows]))
        np.testing.assert_allclose(novelty.scores[rows], expected, rtol=1e-3, atol=1e-3)
    assert (novelty.unlike == (novelty.p_values <= 0.05)).all()
    empty = judge.judge(
        tiles[:0], fixed=views.fixed[:0], layers=layers[:0], shapes=views.shapes[:0], named=views.named[:0]
    )
    assert empty.scores.shape == empty.p_values.shape == (0,)


@pytest.fixture
def model_folder(tmp_path):
    """A model folder with some weights, and its calibration."""
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    layers = np.random.default_rng(0).normal(size=(200, 60)).astype(np.float32)
    sha256 = calibration_file.weights_sha256(tmp_path)
    forms = (calibrated(each=60, by_size=True), calibrated(each=60, moved=1.0))
    made = NoveltyCalibration(("a", "b", "c"), find_directions(layers), forms, "drawn particles", sha256, EXAMPLES)
    calibration_file.write_calibration(tmp_path, made)
    return tmp_path, made


def test_a_file_gives_back_the_calibration(model_folder):
    folder, made = model_folder
    found, reason = calibration_file.find_calibration(folder, ("a", "b", "c"))
    assert found is not None
    assert reason == ""
    assert (found.class_keys, found.description) == (made.class_keys, "drawn particles")
    views, _ = drawn_views(20, seed=4)
    for one, other in zip(found.forms, made.forms, strict=True):
        np.testing.assert_array_equal(one.score(views), other.score(views))
        np.testing.assert_array_equal(one.named, other.named)
        assert (one.trend is None) == (other.trend is None)
    assert found.basis == made.basis
    for changed in (made.forms[::-1], (replace(made.forms[0], trend=None), made.forms[1])):
        assert replace(made, forms=changed).basis != made.basis
    np.testing.assert_allclose(found.directions.axes, made.directions.axes, rtol=1e-3, atol=1e-4)
    assert found.directions.axes.shape[1] == DIRECTIONS
    np.testing.assert_array_equal(found.examples.features, made.examples.features)
    np.testing.assert_array_equal(found.examples.forms, made.examples.forms)


def test_a_calibration_of_other_weights_or_classes_is_not_used(model_folder, tmp_path_factory):
    folder, _ = model_folder
    assert calibration_file.find_calibration(folder, ("a", "b"))[0] is None
    save_file({"x": np.ones(3, np.float32)}, folder / "model.safetensors")
    found, reason = calibration_file.find_calibration(folder, ("a", "b", "c"))
    assert found is None
    assert "other weights" in reason
    without = calibration_file.find_calibration(tmp_path_factory.mktemp("model"), ("a", "b", "c"))
    assert without == calibration_file.find_calibration(None, ("a",)) == (None, calibration_file.NO_CALIBRATION)


def test_a_damaged_file_is_reported(model_folder):
    folder, _ = model_folder
    (folder / calibration_file.FILE).write_bytes(b"\x05" + json.dumps({}).encode())
    with pytest.raises(LabError, match=r"novelty\.safetensors is damaged"):
        calibration_file.find_calibration(folder, ("a", "b", "c"))


def test_parts_of_views_stay_together():
    views, labels = drawn_views(4, seed=0)
    both = join_views(views.take(labels == 0), views.take(labels != 0))
    assert both.fixed.shape == views.fixed.shape
    assert sorted(both.named.tolist()) == sorted(views.named.tolist())
