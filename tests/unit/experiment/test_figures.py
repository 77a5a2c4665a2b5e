"""Figures equal scikit-learn's, with and without weights; reweighting equals a really drawn mixture."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from svp_core.experiment.comparison import STATED, compare_arms
from svp_core.experiment.design import Design
from svp_core.experiment.figures import Predictions, figures_of, recall_by_size, weights_at
from svp_core.experiment.rare_calls import draw_figures

KEYS = ("protein", "silicone_oil", "air_bubble")


def draw_predictions(counts, *, seed=0, strength=1.5, ties=True):
    """Predictions whose logits favour the true class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    logits = rng.normal(size=(len(labels), len(counts)))
    logits[np.arange(len(labels)), labels] += strength
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return Predictions(np.arange(len(labels)), labels, np.round(probs, 2 if ties else 9).astype(np.float32))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_figures_equal_scikit_learn(weighted, ties):
    one = draw_predictions((90, 25, 40), ties=ties)
    weights = np.random.default_rng(1).integers(0, 4, (1, len(one.labels))) if weighted else np.ones((1, 155))
    found = {name: value[0] for name, value in figures_of(one, KEYS, weights, majority=0).items()}
    called = one.probs.argmax(1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        one.labels, called, sample_weight=weights[0], zero_division=0
    )
    areas = [
        average_precision_score(one.labels == k, one.probs[:, k].astype(float), sample_weight=weights[0])
        for k in range(3)
    ]
    for k, key in enumerate(KEYS):
        expected = (precision[k], recall[k], f1[k], areas[k])
        own = tuple(found[f"{name}.{key}"] for name in ("precision", "recall", "f1", "auprc"))
        assert own == pytest.approx(expected, abs=1e-9)
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1), ("auprc", areas)):
        assert found[f"macro_{name}"] == pytest.approx(np.mean(values), abs=1e-9)
    assert found["accuracy"] == pytest.approx(np.average(called == one.labels, weights=weights[0]))


def test_each_resample_is_the_figure_of_the_resampled_particles():
    one = draw_predictions((40, 20, 20))
    rows = np.random.default_rng(3).integers(0, 80, 80)
    counts = np.bincount(rows, minlength=80)[None].astype(float)
    copied = Predictions(rows, one.labels[rows], one.probs[rows])
    weighted, plain = figures_of(one, KEYS, counts, majority=0), figures_of(copied, KEYS, np.ones((1, 80)), majority=0)
    for name in plain:
        if name != "calibration_error":  # its bins are those of the particles without resampling
            assert weighted[name][0] == pytest.approx(plain[name][0]), name


def test_a_class_without_test_particles_has_no_figure_and_macro_leaves_it_out():
    one = draw_predictions((40, 20, 0))
    found = figures_of(one, KEYS, np.ones((1, 60)), majority=0)
    assert np.isnan(found["recall.air_bubble"][0])
    assert np.isnan(found["auprc.air_bubble"][0])
    assert found["macro_recall"][0] == pytest.approx(
        np.mean([found["recall.protein"][0], found["recall.silicone_oil"][0]])
    )


def test_recall_at_one_false_call_in_a_thousand():
    labels = np.repeat([0, 1], [2000, 10])
    scores = np.concatenate([np.linspace(0, 0.5, 2000), [0.9, 0.8, 0.7, 0.4999, 0.49985, 0.4, 0.3, 0.2, 0.1, 0.0]])
    probs = np.column_stack([1 - scores, scores]).astype(np.float32)
    found = figures_of(Predictions(np.arange(2010), labels, probs), KEYS[:2], np.ones((1, 2010)), majority=0)
    # Two of 2,000 are allowed: those at 0.5 and 0.49975; four of ten oil droplets lie above the third.
    assert found["recall_at_false_rate.silicone_oil"][0] == pytest.approx(0.5)


def test_recall_by_size():
    one = draw_predictions((40, 40), strength=3)
    sizes = np.r_[np.full(20, 1.0), np.full(20, 8.0), np.full(20, 1.0), np.full(20, np.nan)]
    found = recall_by_size(one, KEYS[:2], np.ones((1, 80)), sizes=sizes, edges=(0, 5))
    right = one.probs.argmax(1) == one.labels
    assert found["macro_recall@0-5"][0] == pytest.approx(np.mean([right[:20].mean(), right[40:60].mean()]))
    assert found["macro_recall@5+"][0] == pytest.approx(right[20:40].mean())


def test_reweighted_figures_equal_those_of_a_drawn_mixture():
    """From 400 tiles a class to 50,000 : 50 : 50: the mean of really drawn test sets lies within the interval."""
    prevalence = dict(zip(KEYS, (50_000, 50, 50), strict=True))
    drawn = []
    for repetition in range(30):
        one = draw_predictions((50_000, 50, 50), seed=90 + repetition, strength=4, ties=False)
        drawn.append(figures_of(one, KEYS, np.ones((1, 50_100)), majority=0))
    design = Design(arms=("real", "weights"), networks=("forest",), seeds=3, baseline="real", minority=KEYS[1:])
    cells = {}
    for seed in range(3):
        one = draw_predictions((400, 400, 400), seed=seed, strength=4, ties=False)
        own = Predictions(one.particles + 1200 * seed, one.labels, one.probs)
        cells |= {("forest", arm, seed): own for arm in design.arms}
    figures = compare_arms(design, KEYS, cells, blocks=np.arange(3600), prevalence=prevalence)
    stated = {one.figure: one.value for one in figures if one.arm == "real" and one.prevalence == STATED}
    for name in ("macro_precision", "macro_recall", "precision.silicone_oil", "recall.air_bubble", "auprc.protein"):
        own = np.array([one[name][0] for one in drawn])
        slack = 2 * own.std() / np.sqrt(len(own))  # the drawn sets have few oil droplets and bubbles themselves
        assert stated[name].low - slack <= own.mean() <= stated[name].high + slack, name
    labels = np.repeat([0, 1, 2], 400)
    weights = weights_at(np.array([50_000.0, 50, 50]), labels, np.ones((1, 1200)))
    assert weights[0, labels == 1].sum() / weights.sum() == pytest.approx(50 / 50_100)


def test_precision_at_practice_is_bounded_where_no_false_call_was_seen():
    labels = np.repeat([0, 1], [300, 50])
    probs = np.eye(2, dtype=np.float32)[labels]
    one = Predictions(np.arange(350), labels, probs)
    draws = draw_figures([one], KEYS[:2], np.array([500_000.0, 500]))
    low, high = np.quantile(draws["precision.silicone_oil"], (0.025, 0.975))
    assert low < 0.25  # 3 of 300 cannot be ruled out, which would call 5,000 proteins oil
    assert high > 0.9
    cells = {("forest", arm, seed): one for arm in ("real", "weights") for seed in range(3)}
    design = Design(arms=("real", "weights"), networks=("forest",), baseline="real", minority=KEYS[1:2])
    figures = compare_arms(
        design, KEYS[:2], cells, blocks=np.arange(350), prevalence={"protein": 5e5, "silicone_oil": 500}
    )
    recall = next(f for f in figures if (f.arm, f.figure) == ("weights", "macro_recall"))
    assert 0.95 < recall.value.low < 1  # no error among 50 is not proof of none
    assert recall.difference.low < 0 < recall.difference.high
    assert not recall.is_different
