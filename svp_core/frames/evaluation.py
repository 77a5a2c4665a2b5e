"""How well boxes agree with true ones: matching, recall, precision, average precision at an IoU, with intervals.

A true box is matched by at most one box, the best-scored first, with the true box that it overlaps most (as in COCO's
evaluation). AP is the area under the precision-recall curve as COCO interpolates it, at 101 recalls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.frames.boxes import box_areas, iou

IOU = 0.5
RESAMPLES = 2_000
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class DetectedFrame:
    """Boxes of one frame beside its true ones."""

    boxes: NDArray[np.integer]  # (N, 4)
    scores: NDArray[np.floating]  # (N,), higher is surer
    truth: NDArray[np.integer]  # (M, 4)


@dataclass(frozen=True)
class Figure:
    """A figure of all frames with its 95 % interval, from resampling whole frames; nan without anything to judge."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DetectionFigures:
    """Figures at one IoU."""

    recall: Figure
    precision: Figure
    ap: Figure
    true_boxes: int
    boxes: int
    frames: int
    iou: float


def scores_without_heads(boxes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Order of boxes (N, 4) that have no score: the larger the surer, (N,), 0..1. With equal scores, AP would depend on
    the order in which frames are listed.
    """
    areas = box_areas(boxes).astype(float)
    return areas / (areas + 1)


def match(frame: DetectedFrame, *, min_iou: float = IOU) -> NDArray[np.intp]:
    """Index of the true box that each box matches, (N,); -1 for none."""
    matched = np.full(len(frame.boxes), -1, np.intp)
    if not len(frame.boxes) or not len(frame.truth):
        return matched
    overlap = iou(frame.boxes, frame.truth)
    free = np.ones(len(frame.truth), bool)
    for position in np.argsort(-np.asarray(frame.scores, float), kind="stable"):
        candidates = np.where(free, overlap[position], -1.0)
        best = int(candidates.argmax())
        if candidates[best] >= min_iou:
            matched[position], free[best] = best, False
    return matched


def evaluate(
    frames: Sequence[DetectedFrame], *, min_iou: float = IOU, seed: int = 0, resamples: int = RESAMPLES
) -> DetectionFigures:
    """Recall, precision and AP of all frames together; the intervals are from resampling frames."""
    hits = [match(frame, min_iou=min_iou) >= 0 for frame in frames]
    scores = [np.asarray(frame.scores, float) for frame in frames]
    truth = np.array([len(frame.truth) for frame in frames])

    def figures(chosen: NDArray[np.intp]) -> tuple[float, float, float]:
        hit = np.concatenate([hits[k] for k in chosen]) if len(chosen) else np.zeros(0, bool)
        score = np.concatenate([scores[k] for k in chosen]) if len(chosen) else np.zeros(0)
        count = int(truth[chosen].sum())
        recall = hit.sum() / count if count else np.nan
        precision = hit.sum() / len(hit) if len(hit) else np.nan
        return float(recall), float(precision), average_precision(hit, score, count)

    value = figures(np.arange(len(frames)))
    rng = np.random.default_rng(seed)
    drawn = np.array([figures(rng.integers(0, len(frames), len(frames))) for _ in range(resamples if frames else 0)])
    ends = _intervals(drawn) if len(drawn) else np.full((2, 3), np.nan)
    recall, precision, ap = (Figure(value[k], float(ends[0, k]), float(ends[1, k])) for k in range(3))
    boxes = sum(map(len, scores))
    return DetectionFigures(recall, precision, ap, int(truth.sum()), boxes, len(frames), min_iou)


def average_precision(hits: NDArray[np.bool_], scores: NDArray[np.floating], true_count: int) -> float:
    """AP of boxes that hit (N,) with these scores, among true_count true ones: 0..1, nan without a true box."""
    if not true_count:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    found = hits[order].cumsum()
    recall, precision = found / true_count, found / np.arange(1, len(order) + 1)
    # The best precision at this recall or a higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, _RECALLS, side="left")
    return float(np.append(envelope, 0.0)[np.minimum(at, len(envelope))].mean())


def _intervals(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = [column[np.isfinite(column)] for column in drawn.T]
    return np.array([np.quantile(c, (0.025, 0.975)) if len(c) else (np.nan, np.nan) for c in columns]).T
