"""Candidate boxes for touching particles: groups of pixels at several thresholds and distances, and figures of each.

One threshold joins particles that touch; at a higher one their cores are apart. All groups of a few thresholds and
distances, the boxes of cores grown by a few pixels, hold a right box for nearly every particle; which of them is right,
heads.py scores.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.frames.boxes import as_boxes, clip, inside_share
from svp_core.frames.proposals import MIN_AREA_PX, Boxes, group_pixels

THRESHOLDS = (0.025, 0.035, 0.06, 0.10, 0.18)  # |difference| / background
REACHES_PX = (1, 5, 9)
GROWN_PX = (0, 1, 2, 3)  # around cores: a core's own box is too small
CORE_THRESHOLD = 0.035  # groups at higher thresholds are cores
MAX_CANDIDATES = 2_000  # of one frame, the largest first
VISIBLE = 0.04  # pixels that differ so much belong to a particle, as proposals.THRESHOLD
RING_PX = 3
FIGURES = 12  # per box


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate boxes of one frame."""

    boxes: Boxes  # (N, 4), each once
    figures: NDArray[np.float32]  # (N, FIGURES)


def find_candidates(difference: NDArray[np.float32], rule_boxes: Boxes) -> Candidates:
    """Candidates of a frame. difference: proposals.relative_difference. rule_boxes: of find_particles, (M, 4)."""
    boxes = [rule_boxes]
    for threshold, reach in product(THRESHOLDS, REACHES_PX):
        found, _, _ = group_pixels(difference, threshold, reach, MIN_AREA_PX)
        grown = GROWN_PX if threshold > CORE_THRESHOLD else (0,)
        boxes += [clip(found + np.array([-px, -px, px, px]), difference.shape) for px in grown]
    unique = as_boxes(np.unique(np.concatenate(boxes), axis=0))
    if len(unique) > MAX_CANDIDATES:
        sides = unique[:, 2:] - unique[:, :2]
        unique = unique[np.sort(np.argsort(-sides.prod(1), kind="stable")[:MAX_CANDIDATES])]
    return Candidates(unique, box_figures(difference, unique, rule_boxes))


def box_figures(difference: NDArray[np.float32], boxes: Boxes, rule_boxes: Boxes) -> NDArray[np.float32]:
    """Figures of boxes, float32 (N, 12): height, width, visible area (logarithms), their share of the box, mean and
    mean absolute difference, ratio of the sides, mean absolute difference and visible share of the ring around, mean
    absolute difference of the box's own rim, and of the rule's box that holds it: share of area, and of visible pixels.
    """
    if not len(boxes):
        return np.zeros((0, FIGURES), np.float32)
    strength = np.abs(difference)
    sums = {
        name: cv2.integral(image.astype(np.float64))
        for name, image in {"signed": difference, "strength": strength, "visible": strength > VISIBLE}.items()
    }
    areas = _areas(boxes)
    ring, rim = (clip(boxes + np.array([-px, -px, px, px]), difference.shape) for px in (RING_PX, -1))
    rim[:, 2:] = np.maximum(rim[:, 2:], rim[:, :2])
    visible, strong = _total(sums["visible"], boxes), _total(sums["strength"], boxes)
    ring_area = np.maximum(_areas(ring) - areas, 1)
    rim_area = np.maximum(areas - _areas(rim), 1)
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    of_area, of_visible = _share_of_rule(boxes, rule_boxes, areas, visible, sums["visible"])
    columns = [
        np.log(height),
        np.log(width),
        np.log1p(visible),
        visible / areas,
        10 * _total(sums["signed"], boxes) / areas,
        10 * strong / areas,
        np.log(height / width),
        10 * (_total(sums["strength"], ring) - strong) / ring_area,
        (_total(sums["visible"], ring) - visible) / ring_area,
        10 * (strong - _total(sums["strength"], rim)) / rim_area,
        of_area,
        of_visible,
    ]
    return np.stack(columns, 1).astype(np.float32)


def _share_of_rule(
    boxes: Boxes, rule_boxes: Boxes, areas: NDArray, visible: NDArray, visible_sums: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of area and of visible pixels of the rule's box that holds most of each box; 1 without one."""
    if not len(rule_boxes):
        return np.ones(len(boxes)), np.ones(len(boxes))
    inside = inside_share(boxes, rule_boxes)
    holder = inside.argmax(1)
    held = inside[np.arange(len(boxes)), holder] > 0.5
    of_area = areas / np.maximum(_areas(rule_boxes)[holder], 1)
    of_visible = visible / np.maximum(_total(visible_sums, rule_boxes)[holder], 1)
    return np.where(held, of_area, 1.0), np.where(held, of_visible, 1.0)


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    return np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 0).astype(np.float64)


def _total(integral: NDArray, boxes: Boxes) -> NDArray[np.float64]:
    """Sum of the image below each box, from its integral image."""
    top, left, bottom, right = boxes.T
    return integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
