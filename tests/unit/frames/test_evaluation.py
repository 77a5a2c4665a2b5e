"""Matching and average precision, against hand-computed values and pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from svp_core.frames.evaluation import DetectedFrame, average_precision, evaluate, match


def drawn_frames(seed, count=6):
    rng, frames = np.random.default_rng(seed), []
    for _ in range(count):
        start = rng.integers(0, 300, (int(rng.integers(0, 9)), 2))
        truth = np.concatenate([start, start + rng.integers(8, 60, start.shape)], 1)
        moved = truth[rng.random(len(truth)) < 0.8] + rng.integers(-6, 7, (1, 4))
        wrong = rng.integers(0, 300, (int(rng.integers(0, 4)), 2))
        boxes = np.concatenate([moved, np.concatenate([wrong, wrong + 25], 1)])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        frames.append(DetectedFrame(boxes, rng.permutation(len(boxes)) / 10 + rng.random() / 100, truth))
    return frames


def by_pycocotools(frames, min_iou):
    def xywh(box):
        top, left, bottom, right = map(int, box)
        return [left, top, right - left, bottom - top]

    images = [{"id": k, "width": 400, "height": 400} for k in range(1, len(frames) + 1)]
    truth, found = [], []
    for k, frame in enumerate(frames, 1):
        for box in frame.truth:
            side = xywh(box)
            one = {"id": len(truth) + 1, "image_id": k, "category_id": 1, "bbox": side, "iscrowd": 0}
            truth.append({**one, "area": side[2] * side[3]})
        found += [
            {"image_id": k, "category_id": 1, "bbox": xywh(box), "score": float(score)}
            for box, score in zip(frame.boxes, frame.scores, strict=True)
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"info": {}, "images": images, "annotations": truth, "categories": [{"id": 1, "name": "p"}]}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.params.iouThrs = np.array([min_iou])
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][0, :, 0, 0, -1].mean(), evaluation.eval["recall"][0, 0, 0, -1]


@pytest.mark.parametrize("min_iou", [0.5, 0.75])
@pytest.mark.parametrize("seed", range(8))
def test_ap_and_recall_are_those_of_pycocotools(seed, min_iou):
    frames = drawn_frames(seed)
    figures = evaluate(frames, min_iou=min_iou, resamples=10)
    ap, recall = by_pycocotools(frames, min_iou)
    assert figures.ap.value == pytest.approx(ap, abs=1e-9)
    assert figures.recall.value == pytest.approx(recall)


def test_a_true_box_is_matched_once_by_the_surest_box():
    truth = np.array([[0, 0, 10, 10], [0, 20, 10, 30]])
    boxes = np.array([[0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60], [0, 21, 10, 31]])
    frame = DetectedFrame(boxes, np.array([0.9, 0.8, 0.7, 0.6]), truth)
    assert match(frame).tolist() == [0, -1, -1, 1]
    figures = evaluate([frame], resamples=5)
    assert (figures.recall.value, figures.precision.value) == (1.0, 0.5)
    # Recall 1/2 at precision 1, then 1 at 2/4: 51 of 101 recalls at 1, 50 at 0.5.
    assert figures.ap.value == pytest.approx((51 * 1 + 50 * 0.5) / 101)


def test_figures_of_nothing():
    none = DetectedFrame(np.zeros((0, 4), int), np.zeros(0), np.zeros((0, 4), int))
    figures = evaluate([none], resamples=5)
    assert np.isnan([figures.recall.value, figures.precision.value, figures.ap.value]).all()
    missed = evaluate([DetectedFrame(none.boxes, none.scores, np.array([[0, 0, 5, 5]]))], resamples=5)
    assert (missed.recall.value, missed.ap.value) == (0.0, 0.0)
    assert np.isnan(average_precision(np.ones(1, bool), np.ones(1), 0))


def test_intervals_hold_the_value_and_narrow_with_more_frames():
    few, many = evaluate(drawn_frames(1, 8), resamples=400), evaluate(drawn_frames(1, 80), resamples=400)
    for figures in (few, many):
        for figure in (figures.recall, figures.precision, figures.ap):
            assert figure.low <= figure.value <= figure.high
    assert many.recall.high - many.recall.low < 0.6 * (few.recall.high - few.recall.low)
