"""Folds and out-of-fold probabilities: runs and near-duplicates together, no image judged by itself."""

import numpy as np
from sklearn.metrics import average_precision_score

from svp_core.label_errors import (
    assign_folds,
    leave_one_out_ridge,
    out_of_fold,
    score_set,
)
from svp_core.label_errors.ridge import PENALTY, as_probs
from tests.helpers.drawn_labels import draw_clouds, plant

WORDS = ["protein", "silicone oil", "air bubble"]


def test_folds_keep_runs_and_copies_together_and_classes_even():
    rng = np.random.default_rng(3)
    labels, runs = rng.integers(3, size=600), rng.integers(24, size=600)
    copies = np.arange(600)
    copies[[5, 300]] = 5  # one picture in two runs ties them
    fold, notes = assign_folds(labels, groups=runs, duplicates=copies)
    assert notes == []
    assert set(fold) == set(range(5))
    assert fold[5] == fold[300]
    assert all(len(set(fold[runs == run])) == 1 for run in range(24))
    share = np.array([np.bincount(labels[fold == k], minlength=3) for k in range(5)]) / np.bincount(labels)
    assert share.min() > 0.1
    assert share.max() < 0.3
    alone, _ = assign_folds(labels)
    counts = np.array([np.bincount(labels[alone == k], minlength=3) for k in range(5)])
    assert (counts.max(0) - counts.min(0) <= 1).all()
    np.testing.assert_array_equal(alone, assign_folds(labels)[0])


def test_folds_say_where_runs_cannot_be_kept_apart():
    labels = np.repeat([0, 1], 60)
    fold, notes = assign_folds(labels, groups=np.array(["a"] * 60 + ["b"] * 60))
    assert "2 of 2 classes come from a single run" in notes[0]
    assert len(set(fold[labels == 0])) == 5
    fold, notes = assign_folds(labels, groups=np.tile(["a", "b"], 60))
    assert "2 folds of whole runs" in notes[0]
    assert len(set(fold)) == 2
    assert assign_folds(labels, groups=["a"] * 120)[1] == []


def test_probabilities_do_not_know_the_image_itself():
    """Labels of no meaning: nobody who judges out of fold can follow them."""
    places, _ = draw_clouds((400,), seed=4)
    labels = np.random.default_rng(0).integers(2, size=400)
    probs = out_of_fold(places, labels, fold=assign_folds(labels)[0])
    assert probs.dtype == np.float32
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    assert abs((probs.argmax(1) == labels).mean() - 0.5) < 0.08


def test_a_wrong_label_on_two_copies_is_seen_only_if_they_share_a_fold():
    places, truth = draw_clouds((150, 150), seed=5, apart=1.5, dimensions=300)
    labels = truth.copy()
    labels[:20] = 1
    places[10:20] = places[:10]
    apart = np.where(np.isin(np.arange(300), range(10)), 0, 1)
    apart[20:] = np.arange(280) % 2
    together, _ = assign_folds(labels, duplicates=np.r_[np.arange(10), np.arange(10), np.arange(20, 300)])
    assert (together[:10] == together[10:20]).all()
    leaking, honest = (out_of_fold(places, labels, fold=fold)[:20, 1].mean() for fold in (apart, together))
    assert honest < leaking - 0.05


def test_leave_one_out_is_what_refitting_gives():
    rng = np.random.default_rng(9)
    places, labels = rng.normal(size=(40, 6)), np.r_[np.zeros(20, int), np.ones(19, int), 2]
    places[:, 5] = places[:, 4] * (1 + 1e-9)  # nearly singular
    places /= np.sqrt(places.var(0).sum())
    known = np.ones(40, bool)
    known[3] = False
    found = leave_one_out_ridge(places).predict(labels, class_count=3, known=known)
    rows = np.column_stack([places, np.full(40, 0.06)])
    wanted = np.eye(3)[labels] * known[:, None]
    penalty = PENALTY * np.trace(rows.T @ rows) / 7 * np.eye(7)
    for left in range(40):
        others = np.arange(40) != left
        weights = np.linalg.solve(rows[others].T @ rows[others] + penalty, rows[others].T @ wanted[others])
        np.testing.assert_allclose(found[left], rows[left] @ weights, atol=1e-6)


def test_leave_one_out_ranks_again_what_a_person_has_decided():
    places, truth = draw_clouds((200, 200, 200), seed=10, apart=3.5)
    labels, rows = plant(truth, 60, seed=1, classes=3)
    ridge = leave_one_out_ridge(places)
    before, after = labels, labels.copy()
    after[rows[:30]] = truth[rows[:30]]
    left = np.isin(np.arange(600), rows[30:])
    undecided = ~np.isin(np.arange(600), rows[:30])
    found = []
    for given in (before, after):
        probs = as_probs(ridge.predict(given, class_count=3), given)
        assert np.allclose(probs.sum(1), 1, atol=1e-5)
        score = score_set(given, probs, class_names=WORDS).score
        found.append(average_precision_score(left[undecided], -score[undecided]))
    assert found[1] > 0.85
    assert found[1] >= found[0] - 0.01
