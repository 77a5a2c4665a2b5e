"""One cell of an experiment: one arm, one network, one seed: what it trains on, and what it predicts."""

import zlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.experiment.design import FEATURE_NETWORKS, Arm, Design
from svp_core.experiment.figures import Predictions
from svp_core.experiment.folds import Fold
from svp_core.experiment.leak_guard import HeldOut, SyntheticTiles, check_leaks, join_synthetic, no_synthetic_tiles
from svp_core.experiment.learners import Examples, LearnerPlan, predict_after_training
from svp_core.experiment.particles import RealParticles
from svp_core.experiment.weak_spots import weak_rows
from svp_core.progress import Progress

EXAMPLES = 8  # added tiles of each class that are kept to be shown


@dataclass(frozen=True)
class Pool:
    """Tiles that one source has made for one seed; arms take the first ones of each class."""

    synthetic: SyntheticTiles
    features: NDArray[np.floating]  # (N, D); (N, 0) where no network needs them


@dataclass(frozen=True)
class CellResult:
    """What one cell has found."""

    predictions: Predictions
    trained_on: dict[str, int]  # class key -> real tiles
    added: dict[str, int]  # class key -> synthetic tiles
    dropped: int  # synthetic tiles left out because they look like a held-out one by chance
    examples: NDArray[np.uint8]  # (n, 64, 64), some of the added tiles
    example_labels: NDArray[np.int64]  # (n,)


def training_rows(
    fold: Fold, labels: NDArray[np.integer], minority: Sequence[int], real: int | None, *, seed: int
) -> NDArray[np.int64]:
    """Positions of the real tiles to train on: of each minority class the first `real` of a random order, None: all.

    A larger number contains a smaller one.
    """
    if real is None:
        return fold.training
    rows = [fold.training[~np.isin(labels[fold.training], minority)]]
    for label in minority:
        members = fold.training[labels[fold.training] == label]
        rows.append(np.random.default_rng([seed, int(label), 3]).permutation(members)[:real])
    return np.sort(np.concatenate(rows))


def run_cell(
    design: Design,
    arm: Arm,
    network: str,
    seed: int,
    *,
    real: RealParticles,
    features: NDArray[np.floating],  # (N, D) of the real particles; (N, 0) where nothing needs them
    fold: Fold,
    pools: Mapping[str, Pool],  # source -> its tiles for this seed and this number of real tiles
) -> Generator[Progress, None, CellResult]:
    """Train one arm's classifier and predict the test fold; yields Progress.

    Raises LabError for an arm with a leak, see leak_guard, and for one that has no tile of a class.
    """
    minority = [real.class_keys.index(key) for key in design.minority]
    rows = training_rows(fold, real.labels, minority, arm.real, seed=seed)
    own = Examples(real.tiles[rows], features[rows], real.labels[rows])
    pool, pool_features = _added(arm, minority, pools, own)
    yield Progress(0, None, "Looking for leaks")
    held_out = [
        HeldOut(name, real.tiles[part], [real.names[row] for row in part])
        for name, part in (("test", fold.test), ("validation", fold.validation))
    ]
    names = [real.names[row] for row in fold.training]
    kept = check_leaks(arm.title, held_out, real=real.tiles[fold.training], real_names=names, synthetic=pool)
    clean, pool_features = pool.take(kept), pool_features[kept]
    _check_classes(arm, real, fold, np.concatenate([own.labels, clean.labels]))
    examples = Examples(
        np.concatenate([own.tiles, clean.tiles]),
        np.concatenate([own.features, pool_features]),
        np.concatenate([own.labels, clean.labels]),
    )
    plan = LearnerPlan(
        network, seed=_training_seed(seed, network, arm.key), steps=design.steps, batch=design.batch, trees=design.trees
    )
    validation, test = (
        Examples(real.tiles[part], features[part], real.labels[part]) for part in (fold.validation, fold.test)
    )
    probs = yield from predict_after_training(
        plan, examples, validation=validation, test=test, class_keys=real.class_keys, balance=arm.balance
    )
    shown = np.concatenate(
        [np.flatnonzero(clean.labels == label)[:EXAMPLES] for label in minority] or [np.zeros(0, int)]
    ).astype(int)
    return CellResult(
        Predictions(fold.test, real.labels[fold.test], probs),
        _by_class(own.labels, real.class_keys),
        _by_class(clean.labels, real.class_keys),
        len(pool) - len(kept),
        clean.tiles[shown],
        clean.labels[shown],
    )


def needs_features(design: Design) -> bool:
    """Whether some network or arm, or the map, needs feature vectors."""
    return (
        design.feature_map
        or any(network in FEATURE_NETWORKS for network in design.networks)
        or any(arm.where for arm in design.parsed())
    )


def _check_classes(arm: Arm, real: RealParticles, fold: Fold, labels: NDArray[np.integer]) -> None:
    """Raise LabError where an arm has no tile of a class that it is to tell from the others."""
    missing = sorted({*real.labels[fold.training].tolist()} - {*labels.tolist()})
    if missing:
        named = ", ".join(real.class_keys[label] for label in missing[:5])
        raise LabError(f"The arm {arm.title!r} is refused: it has no tile of {named} to train on.")


def _added(arm, minority, pools, own):
    """(SyntheticTiles of the arm, their features): of each class its share of the dose from every source."""
    chosen, features = [], []
    for number, source in enumerate(arm.sources):
        pool = pools[source]
        share = arm.dose // len(arm.sources) + (number < arm.dose % len(arm.sources))
        candidates = np.arange(len(pool.synthetic))
        if arm.where:
            candidates = weak_rows(arm.where, own, pool.synthetic, pool.features, minority)
        taken = [candidates[pool.synthetic.labels[candidates] == label][:share] for label in minority]
        positions = np.concatenate(taken)
        chosen.append(pool.synthetic.take(positions))
        features.append(pool.features[positions])
    if not chosen:
        return no_synthetic_tiles(), np.zeros((0, own.features.shape[1]), own.features.dtype)
    return join_synthetic(chosen), np.concatenate(features)


def _training_seed(seed, network, arm_key):
    """Seed of a training: every arm has its own, so that the variation between trainings counts in differences."""
    return zlib.crc32(f"{seed}/{network}/{arm_key}".encode())


def _by_class(labels, class_keys):
    return {key: int((labels == label).sum()) for label, key in enumerate(class_keys)}
