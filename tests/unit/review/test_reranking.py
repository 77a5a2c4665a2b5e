"""Re-ranking of a queue after decisions, on coordinates whose truth is known."""

import numpy as np
import pytest

from svp_core.review.reranking import prepare_rerank, rerank


def swapped_lot(seed=0, n=400):
    """(coordinates, truth, given): two classes in the plane; in a third region, of class 1, 90 % are labelled 0."""
    rng = np.random.default_rng(seed)
    region = rng.integers(3, size=n)
    middles = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], float)
    places = (middles[region] + rng.normal(0, 0.5, (n, 3))).astype(np.float32)
    truth = (region > 0).astype(int)
    given = truth.copy()
    given[(region == 2) & (rng.random(n) < 0.9)] = 0
    return places, truth, given


def test_without_decisions_the_order_is_the_queues():
    rng = np.random.default_rng(0)
    places, _, given = swapped_lot()
    scores = rng.random(len(given))
    first = prepare_rerank(places, given, scores, class_count=2)
    assert (rerank(first, given) == np.argsort(scores, kind="stable")).all()


def test_corrections_move_similar_particles_to_the_front():
    places, truth, given = swapped_lot()
    wrong = np.flatnonzero(given != truth)
    first = prepare_rerank(places, given, np.full(len(given), 0.5), class_count=2)
    now = given.copy()
    now[wrong[:40]] = truth[wrong[:40]]
    order = rerank(first, now)
    rest = wrong[40:]
    place = np.argsort(order)
    assert place[rest].mean() < 0.6 * np.arange(len(given)).mean()
    assert place[np.flatnonzero(places[:, 0] > 2)].mean() > place[rest].mean()


def test_unsure_and_unlabelled_particles_do_not_change_the_ranking():
    places, _truth, given = swapped_lot()
    first = prepare_rerank(places, given, np.full(len(given), 0.5), class_count=2)
    now = given.copy()
    now[:3] = -1
    assert sorted(rerank(first, now)) == list(range(len(given)))
    nothing = prepare_rerank(places, np.full(len(given), -1), np.full(len(given), np.nan), class_count=2)
    assert (rerank(nothing, np.full(len(given), -1)) == np.arange(len(given))).all()


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("classes", [1, 3])
def test_tiny_queues_are_ranked(n, classes):
    first = prepare_rerank(np.ones((n, 2), np.float16), np.zeros(n, int), np.full(n, 0.5), class_count=classes)
    assert sorted(rerank(first, np.zeros(n, int))) == list(range(n))
