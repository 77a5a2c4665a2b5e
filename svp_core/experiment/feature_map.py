"""Map of real and added particles by their features, and how far the added ones are from real ones.

PCA keeps distances and shows little; UMAP (McInnes et al. 2018, arXiv 1802.03426) shows neighbourhoods, no
distances. Where umap-learn is not installed, t-SNE takes its place.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment.cell import Pool
from svp_core.experiment.folds import Fold
from svp_core.experiment.particles import RealParticles
from svp_core.near_duplicates import orientations

MAX_ADDED = 300  # tiles of each source and class on the map
MAX_COMPARED = 500  # tiles of each side in a distance
MAX_REAL = 10_000  # particles on the map
REAL = "real"
FOLDS = ("training", "validation", "test", "added")
_NEIGHBOURS = 15
_SSIM_SIGMA = 1.5  # pixels, Gaussian window of Wang et al. 2004
_SSIM_C1, _SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class FeatureMap:
    """Particles on two maps."""

    pca: NDArray[np.float32]  # (N, 2)
    neighbours: NDArray[np.float32]  # (N, 2), by UMAP or t-SNE
    method: str  # "UMAP" or "t-SNE"
    tiles: NDArray[np.uint8]  # (N, 64, 64)
    labels: NDArray[np.int64]  # (N,), classes
    source: NDArray[np.int64]  # (N,), position in sources
    sources: tuple[str, ...]  # REAL, then keys of design.SOURCES
    fold: NDArray[np.int64]  # (N,), position in FOLDS, of the first seed


@dataclass(frozen=True)
class SetDistance:
    """How far one source's tiles of one class are from held-out real ones, beside real against real."""

    source: str
    class_key: str
    n: int  # tiles of each side
    kid: float
    kid_floor: float  # 95 % of the distances between two sets of real tiles
    fid: float
    fid_floor: float
    ssim: float | None  # median similarity to the tile that each was made from; None where there is no one tile


def build_map(
    real: RealParticles, features: NDArray[np.floating], fold: Fold, pools: dict[str, Pool], *, seed: int = 0
) -> FeatureMap:
    """FeatureMap of the real particles and of what each source has made for the first seed.

    Of large sets a random part. Raises LabError with fewer than three particles.
    """
    rng, rows = np.random.default_rng(seed), np.arange(len(real.labels))
    if len(rows) > MAX_REAL:
        rows = np.sort(rng.choice(rows, MAX_REAL, replace=False))
    of_fold = np.zeros(len(real.labels), np.int64)
    of_fold[fold.validation], of_fold[fold.test] = 1, 2
    tiles, vectors, labels = [real.tiles[rows]], [features[rows]], [real.labels[rows]]
    sources, folds = [np.zeros(len(rows), np.int64)], [of_fold[rows]]
    for number, pool in enumerate(pools.values(), 1):
        made = pool.synthetic
        chosen = [np.flatnonzero(made.labels == label)[:MAX_ADDED] for label in np.unique(made.labels)]
        taken = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
        tiles.append(made.tiles[taken])
        vectors.append(pool.features[taken])
        labels.append(made.labels[taken])
        sources.append(np.full(len(taken), number))
        folds.append(np.full(len(taken), FOLDS.index("added")))
    joined = np.concatenate(vectors).astype(np.float32)
    if len(joined) < 3 or not joined.shape[1]:
        raise LabError("A map needs at least three particles with features.")
    pca, neighbours, method = _coordinates(joined, seed)
    return FeatureMap(
        pca,
        neighbours,
        method,
        np.concatenate(tiles),
        np.concatenate(labels),
        np.concatenate(sources),
        (REAL, *pools),
        np.concatenate(folds),
    )


def _coordinates(features, seed):
    """(two principal components, positions by UMAP or t-SNE, its name)."""
    from svp_core.embedding.clusters import tsne_map
    from svp_core.label_errors.pca import fit_pca

    coordinates = fit_pca(features, seed=seed).transform(features)
    plane = np.column_stack([coordinates, np.zeros(len(coordinates), np.float32)])[:, :2]
    try:
        from umap import UMAP
    except ImportError:
        return plane, tsne_map(coordinates, seed=seed), "t-SNE"
    count = min(_NEIGHBOURS, len(features) - 1)
    # A spectral start is not reproducible to the last bit; principal components are, and keep the large structure.
    positions = UMAP(n_neighbors=count, random_state=seed, n_jobs=1, init="pca").fit_transform(coordinates[:, :64])
    return plane, np.asarray(positions, np.float32), "UMAP"


