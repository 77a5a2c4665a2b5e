"""Confusion between classes: assign classes by thresholds, and estimate true counts from assigned ones.

A ConfusionReference holds a classifier's predictions for labelled particles that it was not trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv

from svp_core.particle_classes import UNSURE

DRAWS = 400  # Monte Carlo draws for the intervals of corrected counts
EM_ITERATIONS = 200  # of expectation and maximisation
# The confusion of a new run differs from the reference's by more than sampling: among particles of the same size in
# pixels, the share of protein and of air that is classified correctly varies between pixel sizes as if estimated from
# this many particles (a beta-binomial distribution fitted to the shipped reference; of oil from 70).
EFFECTIVE_REFERENCE = 12
MIN_SIMILAR = 50  # labelled particles per class; where fewer have the right size, the next in size are used as well

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class ConfusionReference:
    """Predictions of a classifier for labelled particles that it was not trained on."""

    probs: NDArray[np.float32]  # (M, K) in the order of class_keys
    labels: NDArray[np.integer]  # (M,), true classes, positions in class_keys
    sizes_um: FloatArray  # (M,), NaN where not measurable
    class_keys: tuple[str, ...]
    description: str  # of these particles, for reports
    sizes_px: FloatArray | None = None  # (M,), NaN where not measurable: size at which the classifier saw them


def apply_thresholds(
    probs: ArrayLike, class_keys: Sequence[str], *, thresholds: Mapping[str, float] | None = None
) -> NDArray[np.object_]:
    """Assigned class keys (N,): the most likely class, or UNSURE below that class's threshold.

    probs: float (N, K). thresholds: class key -> minimum probability, 0..1; classes left out are never unsure.
    """
    probs, keys = np.asarray(probs), np.array([*class_keys, UNSURE], dtype=object)
    best = probs.argmax(1)
    # In the precision of the probabilities: 0.9 as a 32-bit float is not below 0.9.
    minimum = np.array([(thresholds or {}).get(key, 0.0) for key in class_keys], np.result_type(probs, np.float16))
    return keys[np.where(probs.max(1, initial=0) < minimum[best], len(class_keys), best)]


def in_size_bin(sizes: FloatArray, low_um: float, high_um: float | None) -> BoolArray:
    return (sizes >= low_um) & (sizes < (np.inf if high_um is None else high_um))


def similar_in_um(reference: ConfusionReference, low_um: float, high_um: float | None) -> BoolArray:
    """Reference particles of these sizes in µm, bool (M,); all where some class has fewer than MIN_SIMILAR."""
    # Particles too faint to be measured count as smallest.
    mask = in_size_bin(np.nan_to_num(np.asarray(reference.sizes_um, float)), low_um, high_um)
    fewest = min(np.bincount(np.asarray(reference.labels)[mask], minlength=len(reference.class_keys)))
    return np.ones(len(mask), bool) if fewest < MIN_SIMILAR else mask


def similar_in_px(reference: ConfusionReference, sizes_px: FloatArray) -> BoolArray:
    """Reference particles as large as these (n,) in pixels, bool (M,): at least MIN_SIMILAR of every class."""
    reference_px, labels = np.nan_to_num(np.asarray(reference.sizes_px, float)), np.asarray(reference.labels)
    if not len(sizes_px):
        return np.ones(len(labels), bool)
    low, middle, high = np.quantile(sizes_px, (0.02, 0.5, 0.98))
    mask = (reference_px >= low) & (reference_px <= high)
    distance = np.abs(np.log1p(reference_px) - np.log1p(middle))
    for label in range(len(reference.class_keys)):
        of_class = np.flatnonzero(labels == label)
        if mask[of_class].sum() < MIN_SIMILAR:
            mask[of_class[np.argsort(distance[of_class], kind="stable")[:MIN_SIMILAR]]] = True
    return mask


def confusion_table(
    reference: ConfusionReference,
    assigned_keys: Sequence[str],
    thresholds: Mapping[str, float] | None,
    mask: BoolArray,
) -> FloatArray:
    """Counts of the masked reference particles by true (rows) and assigned class (columns), float (K, K + 1)."""
    keys = assigned_keys[:-1]
    if tuple(reference.class_keys) != tuple(keys):
        raise ValueError(f"the reference has classes {reference.class_keys}, the counts have {tuple(keys)}")
    assigned = apply_thresholds(reference.probs, keys, thresholds=thresholds)[mask]
    column = {key: index for index, key in enumerate(assigned_keys)}
    table = np.zeros((len(keys), len(assigned_keys)))
    np.add.at(table, (np.asarray(reference.labels)[mask], np.array([column[key] for key in assigned], int)), 1)
    return table


def row_shares(table: FloatArray) -> FloatArray:
    return table / table.sum(1, keepdims=True)


def uniform_draws(rng: np.random.Generator, class_keys: Sequence[str]) -> FloatArray:
    """Uniform numbers for every draw of shares; one set for all sizes, as a run's confusion differs alike at all."""
    return rng.random((DRAWS, len(class_keys), len(class_keys) + 1))


def drawn_shares(table: FloatArray, uniform: FloatArray) -> FloatArray:
    """Draws of P(assigned c | true k) (DRAWS, K, C) in the sample: Dirichlet, from EFFECTIVE_REFERENCE particles."""
    weighted = table * np.minimum(1, EFFECTIVE_REFERENCE / table.sum(1, keepdims=True))
    # Jeffreys' prior, so that what never happened is not impossible.
    shares = np.maximum(gammaincinv(weighted + 0.5 / table.shape[1], uniform), 1e-12)
    return shares / shares.sum(2, keepdims=True)


def unfold(observed: FloatArray, shares: FloatArray) -> FloatArray:
    """Maximum-likelihood true counts (D, K) from observed (D, C); shares (D, K, C) is P(assigned c | true k)."""
    counts = np.repeat(observed.sum(1, keepdims=True) / shares.shape[1], shares.shape[1], axis=1)
    for _ in range(EM_ITERATIONS):
        expected = np.einsum("dk,dkc->dc", counts, shares)
        ratio = np.divide(observed, expected, out=np.zeros(expected.shape), where=expected > 0)
        counts = counts * np.einsum("dkc,dc->dk", shares, ratio)
    return counts
