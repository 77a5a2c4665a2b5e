"""Overlap, suppression and border of boxes, against hand-computed values and torchvision."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou, nms

from svp_core.frames.boxes import border_weights, box_fault, clip, inside_share, iou, suppress, touches_border


def some_boxes(count, seed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 60, (count, 2))
    return np.concatenate([start, start + rng.integers(1, 30, (count, 2))], 1)


def xyxy(boxes):
    return torch.tensor(boxes[:, [1, 0, 3, 2]], dtype=torch.float64)


def test_overlap_and_suppression_agree_with_torchvision():
    a, b = some_boxes(40, 0), some_boxes(30, 1)
    assert iou(a, b) == pytest.approx(box_iou(xyxy(a), xyxy(b)).numpy())
    scores = np.random.default_rng(2).random(40)
    assert suppress(a, scores, max_iou=0.3).tolist() == nms(xyxy(a), torch.tensor(scores), 0.3).tolist()
    assert suppress(a[:0], scores[:0], max_iou=0.3).tolist() == []


def test_the_ends_of_a_box_are_excluded():
    box = np.array([[10, 10, 14, 14]])
    assert iou(box, np.array([[10, 14, 14, 18]])).tolist() == [[0.0]]
    assert iou(box, np.array([[10, 12, 14, 16]])).tolist() == [[8 / 24]]
    assert inside_share(np.array([[10, 12, 14, 16]]), box).tolist() == [[0.5]]


def test_the_border_and_the_weight_of_what_it_hides():
    boxes = np.array([[0, 5, 4, 9], [1, 1, 99, 199], [50, 190, 60, 200]])
    assert touches_border(boxes, (100, 200)).tolist() == [True, False, True]
    # 10 x 20 px (height x width): clear of the border at 179 x 89 of 200 x 100 positions.
    assert border_weights(np.array([[10, 10, 20, 30]]), (100, 200))[0] == pytest.approx(200 * 100 / (179 * 89))
    assert clip(np.array([[-3, 5, 104, 250]]), (100, 200)).tolist() == [[0, 5, 100, 200]]


def test_weights_add_up_to_the_particles_that_are_there():
    """Boxes of two sizes thrown at random over a frame: those clear of its border, weighted, give their density."""
    rng, shape, thrown = np.random.default_rng(4), (100, 160), 40_000
    for side in (5, 60):
        centre = rng.uniform([0, 0], shape, (thrown, 2))
        top_left = np.floor(centre - side / 2).astype(int)
        boxes = np.concatenate([top_left, top_left + side], 1)
        whole = ~touches_border(boxes, shape)
        assert border_weights(boxes[whole], shape).sum() == pytest.approx(thrown, rel=0.02)
        assert whole.mean() < 0.95


@pytest.mark.parametrize(
    ("box", "words"),
    [((0, 0, 10, 10), ""), ((5, 5, 5, 9), "is empty"), ((0, -1, 5, 5), "beyond"), ((0, 0, 101, 5), "beyond")],
)
def test_a_box_that_no_frame_can_have_says_why(box, words):
    fault = box_fault(box, (100, 200))
    assert (words in fault) if words else fault == ""
