"""Test of whether a generator reproduces its training images.

No single number decides it (Stein et al. 2023, arXiv 2306.04675): several are given, with the value of held-out real
tiles where the value expected by chance is unknown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.audit.nearest_tiles import Features, TileIndex, distinct_tiles
from svp_core.audit.rank_statistics import probability_larger
from svp_core.errors import LabError
from svp_core.stats.intervals import Estimate, estimate_share

MAX_RATIO = 1 / 3  # nearest to second nearest distance; below it a tile counts as a copy of the nearest
CLOSEST_PAIRS = 10  # pairs that are reported for inspection
RANDOM_CUTS = 20  # equal-sized random subsets of training and held-out tiles for closer_to_training


@dataclass(frozen=True)
class TilePair:
    """A synthetic tile and the training tile nearest to it."""

    synthetic: int  # positions in the given arrays
    training: int
    distance: float  # grey levels, or in feature space
    ratio: float  # to the distance of the second nearest training tile; small = near this one alone


@dataclass(frozen=True)
class CopyTest:
    """Evidence for and against copying."""

    ct_z: float  # below -2: nearer to the training tiles than held-out ones are; far above 0: unlike the real ones
    # The same with held-out tiles in the role of training tiles: the effect of being smooth or typical alone.
    ct_z_unseen: float
    closer_to_training: Estimate  # share nearer to training than to equally many held-out tiles; 0.5 = no copying
    ratio: Estimate  # share with d1/d2 below 1/3; more than held-out tiles have is an alarm
    held_out_ratio: Estimate  # the same share of held-out tiles
    auth_pct: float  # 0..100, tiles farther from their nearest training tile than that one is from any other
    held_out_auth_pct: float  # the same of held-out tiles
    closest: tuple[TilePair, ...]  # the ten smallest ratios
    n: int  # synthetic tiles
    n_training: int  # training tiles, near-duplicates counted once
    n_held_out: int


def copy_test(
    *, synthetic: ArrayLike, training: ArrayLike, held_out: ArrayLike, features: Features | None = None, seed: int = 0
) -> CopyTest:
    """Search the training tiles for near-copies of every synthetic and every held-out tile.

    synthetic, training, held_out: uint8 (N, 64, 64), tiles of one class; held_out: real ones that were not trained on.
    Distances are those of audit.nearest_tiles; features: maps tiles to vectors, to compare those instead.
    ct_z: Meehan et al. 2020 (arXiv 2004.05675) over one cell. Tiles that are only smoother or more typical than real
    ones lie near to any real tile, so ct_z_unseen uses half of held_out as if it were the training set and compares
    with the other half: ct_z indicates copying where it is below -2 and well below ct_z_unseen. That one is scaled like
    ct_z, but smoothness has a larger effect among more tiles: it is too mild where training is much the larger set.
    ratio: Gu et al. 2023 (arXiv 2310.02664). auth_pct: Alaa et al. 2022 (arXiv 2102.08921).
    closer_to_training cuts both sets at random to half the size of the smaller, twenty times, and compares approximate
    distances: it detects a generator that copies most of the time, not one that copies one training tile in ten.
    Raises LabError where a set is empty or the training tiles all show the same picture.
    """
    synthetic, training, held_out = (np.asarray(tiles) for tiles in (synthetic, training, held_out))
    for name, tiles in (("synthetic", synthetic), ("training", training), ("held-out", held_out)):
        if not len(tiles):
            raise LabError(f"There are no {name} tiles; a copy test needs synthetic, training and held-out ones.")
    distinct = distinct_tiles(training)
    if len(distinct) < 2:
        raise LabError(
            f"The {len(training)} training tiles all show the same picture; a copy test needs different ones."
        )
    training = training[distinct]

    index = TileIndex(training, features=features)
    coarse_to_training = index.coarse_distances(synthetic)
    nearest, distances = index.nearest(synthetic, coarse=coarse_to_training)
    held_out_nearest, held_out_distances = index.nearest(held_out)
    # Distance of the nearest training tiles to all others, each searched once.
    matched, inverse = np.unique(np.concatenate([nearest[:, 0], held_out_nearest[:, 0]]), return_inverse=True)
    _, matched_distances = index.nearest(training[matched], exclude=matched)
    own = matched_distances[inverse.ravel(), 0]

    coarse_to_held_out = TileIndex(held_out, features=features).coarse_distances(synthetic)
    ratios, held_out_ratios = _ratios(distances), _ratios(held_out_distances)
    closest = np.argsort(ratios, kind="stable")[:CLOSEST_PAIRS]
    return CopyTest(
        ct_z=ct_z(distances[:, 0], held_out_distances[:, 0]),
        ct_z_unseen=_ct_z_unseen(synthetic, held_out, features, seed),
        closer_to_training=_closer_to_training(coarse_to_training.numpy(), coarse_to_held_out.numpy(), seed),
        ratio=estimate_share(ratios < MAX_RATIO),
        held_out_ratio=estimate_share(held_out_ratios < MAX_RATIO),
        auth_pct=float(100 * np.mean(distances[:, 0] >= own[: len(synthetic)])),
        held_out_auth_pct=float(100 * np.mean(held_out_distances[:, 0] >= own[len(synthetic) :])),
        closest=tuple(
            TilePair(int(g), int(distinct[nearest[g, 0]]), float(distances[g, 0]), float(ratios[g])) for g in closest
        ),
        n=len(synthetic),
        n_training=len(training),
        n_held_out=len(held_out),
    )


def ct_z(distances: NDArray, held_out_distances: NDArray) -> float:
    """Z of the three-sample test: below -2 the synthetic tiles are nearer to training than the held-out ones are.

    distances (m,), held_out_distances (n,): to the nearest training tile. Mann-Whitney's U = number of pairs in which
    the synthetic tile is farther, ties one half; Z = (U - mn/2) / sqrt(mn (m + n + 1) / 12).
    """
    share_farther = probability_larger(distances, held_out_distances)
    return _z_score(share_farther, len(distances), len(held_out_distances))


def _ratios(distances):
    # Two training tiles at distance 0: equally near to both, so not a copy of one alone.
    return np.divide(distances[:, 0], distances[:, 1], out=np.ones(len(distances)), where=distances[:, 1] > 0)


def _ct_z_unseen(synthetic, held_out, features, seed):
    """ct_z with half of the held-out tiles in the role of training, both ways; 0 where there is only one tile."""
    if len(held_out) < 2:
        return 0.0
    order = np.random.default_rng(seed).permutation(len(held_out))
    halves = held_out[np.sort(order[::2])], held_out[np.sort(order[1::2])]
    shares = []
    for unseen, others in (halves, halves[::-1]):
        index = TileIndex(unseen, features=features)
        shares.append(probability_larger(*(index.nearest(tiles)[1][:, 0] for tiles in (synthetic, others))))
    return _z_score(np.mean(shares), len(synthetic), len(held_out))


def _z_score(share_farther, m, n):
    return float((share_farther - 0.5) / np.sqrt((m + n + 1) / (12 * m * n)))


def _closer_to_training(to_training, to_held_out, seed):
    """Share nearer to training; its interval covers the random choice of both subsets and of the synthetic tiles."""
    rng, shares, n = np.random.default_rng(seed), [], len(to_training)
    size = max(1, min(to_training.shape[1], to_held_out.shape[1]) // 2)
    for _ in range(RANDOM_CUTS):
        training, held_out = (
            distances[:, rng.permutation(distances.shape[1])[:size]].min(1) for distances in (to_training, to_held_out)
        )
        shares.append(np.mean((training < held_out) + 0.5 * (training == held_out)))
    value = float(np.mean(shares))
    half = 1.96 * float(np.sqrt(np.var(shares) + 0.25 / n))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n)
