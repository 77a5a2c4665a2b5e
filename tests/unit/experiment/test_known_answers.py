"""Experiments whose answer is known: identical arms, planted wrong labels, twice the real particles."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.experiment.comparison import compare_arms, mended_and_made
from svp_core.experiment.design import Design
from svp_core.experiment.verdict import verdict
from tests.helpers.drawn_experiment import KEYS, run_forest
from tests.helpers.drawn_labels import draw_clouds

EVERYTHING = 10_000  # a limit that no class reaches: the same training tiles as without one, another training


def particles(counts, *, seed, apart=2.2):
    """(RealParticles without pictures worth looking at, their features): clouds that overlap."""
    from svp_core.experiment.particles import RealParticles

    features, labels = draw_clouds(counts, seed=seed, apart=apart)
    tiles = np.random.default_rng(seed).integers(0, 255, (len(labels), 64, 64)).astype(np.uint8)
    return RealParticles(tiles, labels, KEYS, tuple(map(str, range(len(labels))))), features


def compared(real, features, arms, *, seeds=3, trees=25, changed=None):
    """Figures of arms against the first. changed: arm -> particles with other labels to train on."""
    design = Design(arms=tuple(arms), networks=("forest",), seeds=seeds, baseline=arms[0], minority=KEYS[1:])
    cells = {}
    for arm in arms:
        for seed in range(seeds):
            cells["forest", arm, seed] = run_forest(real, features, arm, seed, trees=trees).predictions
    return compare_arms(
        design, KEYS, cells, blocks=np.arange(len(real.labels)), prevalence=dict.fromkeys(KEYS, 1.0)
    ), design


@pytest.fixture
def no_search(monkeypatch):
    """The search for lookalikes, which noise tiles do not need, is left out."""
    from svp_core.experiment import leak_guard

    monkeypatch.setattr(leak_guard, "find_lookalikes", lambda tiles, others: np.zeros((0, 2), np.int64))


def claims(figures, name="macro_precision"):
    return [one for one in figures if one.figure == name and one.prevalence == "sample" and one.is_different]


def test_identical_arms_are_seldom_found_different(no_search):
    """A/A, 40 repetitions here; 200 by benchmarks/experiment.py --identical."""
    claimed = 0
    for repetition in range(40):
        real, features = particles((80, 40, 40), seed=repetition)
        figures, _ = compared(real, features, ("real", f"real@{EVERYTHING}"), trees=10)
        claimed += len(claims(figures))
    assert claimed <= 6  # at 5 %, more than 6 of 40 happen in 1 of 300 runs


def test_twice_the_real_particles_are_found_better(no_search):
    real, features = particles((200, 100, 100), seed=1)
    figures, design = compared(real, features, ("real@6", "real@60"), seeds=5)
    (better,) = claims(figures, "macro_recall")
    assert better.difference.low > 0
    assert "real only, 60 real: " in verdict(figures, design)[1]


def test_planted_wrong_labels_are_found_worse(no_search):
    real, features = particles((300, 100, 100), seed=2, apart=3)
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(real.labels), 100, replace=False)  # 20 %
    labels = real.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 3, 100)) % 3
    spoilt = replace(real, labels=labels)
    cells = {}
    for seed in range(5):
        cells["forest", "real", seed] = run_forest(real, features, "real", seed, trees=25).predictions
        # The same folds: trained on spoilt labels, judged on the true ones.
        own = spoilt_cell(real, spoilt, features, seed)
        cells["forest", "weights", seed] = own
    design = Design(arms=("real", "weights"), networks=("forest",), seeds=5, baseline="real", minority=KEYS[1:])
    figures = compare_arms(design, KEYS, cells, blocks=np.arange(len(labels)), prevalence=dict.fromkeys(KEYS, 1.0))
    (worse,) = claims(figures, "macro_auprc")
    assert worse.difference.high < 0
    sentences = verdict(figures, design)
    assert any("points (95 % interval −" in sentence for sentence in sentences)


def spoilt_cell(real, spoilt, features, seed):
    """Predictions for the true test labels after a training on spoilt ones, in the folds of the true ones."""
    from svp_core.experiment.figures import Predictions
    from svp_core.experiment.folds import split_folds
    from svp_core.experiment.learners import Examples, LearnerPlan, predict_after_training
    from svp_core.progress import run_to_end

    fold = split_folds(real.labels, KEYS, blocks=np.arange(len(real.labels)), seed=seed)
    every = Examples(real.tiles, features, spoilt.labels)
    test = Examples(real.tiles[fold.test], features[fold.test], real.labels[fold.test])
    steps = predict_after_training(
        LearnerPlan("forest", seed, trees=25), every.take(fold.training), validation=test, test=test, class_keys=KEYS
    )
    return Predictions(fold.test, real.labels[fold.test], run_to_end(steps))


def test_errors_mended_and_made():
    from svp_core.experiment.figures import Predictions

    labels = np.array([0, 1, 1])

    def predicted(*called):
        return Predictions(np.array([7, 8, 9]), labels, np.eye(2, dtype=np.float32)[list(called)])

    mended, made = mended_and_made([predicted(0, 0, 1)] * 2, [predicted(0, 1, 0), predicted(0, 1, 1)])
    assert (mended.tolist(), made.tolist()) == ([8], [9])


def test_an_arm_that_lacks_a_seed_is_left_out(no_search):
    real, features = particles((60, 30, 30), seed=3)
    design = Design(arms=("real", "weights"), networks=("forest",), baseline="real", minority=KEYS[1:])
    cells = {("forest", "real", seed): run_forest(real, features, "real", seed).predictions for seed in range(3)}
    cells["forest", "weights", 0] = cells["forest", "real", 0]
    figures = compare_arms(design, KEYS, cells, blocks=np.arange(120), prevalence=dict.fromkeys(KEYS, 1.0))
    assert {one.arm for one in figures} == {"real"}
    assert verdict(figures, design, {"class weights": "It is refused."}) == [
        "Nothing can be compared with real only: no other arm was finished.",
        "It is refused.",
    ]
