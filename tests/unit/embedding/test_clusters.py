"""Clusters and maps of blobs whose classes are known."""

import numpy as np
import pytest

from svp_core.embedding import clusters


def blobs(sizes, *, seed=0, d=8):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = rng.normal(0, 5, (len(sizes), d))
    return (centres[truth] + rng.normal(0, 0.3, (len(truth), d))).astype(np.float32), truth


@pytest.mark.parametrize(
    "sizes", [(50, 200, 120), (5000, 40, 900)]
)  # the second: most particles join clusters of a sample
def test_blobs_become_clusters_the_largest_first(sizes):
    coordinates, truth = blobs(sizes)
    groups = clusters.ward_groups(coordinates, len(sizes))
    order = np.argsort(-np.array(sizes))
    assert (groups == np.argsort(order)[truth]).all()


def test_equal_coordinates_give_equal_clusters():
    coordinates, _ = blobs((3000, 500))
    assert (clusters.ward_groups(coordinates, 2) == clusters.ward_groups(coordinates.astype(np.float16), 2)).all()
    assert (clusters.ward_groups(coordinates, 5) == clusters.ward_groups(coordinates, 5)).all()


@pytest.mark.parametrize("sizes", [(60, 80, 50), (3000, 150, 900)])  # the second: most particles join a mapped sample
def test_similar_particles_lie_together_on_the_map(sizes):
    coordinates, truth = blobs(sizes)
    plane = clusters.tsne_map(coordinates)
    assert plane.shape == (len(truth), 2)
    assert np.isfinite(plane).all()
    rng = np.random.default_rng(0)
    for row in rng.permutation(len(truth))[:100]:
        nearest = np.argsort(((plane - plane[row]) ** 2).sum(1))[1:6]
        assert (truth[nearest] == truth[row]).mean() >= 0.8
    assert (clusters.tsne_map(np.zeros((30, 4), np.float32)) == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_particles_have_a_map(n):
    assert clusters.tsne_map(np.eye(3, dtype=np.float32)[:n, :1]).shape == (n, 2)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_fewer_particles_than_clusters_are_clusters_of_their_own(n):
    groups = clusters.ward_groups(np.eye(3, dtype=np.float32)[:n], 5)
    assert len(groups) == len(set(groups)) == n


def test_identical_particles_have_clusters():
    assert len(clusters.ward_groups(np.zeros((30, 4), np.float32), 4)) == 30
