"""Re-ranking of a queue after decisions, on coordinates whose truth is known."""

import numpy as np
import pytest

from svp_core.review.reranking import prepare_rerank, rerank


def swapped_region(seed=0, n=400):
    """(coordinates, truth, given): two classes in the plane; in a third region, of class 1, 90 % are labelled 0."""
    rng = np.random.default_rng(seed)
    region = rng.integers(3, size=n)
    middles = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], float)
    coordinates = (middles[region] + rng.normal(0, 0.5, (n, 3))).astype(np.float32)
    truth = (region > 0).astype(int)
    given = truth.copy()
    given[(region == 2) & (rng.random(n) < 0.9)] = 0
    return coordinates, truth, given


def test_without_decisions_the_order_is_the_queues():
    rng = np.random.default_rng(0)
    coordinates, _, given = swapped_region()
    scores = rng.random(len(given))
    baseline = prepare_rerank(coordinates, given, scores, class_count=2)
    assert (rerank(baseline, given) == np.argsort(scores, kind="stable")).all()


def test_corrections_move_similar_particles_to_the_front():
    coordinates, truth, given = swapped_region()
    wrong = np.flatnonzero(given != truth)
    baseline = prepare_rerank(coordinates, given, np.full(len(given), 0.5), class_count=2)
    now = given.copy()
    now[wrong[:40]] = truth[wrong[:40]]
    order = rerank(baseline, now)
    rest = wrong[40:]
    ranks = np.argsort(order)
    assert ranks[rest].mean() < 0.6 * np.arange(len(given)).mean()
    assert ranks[np.flatnonzero(coordinates[:, 0] > 2)].mean() > ranks[rest].mean()


def test_unsure_and_unlabelled_particles_do_not_change_the_ranking():
    coordinates, _truth, given = swapped_region()
    baseline = prepare_rerank(coordinates, given, np.full(len(given), 0.5), class_count=2)
    now = given.copy()
    now[:3] = -1
    assert sorted(rerank(baseline, now)) == list(range(len(given)))
    blank = prepare_rerank(coordinates, np.full(len(given), -1), np.full(len(given), np.nan), class_count=2)
    assert (rerank(blank, np.full(len(given), -1)) == np.arange(len(given))).all()


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("classes", [1, 3])
def test_tiny_queues_are_ranked(n, classes):
    baseline = prepare_rerank(np.ones((n, 2), np.float16), np.zeros(n, int), np.full(n, 0.5), class_count=classes)
    assert sorted(rerank(baseline, np.zeros(n, int))) == list(range(n))
