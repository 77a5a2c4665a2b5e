"""Scores of labels, noise matrix, neighbours: against cleanlab, refitting and naive loops."""

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score
from sklearn.neural_network import MLPClassifier

from svp_core.errors import LabError
from svp_core.label_errors import (
    assign_folds,
    batch_effects,
    count_class_pairs,
    estimate_noise,
    find_neighbours,
    from_other_folds,
    margins,
    memorisation_warning,
    neighbour_votes,
    out_of_fold,
    probability_given,
    score_labels,
    score_set,
)
from svp_core.label_errors.validation import check_probs
from tests.helpers.drawn_labels import draw_clouds, plant

WORDS = ["protein", "silicone oil", "air bubble"]


def probabilities(n, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(classes, 0.4), n), rng.integers(classes, size=n)


def test_self_confidence_and_margin_are_cleanlabs():
    probs, labels = probabilities(200, 4, seed=0)
    np.testing.assert_array_equal(probability_given(labels, probs), get_label_quality_scores(labels, probs))
    theirs = get_label_quality_scores(labels, probs, method="normalized_margin")
    np.testing.assert_allclose((margins(labels, probs) + 1) / 2, theirs, atol=1e-12)


def test_one_planted_error_comes_first_and_says_why():
    places, truth = draw_clouds((60, 60, 60), seed=1, apart=6)
    labels = truth.copy()
    labels[70] = 2
    fold, _ = assign_folds(labels)
    nearest = from_other_folds(find_neighbours(places), places, fold=fold)
    suspects = score_set(labels, out_of_fold(places, labels, fold=fold), class_names=WORDS, neighbours=nearest)
    assert suspects.order[0] == 70
    assert suspects.rank[70] == 1
    assert suspects.score[70] < 0.5 < suspects.score[suspects.order[1]]
    assert suspects.suggested[70] == 1
    assert (np.delete(suspects.suggested == labels, 70)).all()
    assert suspects.reasons[70].startswith("labelled air bubble; p = 0.0")
    assert suspects.reasons[70].endswith("; 15 of 15 nearest particles are labelled silicone oil")
    assert suspects.margin[70] < -0.5
    assert sorted(suspects.rank) == list(range(1, 181))


def test_scores_do_not_depend_on_the_order_of_images_or_classes():
    probs, labels = probabilities(300, 3, seed=2)
    score = score_labels(labels, probs, estimate_noise(labels, probs).rates)
    assert ((score >= 0) & (score <= 1)).all()
    order = np.random.default_rng(0).permutation(300)
    shuffled = score_labels(labels[order], probs[order], estimate_noise(labels[order], probs[order]).rates)
    np.testing.assert_allclose(shuffled, score[order])
    turned = np.array([1, 2, 0])  # class k becomes turned[k]
    renamed, moved = turned[labels], probs[:, np.argsort(turned)]
    np.testing.assert_allclose(score_labels(renamed, moved, estimate_noise(renamed, moved).rates), score)


def test_a_label_gains_by_its_own_probability():
    rates = np.full((3, 3), 0.02) + 0.94 * np.eye(3)
    own = np.linspace(0.01, 0.98, 20)
    probs = np.stack([own, (1 - own) * 0.7, (1 - own) * 0.3], 1)
    assert (np.diff(score_labels(np.zeros(20, int), probs, rates)) > 0).all()


def test_a_mixed_up_pair_is_told_from_what_is_hard_to_tell():
    """Between two images as unsure of their label, the one whose pair has slips elsewhere comes first."""
    rates = np.array([[0.98, 0.02, 0], [0, 1, 0], [0, 0.0, 1]]) + 1e-6
    probs = np.array([[0.5, 0.4, 0.1], [0.1, 0.4, 0.5]])
    slipped, unsure = score_labels(np.array([1, 1]), probs, rates)
    assert slipped < unsure


@pytest.mark.parametrize(
    "labels, probs, said",
    [
        ([0, 1], [[2.0, -1.0], [0.5, 0.5]], "softmax"),
        ([0, 1], [[np.nan, 1.0], [0.5, 0.5]], "NaN"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "no column"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "one row per image"),
        (["a", "b"], [[0.5, 0.5], [0.5, 0.5]], "whole numbers"),
        ([0, -1], [[0.5, 0.5], [0.5, 0.5]], "not a class index"),
    ],
)
def test_what_is_no_probability_is_refused(labels, probs, said):
    with pytest.raises(ValueError, match=said):
        check_probs(labels, probs)


def test_planted_rates_are_found():
    places, truth = draw_clouds((900, 900, 900), seed=6, apart=4.5)
    fold, rng = assign_folds(truth)[0], np.random.default_rng(0)
    labels = truth.copy()
    labels[rng.choice(np.flatnonzero(truth == 1), 90, replace=False)] = 2
    probs = out_of_fold(places, labels, fold=fold)
    noise = estimate_noise(labels, probs)
    assert 0.06 < noise.rates[1, 2] < 0.14  # [true, given]
    assert np.delete(noise.rates - np.diag(np.diag(noise.rates)), 5).max() < 0.02
    suspects = score_set(labels, probs, class_names=WORDS)
    pairs, total = count_class_pairs(labels, probs, suspects.suggested)
    assert (pairs[0].given, pairs[0].suggested) == (2, 1)
    assert 63 <= total.value <= 117
    assert total.low <= 90 <= total.high
    assert pairs[0].low <= 90 <= pairs[0].high
    assert 60 <= pairs[0].n <= 120
    assert all(0 <= pair.low <= pair.value <= pair.high for pair in pairs)