def set_distances(real: RealParticles, fold: Fold, pools: dict[str, Pool], *, seed: int = 0) -> list[SetDistance]:
    """Distances of every source and class to the held-out real tiles (validation and test fold) of the first seed.

    KID and FID in the 64 features of a fixed network, see embedding.features; the floors are those between two halves
    of the real tiles. Classes with fewer than ten tiles on either side are left out.
    """
    from svp_core.embedding.features import fixed_features
    from svp_core.quality import kid_value, real_baseline

    held_out, rows = np.concatenate([fold.validation, fold.test]), []
    rng = np.random.default_rng(seed)
    for source, pool in pools.items():
        for label in np.unique(pool.synthetic.labels):
            own = np.flatnonzero(pool.synthetic.labels == label)
            others = held_out[real.labels[held_out] == label]
            n = min(len(own), len(others), MAX_COMPARED)
            if n < 10:
                continue
            added = fixed_features(pool.synthetic.tiles[own[:n]])
            compared = fixed_features(real.tiles[rng.choice(others, n, replace=False)])
            every = np.flatnonzero(real.labels == label)
            every = rng.permutation(every)[: 2 * MAX_COMPARED]
            known = fixed_features(real.tiles[every])
            floors = [real_baseline(metric, real=known, n=n).high for metric in (kid_value, frechet_distance)]
            rows.append(
                SetDistance(
                    source,
                    real.class_keys[label],
                    n,
                    float(kid_value(real=compared, synthetic=added)),
                    float(floors[0]),
                    frechet_distance(real=compared, synthetic=added),
                    float(floors[1]),
                    _similarity_to_parents(real, pool, own[:n]),
                )
            )
    return rows


def frechet_distance(*, real: NDArray[np.floating], synthetic: NDArray[np.floating]) -> float:
    """Frechet distance of two sets of features (Heusel et al. 2017, arXiv 1706.08500, eq. 6), 0 or more.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). It grows with few tiles: compare it with the floor at
    the same number only.
    """
    a, b = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The eigenvalues of C1 C2 are those of a symmetric matrix: real and not negative.
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    gap = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(max(0.0, gap + np.trace(first) + np.trace(second) - 2 * cross))


def structural_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """SSIM of two grey tiles, -1..1 (Wang et al. 2004, eq. 13), with their Gaussian window of 1.5 px."""
    from scipy.ndimage import gaussian_filter

    def blur(image: NDArray[Any]) -> NDArray[Any]:
        return gaussian_filter(image, _SSIM_SIGMA, truncate=3.5)

    x, y = a.astype(float), b.astype(float)
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y, both = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2, blur(x * y) - mean_x * mean_y
    similar = (2 * mean_x * mean_y + _SSIM_C1) * (2 * both + _SSIM_C2)
    return float((similar / ((mean_x**2 + mean_y**2 + _SSIM_C1) * (var_x + var_y + _SSIM_C2))).mean())


def _similarity_to_parents(real, pool, rows) -> float | None:
    """Median SSIM of tiles to the one real tile that each was made from, in its best orientation."""
    from svp_core.experiment.leak_guard import tile_ids

    parents = [pool.synthetic.origins[k].parents for k in pool.synthetic.origin[rows]]
    if any(one is None or len(one) != 1 for one in parents):
        return None
    by_id = dict(zip(tile_ids(real.tiles), range(len(real.tiles)), strict=True))
    values = []
    for row, parent in zip(rows, parents, strict=True):
        position = by_id.get(next(iter(parent)))
        if position is not None:
            tile = pool.synthetic.tiles[row]
            values.append(max(structural_similarity(tile, turned) for turned in orientations(real.tiles[position])))
    return float(np.median(values)) if values else None
