"""Boxes in frames: overlap, suppression of duplicates, the border of the frame and what it hides from a count.

A box is (top, left, bottom, right) in pixels, the last two excluded; many are an array (N, 4).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.frames.proposals import Boxes


def as_boxes(boxes: ArrayLike) -> Boxes:
    """Boxes as int32 (N, 4); none give (0, 4)."""
    return np.asarray(boxes, np.int32).reshape(-1, 4)


def box_areas(boxes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Areas in pixels, (N,); 0 for an empty box."""
    sides = np.maximum(boxes[:, 2:].astype(np.int64) - boxes[:, :2], 0)
    return sides.prod(1)


def iou(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union of every box of a (N, 4) with every one of b (M, 4): (N, M), 0..1, 1 for equal boxes."""
    intersection = _intersections(a, b)
    union = box_areas(a)[:, None] + box_areas(b)[None] - intersection
    return intersection / np.maximum(union, 1)


def inside_share(inner: NDArray[np.integer], outer: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of the area of each inner box (N, 4) that lies in each outer one (M, 4): (N, M), 0..1."""
    return _intersections(inner, outer) / np.maximum(box_areas(inner)[:, None], 1)


def suppress(boxes: NDArray[np.integer], scores: NDArray[np.floating], *, max_iou: float) -> NDArray[np.intp]:
    """Positions of the boxes kept, best first; none overlaps a better one by more than max_iou (greedy NMS)."""
    kept: list[int] = []
    order, overlap = np.argsort(-scores, kind="stable"), iou(boxes, boxes)
    for position in order:
        if not kept or overlap[position, kept].max() <= max_iou:
            kept.append(int(position))
    return np.array(kept, np.intp)


def touches_border(boxes: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether each box reaches the frame's outermost pixels (N,): its particle may be cut, so its size is unknown."""
    height, width = shape[:2]
    return (boxes[:, 0] <= 0) | (boxes[:, 1] <= 0) | (boxes[:, 2] >= height) | (boxes[:, 3] >= width)


def border_weights(boxes: NDArray[np.integer], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Number of particles that each particle within the frame stands for, (N,), 1 or more.

    Particles that touch the border are not counted, so a particle of w x h pixels is seen whole at only
    (W - w - 1)(H - h - 1) of the W H positions of its corner: large ones are missed more often. The inverse share is
    its weight (the border correction of Miles 1974 and Lantuéjoul 1980, for a rectangular window).
    """
    height, width = shape[:2]
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 1)
    positions = np.maximum(height - sides[:, 0] - 1, 1) * np.maximum(width - sides[:, 1] - 1, 1)
    return height * width / positions


def clip(boxes: NDArray[np.integer], shape: tuple[int, ...]) -> Boxes:
    """Boxes cut to the frame."""
    limits = np.array([shape[0], shape[1], shape[0], shape[1]])
    return as_boxes(np.clip(boxes, 0, limits))


def box_fault(box: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Why a box cannot be one of a frame of this shape, as the end of a sentence; "" where it can."""
    top, left, bottom, right = box
    height, width = shape[:2]
    if bottom <= top or right <= left:
        return f"the box ({right - left} x {bottom - top} px at x {left}, y {top}) is empty"
    if top < 0 or left < 0 or bottom > height or right > width:
        return (
            f"the box ({right - left} x {bottom - top} px at x {left}, y {top}) extends beyond the frame of "
            f"{width} x {height} px"
        )
    return ""


def _intersections(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int64]:
    start, end = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.maximum(end.astype(np.int64) - start, 0).prod(2)