def test_clean_labels_raise_no_alarm():
    places, truth = draw_clouds((300, 300, 300), seed=7, apart=4)
    probs = out_of_fold(places, truth, fold=assign_folds(truth)[0])
    suspects = score_set(truth, probs, class_names=WORDS)
    _, total = count_class_pairs(truth, probs, suspects.suggested)
    assert (suspects.score < 0.5).sum() <= 3
    assert total.value < 10


@pytest.mark.parametrize("share", [0.01, 0.05, 0.12, 0.4])
def test_errors_of_any_number_come_before_the_rest(share):
    places, truth = draw_clouds((400, 400, 400), seed=8, apart=3)
    labels, rows = plant(truth, round(share * 1200), seed=0, classes=3)
    suspects = score_set(labels, out_of_fold(places, labels, fold=assign_folds(labels)[0]), class_names=WORDS)
    wrong = np.isin(np.arange(1200), rows)
    assert average_precision_score(wrong, -suspects.score) > 0.8
    assert (suspects.suggested[rows] == truth[rows]).mean() > 0.8


def test_neighbours_lie_in_other_folds_and_are_the_nearest():
    places, truth = draw_clouds((50, 50), seed=11)
    fold = assign_folds(truth)[0]
    counted = np.random.default_rng(0).random(100) < 0.7
    nearest = from_other_folds(find_neighbours(places), places, fold=fold, eligible=counted, k=7)
    unit = places / np.linalg.norm(places, axis=1, keepdims=True)
    likeness = unit @ unit.T
    for row in range(100):
        allowed = np.flatnonzero(counted & (fold != fold[row]))
        best = allowed[np.argsort(-likeness[row, allowed], kind="stable")[:7]]
        np.testing.assert_array_equal(nearest.positions[row], best)
        np.testing.assert_allclose(nearest.similarity[row], likeness[row, best], atol=1e-4)
    assert (neighbour_votes(nearest, truth, 2).sum(1) == 7).all()
    few = from_other_folds(find_neighbours(places[:4]), places[:4], fold=np.array([0, 0, 1, 1]))
    assert few.positions.shape == (4, 15)
    assert (few.positions[:, 2:] == -1).all()
    assert set(few.positions[0, :2]) == {2, 3}


def test_a_network_that_knows_the_labels_by_heart_is_refused():
    """And it has to be: its features hide the errors that honest folds find."""
    places, truth = draw_clouds((150, 150, 150), seed=12, apart=2.5, dimensions=20)
    labels, rows = plant(truth, 45, seed=2, classes=3)
    wrong = np.isin(np.arange(450), rows)
    scaled = places * np.sqrt(20)
    network = MLPClassifier((64,), alpha=0, max_iter=800, random_state=0).fit(scaled, labels)
    seen = network.predict_proba(scaled)
    inside = np.maximum(scaled @ network.coefs_[0] + network.intercepts_[0], 0)
    fold = assign_folds(labels)[0]
    unseen = out_of_fold(places, labels, fold=fold)
    assert "memorised" in memorisation_warning(labels, seen, unseen)
    assert memorisation_warning(labels, unseen, unseen) == ""
    inside = inside / np.sqrt(inside.var(0).sum())
    found = [
        average_precision_score(wrong, -score_set(labels, probs, class_names=WORDS).score)
        for probs in (out_of_fold(inside, labels, fold=fold), unseen)
    ]
    assert found[0] < found[1] - 0.1


def test_no_label_set_is_as_good_as_99_percent():
    labels = np.repeat([0, 1], 100)
    sure, less = np.eye(2)[labels], np.eye(2)[np.where(np.arange(200) % 25 == 0, 1 - labels, labels)]
    assert "more than labels are usually correct" in memorisation_warning(labels, sure, less)


def test_a_swap_of_a_whole_run_is_one_finding():
    rng = np.random.default_rng(13)
    lots = np.repeat(["A", "B", "C"], 400)
    labels = rng.integers(2, size=1200)
    suggested = labels.copy()
    suggested[rng.choice(1200, 12, replace=False)] = 0
    shared = np.flatnonzero((lots == "B") & (labels == 1))[:150]
    suggested[shared] = 0
    (found,) = batch_effects(labels, suggested, lots, class_names=["protein", "silicone oil"])
    assert (found.batch, found.given, found.suggested) == ("B", 1, 0)
    assert found.suspects >= 150
    assert found.text.startswith(f"Run B: {found.suspects} of its ")
    assert "images labelled silicone oil" in found.text
    assert batch_effects(labels, suggested, ["A"] * 1200, class_names=["protein", "silicone oil"]) == []


def test_a_class_of_one_is_not_judged():
    places, truth = draw_clouds((50, 50), seed=14)
    labels = truth.copy()
    labels[7] = 2
    probs = out_of_fold(places, labels, fold=assign_folds(labels)[0], class_count=3)
    suspects = score_set(labels, probs, class_names=WORDS)
    assert suspects.score[7] == 0.5
    assert suspects.suggested[7] == 2
    assert suspects.reasons[7] == "labelled air bubble; too few images carry this label to judge it"


def test_errors_are_for_the_person():
    from svp_core.label_errors.validation import check_judgeable

    with pytest.raises(LabError, match="All 9 images are labelled protein"):
        check_judgeable(np.zeros(9, int), WORDS)
    with pytest.raises(LabError, match="5 images are too few"):
        check_judgeable(np.array([0, 0, 0, 1, 1]), WORDS)
