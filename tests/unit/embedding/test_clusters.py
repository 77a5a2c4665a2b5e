"""Groups of look-alikes: blobs whose truth is known."""

import numpy as np
import pytest

from svp_core.embedding import clusters


def blobs(sizes, *, seed=0, d=8):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    middles = rng.normal(0, 5, (len(sizes), d))
    return (middles[truth] + rng.normal(0, 0.3, (len(truth), d))).astype(np.float32), truth


@pytest.mark.parametrize("sizes", [(50, 200, 120), (5000, 40, 900)])  # the second: most join groups of a sample
def test_blobs_are_found_the_largest_first(sizes):
    places, truth = blobs(sizes)
    found = clusters.ward_groups(places, len(sizes))
    order = np.argsort(-np.array(sizes))
    assert (found == np.argsort(order)[truth]).all()


def test_the_same_places_give_the_same_groups():
    places, _ = blobs((3000, 500))
    assert (clusters.ward_groups(places, 2) == clusters.ward_groups(places.astype(np.float16), 2)).all()
    assert (clusters.ward_groups(places, 5) == clusters.ward_groups(places, 5)).all()


@pytest.mark.parametrize("sizes", [(60, 80, 50), (3000, 150, 900)])  # the second: most join those laid out
def test_in_the_plane_look_alikes_lie_together(sizes):
    places, truth = blobs(sizes)
    plane = clusters.tsne_map(places)
    assert plane.shape == (len(truth), 2)
    assert np.isfinite(plane).all()
    rng = np.random.default_rng(0)
    for row in rng.permutation(len(truth))[:100]:
        near = np.argsort(((plane - plane[row]) ** 2).sum(1))[1:6]
        assert (truth[near] == truth[row]).mean() >= 0.8
    assert (clusters.tsne_map(np.zeros((30, 4), np.float32)) == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_plane_of_hardly_anything(n):
    assert clusters.tsne_map(np.eye(3, dtype=np.float32)[:n, :1]).shape == (n, 2)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_particles(n):
    found = clusters.ward_groups(np.eye(3, dtype=np.float32)[:n], 5)
    assert len(found) == len(set(found)) == n


def test_identical_particles():
    assert len(clusters.ward_groups(np.zeros((30, 4), np.float32), 4)) == 30
