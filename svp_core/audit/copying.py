"""Does a generator give away its training images?

No single figure decides it (Stein et al. 2023, arXiv 2306.04675): all of them are given, with the same figure of
held-out real tiles where chance alone does not say what to expect.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from svp_core.audit.nearest_tiles import TileIndex, distinct
from svp_core.errors import LabError
from svp_core.stats.intervals import Estimate, estimate_share

RATIO = 1 / 3  # nearest to second nearest distance; below it a tile counts as a copy of the nearest
PAIRS = 10  # closest pairs, to be looked at
CUTS = 20  # equal cuts of training and held-out tiles for closer_to_training


@dataclass(frozen=True)
class TilePair:
    """A synthetic tile and the training tile it is most like."""

    synthetic: int  # positions in the arrays given
    training: int
    distance: float  # grey levels, or in features
    ratio: float  # to the distance of the second nearest training tile; small = like this one alone


@dataclass(frozen=True)
class CopyTest:
    """What speaks for and against copying."""

    ct_z: float  # below -2: nearer to the training tiles than held-out ones are; far above 0: off the real ones
    ct_z_unseen: (
        float  # the same with held-out tiles in place of training: what being smooth or usual alone makes of it
    )
    closer_to_training: Estimate  # share nearer to training than to as many held-out tiles; 0.5 = no copying
    ratio: Estimate  # share with d1/d2 below 1/3; more than held-out tiles have is an alarm
    held_out_ratio: Estimate  # what held-out tiles have
    auth_pct: float  # 0..100, tiles farther from their nearest training tile than that one is from any other
    held_out_auth_pct: float  # what held-out tiles have
    closest: tuple[TilePair, ...]  # the ten smallest ratios
    n: int  # synthetic tiles
    n_training: int  # training tiles, those that are one picture counted once
    n_held_out: int


def copy_test(*, synthetic, training, held_out, features=None, seed=0):
    """Look for every synthetic and every held-out tile's like among the training tiles: Copies.

    synthetic, training, held_out: uint8 (N, 64, 64), tiles of one class; held_out: real ones that were not trained on.
    Distances as in audit.nearest; features: what gives vectors for tiles, to compare those instead.
    ct_z: Meehan et al. 2020 (arXiv 2004.05675) over one cell. Tiles that are only smoother or more usual than real ones
    lie near to any real tile, so ct_z_unseen takes half of held_out as if it were the training set and compares with
    the other half: ct_z speaks of copying where it is below -2 and well below ct_z_unseen. That is given at the scale
    of ct_z, but smoothness tells more among more tiles: it is too mild where training is much the larger set.
    ratio: Gu et al. 2023 (arXiv 2310.02664). auth_pct: Alaa et al. 2022 (arXiv 2102.08921).
    closer_to_training cuts both sets at random to half the size of the smaller, twenty times, and compares rough
    distances: it sees a generator that copies most of the time, not one that copies one training tile in ten.
    Raises LabError where a set is empty or the training tiles are all one picture.
    """
    synthetic, training, held_out = (np.asarray(tiles) for tiles in (synthetic, training, held_out))
    for name, tiles in (("synthetic", synthetic), ("training", training), ("held-out", held_out)):
        if not len(tiles):
            raise LabError(f"There are no {name} tiles; a copy test needs synthetic, training and held-out ones.")
    kept = distinct(training)
    if len(kept) < 2:
        raise LabError(f"The {len(training)} training tiles are all one picture; a copy test needs different ones.")
    training = training[kept]

    searched = TileIndex(training, features=features)
    to_training = searched.rough(synthetic)
    found, distances = searched.nearest(synthetic, rough=to_training)
    held_found, held_distances = searched.nearest(held_out)
    # How far the nearest training tiles are from all others, each looked up once.
    wanted, place = np.unique(np.concatenate([found[:, 0], held_found[:, 0]]), return_inverse=True)
    _, own = searched.nearest(training[wanted], leave_out=wanted)
    own = own[place.ravel(), 0]

    to_held_out = TileIndex(held_out, features=features).rough(synthetic)
    ratios, held_ratios = _ratios(distances), _ratios(held_distances)
    most_alike = np.argsort(ratios, kind="stable")[:PAIRS]
    return CopyTest(
        ct_z=ct_z(distances[:, 0], held_distances[:, 0]),
        ct_z_unseen=_unseen(synthetic, held_out, features, seed),
        closer_to_training=_closer(to_training.numpy(), to_held_out.numpy(), seed),
        ratio=estimate_share(ratios < RATIO),
        held_out_ratio=estimate_share(held_ratios < RATIO),
        auth_pct=float(100 * np.mean(distances[:, 0] >= own[: len(synthetic)])),
        held_out_auth_pct=float(100 * np.mean(held_distances[:, 0] >= own[len(synthetic) :])),
        closest=tuple(
            TilePair(int(g), int(kept[found[g, 0]]), float(distances[g, 0]), float(ratios[g])) for g in most_alike
        ),
        n=len(synthetic),
        n_training=len(training),
        n_held_out=len(held_out),
    )


def ct_z(distances, held_out):
    """Z of the three-sample test: below -2 the synthetic tiles are nearer to training than the held-out ones are.

    distances, held_out: (m,) and (n,), to the nearest training tile. Mann-Whitney's U = number of pairs in which the
    synthetic tile is farther, ties one half; Z = (U - mn/2) / sqrt(mn (m + n + 1) / 12).
    """
    return _as_z(_share_farther(distances, held_out), len(distances), len(held_out))


def _ratios(distances):
    # Two training tiles equally near, at no distance: like both, so a copy of none alone.
    return np.divide(distances[:, 0], distances[:, 1], out=np.ones(len(distances)), where=distances[:, 1] > 0)


def _unseen(synthetic, held_out, features, seed):
    """ct_z with half of the held-out tiles as if they were the training tiles, both ways; 0 where there is one tile."""
    if len(held_out) < 2:
        return 0.0
    order = np.random.default_rng(seed).permutation(len(held_out))
    halves = held_out[np.sort(order[::2])], held_out[np.sort(order[1::2])]
    shares = []
    for unseen, others in (halves, halves[::-1]):
        searched = TileIndex(unseen, features=features)
        shares.append(_share_farther(*(searched.nearest(tiles)[1][:, 0] for tiles in (synthetic, others))))
    return _as_z(np.mean(shares), len(synthetic), len(held_out))


def _share_farther(distances, held_out):
    """Share of pairs in which the synthetic tile is farther, ties one half: Mann-Whitney's U / mn."""
    m, n = len(distances), len(held_out)
    return (rankdata(np.concatenate([distances, held_out]))[:m].sum() - m * (m + 1) / 2) / (m * n)


def _as_z(share_farther, m, n):
    return float((share_farther - 0.5) / np.sqrt((m + n + 1) / (12 * m * n)))


def _closer(to_training, to_held_out, seed):
    """Share nearer to training, with an interval that holds the chance of both sets and of the synthetic tiles."""
    rng, shares, n = np.random.default_rng(seed), [], len(to_training)
    size = max(1, min(to_training.shape[1], to_held_out.shape[1]) // 2)
    for _ in range(CUTS):
        training, held_out = (far[:, rng.permutation(far.shape[1])[:size]].min(1) for far in (to_training, to_held_out))
        shares.append(np.mean((training < held_out) + 0.5 * (training == held_out)))
    value = float(np.mean(shares))
    half = 1.96 * float(np.sqrt(np.var(shares) + 0.25 / n))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n)
