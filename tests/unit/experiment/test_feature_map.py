"""Map of real and added particles, Frechet distance, structural similarity."""

import sys
import types

import numpy as np
import pytest
from scipy.linalg import sqrtm

from svp_core.experiment.cell import Pool
from svp_core.experiment.feature_map import (
    FOLDS,
    build_map,
    frechet_distance,
    set_distances,
    structural_similarity,
)
from svp_core.experiment.folds import split_folds
from svp_core.experiment.leak_guard import Origin, SyntheticTiles, tile_id
from svp_core.experiment.stored import read_distances, read_map, write_map
from tests.helpers.drawn_experiment import draw_particles
from tests.helpers.drawn_labels import embed_blocks


@pytest.fixture
def drawn():
    real, features = draw_particles((60, 60), seed=3)
    fold = split_folds(real.labels, real.class_keys, blocks=np.arange(120), seed=0)
    rows = fold.training[real.labels[fold.training] == 1]
    copies = np.ascontiguousarray(real.tiles[rows][:, ::-1])
    origins = tuple(Origin("flipped", frozenset([tile_id(tile)])) for tile in real.tiles[rows])
    made = SyntheticTiles(copies, np.ones(len(rows), np.int64), origins, np.arange(len(rows)))
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 64)).astype(np.uint8)
    noise_tiles = SyntheticTiles(noise, np.ones(30, np.int64), (Origin("n", frozenset()),), np.zeros(30, np.int64))
    pools = {"classical": Pool(made, embed_blocks(copies)), "simulator": Pool(noise_tiles, embed_blocks(noise))}
    return real, features, fold, pools


def test_the_map_holds_every_particle_with_its_class_source_and_fold(drawn, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)  # as where it is not installed
    real, features, fold, pools = drawn
    found = build_map(real, features, fold, pools)
    assert found.method == "t-SNE"
    assert found.pca.shape == found.neighbours.shape == (len(found.tiles), 2)
    assert len(found.tiles) == 120 + len(pools["classical"].synthetic) + 30
    assert found.sources == ("real", "classical", "simulator")
    assert (found.fold[found.source > 0] == FOLDS.index("added")).all()
    assert (np.flatnonzero(found.fold[:120] == FOLDS.index("test")) == fold.test).all()
    distances = set_distances(real, fold, pools)
    write_map(tmp_path, found, distances)
    stored = read_map(tmp_path)
    assert stored is not None
    assert (stored.neighbours == found.neighbours).all()
    assert (stored.sources, stored.method) == (found.sources, found.method)
    assert read_distances(tmp_path) == distances


def test_where_umap_is_installed_it_draws_the_map(drawn, monkeypatch):
    """A stand-in, since the library compiles for half a minute; it gets the coordinates and a fixed seed."""
    asked = {}

    class Umap:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, coordinates):
            return coordinates[:, :2] * 3

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    real, features, fold, _ = drawn
    found = build_map(real, features, fold, {})
    assert found.method == "UMAP"
    assert asked["random_state"] == 0
    np.testing.assert_allclose(found.neighbours, 3 * found.pca, rtol=1e-5)
    assert np.linalg.norm(found.pca[found.labels == 0].mean(0) - found.pca[found.labels == 1].mean(0)) > 0.1


def test_flipped_copies_are_as_near_as_real_tiles_and_noise_is_far(drawn):
    real, _, fold, pools = drawn
    copies, noise = set_distances(real, fold, pools)
    assert (copies.source, copies.class_key) == ("classical", "silicone_oil")
    assert copies.ssim == pytest.approx(1)
    assert copies.fid < 2 * copies.fid_floor
    assert noise.kid > 3 * noise.kid_floor
    assert noise.fid > 3 * noise.fid_floor
    assert noise.ssim is None


def test_frechet_distance_equals_the_matrix_root():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(200, 6)), rng.normal(0.3, 1.4, size=(150, 6)) @ rng.normal(size=(6, 6))
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet_distance(real=a, synthetic=b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real=a, synthetic=a) == pytest.approx(0, abs=1e-9)


def test_structural_similarity():
    real, _ = draw_particles((20, 20), seed=4)
    a, b = real.tiles[0], real.tiles[30]
    assert structural_similarity(a, a) == pytest.approx(1)
    noisy = (a + np.random.default_rng(0).normal(0, 12, a.shape)).clip(0, 255).astype(np.uint8)
    assert 0.2 < structural_similarity(a, noisy) < 0.95
    assert structural_similarity(a, b) < structural_similarity(a, noisy)
