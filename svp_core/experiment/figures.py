"""Figures of a classifier on its test particles, at their own prevalence or any stated one, for many resamples at once.

Every function takes weights (B, N): how much each of N test particles counts in each of B resamples. A row of ones is
the plain figure. Equal to scikit-learn's precision_recall_fscore_support (zero_division=0) and average_precision_score
with sample_weight. A class without test particles has no figures (nan), and macro figures leave it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
FALSE_RATE = 1e-3  # of the largest class: recall is read where so many of its particles are called falsely
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Predictions:
    """What one classifier predicts for the test particles of one seed."""

    particles: NDArray[np.int64]  # (N,), positions among all real particles of the source
    labels: NDArray[np.int64]  # (N,), true classes
    probs: NDArray[np.float32]  # (N, K)


def weights_at(prevalence: Floats | None, labels: NDArray[np.integer], weights: Floats) -> Floats:
    """Weights (B, N) with the classes in these proportions, float (K,); None: as they are in the sample.

    Every class is scaled to its share, so a test fold with as many oil droplets as protein stands for any mixture.
    """
    if prevalence is None:
        return weights
    shares = np.asarray(prevalence, float) / np.sum(prevalence)
    scaled = np.zeros_like(weights, dtype=float)
    for label, share in enumerate(shares):
        members = labels == label
        total = weights[:, members].sum(1, keepdims=True)
        scaled[:, members] = share * weights[:, members] / np.where(total > 0, total, 1)
    return scaled


def figures_of(
    predictions: Predictions, class_keys: Sequence[str], weights: Floats, *, majority: int
) -> dict[str, Floats]:
    """Name -> value in each resample, float (B,).

    Macro precision, recall, F1 and AUPRC, each also by class; recall_at_false_rate by class; accuracy;
    calibration_error.

    majority: label of the largest class, whose particles are called falsely in recall_at_false_rate.
    """
    labels, probs, weights = predictions.labels, predictions.probs, np.asarray(weights, float)
    confusion = _confusion(labels, probs.argmax(1), weights, len(class_keys))
    truth, called = confusion.sum(2), confusion.sum(1)
    hits = np.einsum("bkk->bk", confusion)
    absent = truth <= 0
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    recall = np.divide(hits, truth, out=np.zeros_like(hits), where=~absent)
    f1 = np.divide(2 * hits, truth + called, out=np.zeros_like(hits), where=truth + called > 0)
    auprc = np.stack(
        [average_precision(labels == label, probs[:, label], weights) for label in range(len(class_keys))], axis=1
    )
    values: dict[str, Floats] = {}
    for name, columns in (("precision", precision), ("recall", recall), ("f1", f1), ("auprc", auprc)):
        columns = np.where(absent, np.nan, columns)
        values[f"macro_{name}"] = _mean_of_known(columns)
        values |= {f"{name}.{key}": columns[:, label] for label, key in enumerate(class_keys)}
    for label, key in enumerate(class_keys):
        if label != majority:
            found = recall_at_false_rate(labels == label, labels == majority, probs[:, label], weights)
            values[f"recall_at_false_rate.{key}"] = np.where(absent[:, label], np.nan, found)
    values["accuracy"] = hits.sum(1) / np.maximum(truth.sum(1), 1e-300)
    values["calibration_error"] = _calibration_error(labels, probs, weights)
    return values


def recall_by_size(
    predictions: Predictions, class_keys: Sequence[str], weights: Floats, *, sizes: Floats, edges: Sequence[float]
) -> dict[str, Floats]:
    """Macro recall within each size bin: name such as "macro_recall@5-10" -> float (B,).

    sizes: float, of all real particles of the source; edges: lower edges, ascending. nan sizes are in no bin.
    """
    own, values = sizes[predictions.particles], {}
    for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
        inside = (own >= low) & (own < high)
        part = weights * inside
        confusion = _confusion(predictions.labels, predictions.probs.argmax(1), part, len(class_keys))
        truth = confusion.sum(2)
        recall = np.divide(np.einsum("bkk->bk", confusion), truth, out=np.full(truth.shape, np.nan), where=truth > 0)
        name = f"{low:g}-{high:g}" if np.isfinite(high) else f"{low:g}+"
        values[f"macro_recall@{name}"] = _mean_of_known(recall)
    return values


def average_precision(is_positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """Area under the precision-recall curve as a sum of steps (average precision), float (B,); nan without positives.

    Particles of equal score are taken together, as in scikit-learn.
    """
    order = np.argsort(-scores, kind="stable")
    ends = _last_of_each_score(scores[order])
    ordered = np.asarray(weights, float)[:, order]
    hits = np.cumsum(ordered * is_positive[order], axis=1)[:, ends]
    called = np.cumsum(ordered, axis=1)[:, ends]
    total = hits[:, -1:]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    gained = np.diff(hits, axis=1, prepend=0)
    area = (gained * precision).sum(1)
    return np.divide(area, total[:, 0], out=np.full(len(area), np.nan), where=total[:, 0] > 0)


def recall_at_false_rate(
    is_positive: NDArray[np.bool_], is_majority: NDArray[np.bool_], scores: Floats, weights: Floats
) -> Floats:
    """Largest recall of a threshold at which at most 1 in 1,000 particles of the majority is called, float (B,)."""
    order = np.argsort(-scores, kind="stable")
    ends = _last_of_each_score(scores[order])
    ordered = np.asarray(weights, float)[:, order]
    hits = np.cumsum(ordered * is_positive[order], axis=1)
    false = np.cumsum(ordered * is_majority[order], axis=1)
    allowed = false[:, ends] <= FALSE_RATE * false[:, -1:] + 1e-12
    found = np.where(allowed, hits[:, ends], 0).max(1)
    return np.divide(found, hits[:, -1], out=np.zeros_like(found), where=hits[:, -1] > 0)


def as_prevalence(stated: Mapping[str, float], class_keys: Sequence[str]) -> Floats:
    """Shares in label order, float (K,), from particles a class; a class that is not stated has none of them."""
    return np.array([float(stated.get(key, 0.0)) for key in class_keys])


def _last_of_each_score(ordered: Floats) -> NDArray[np.int64]:
    """Positions of the last particle of each distinct score, in descending order."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def _confusion(labels, called, weights, count):
    """Weight of each true class (rows) called each class, float (B, K, K)."""
    cells = np.zeros((len(labels), count * count))
    cells[np.arange(len(labels)), labels * count + called] = 1
    return (np.asarray(weights, float) @ cells).reshape(-1, count, count)


def _mean_of_known(columns):
    known = ~np.isnan(columns)
    total = np.where(known, columns, 0).sum(1)
    return np.divide(total, known.sum(1), out=np.full(len(columns), np.nan), where=known.any(1))


def _calibration_error(labels, probs, weights):
    """Expected calibration error (Guo et al. 2017, eq. 3) in bins of equal number, float (B,)."""
    confidence, right = probs.max(1).astype(float), probs.argmax(1) == labels
    bins = np.zeros((len(labels), min(CALIBRATION_BINS, len(labels))))
    for column, part in enumerate(np.array_split(np.argsort(confidence, kind="stable"), bins.shape[1])):
        bins[part, column] = 1
    gaps = np.abs((weights * (right - confidence)) @ bins).sum(1)
    return gaps / np.maximum(weights.sum(1), 1e-300)
