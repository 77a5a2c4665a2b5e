"""Heads split touching discs, leave single ones alone, and are stored; candidates hold a right box for each."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from svp_core.errors import LabError
from svp_core.frames.background import filter_background
from svp_core.frames.boxes import iou
from svp_core.frames.candidates import FIGURES, find_candidates
from svp_core.frames.heads import (
    WEAK,
    HeadsConfig,
    TrainingSettings,
    best_boxes,
    config_as_dict,
    focal_loss,
    load_heads,
    score_boxes,
    split_touching,
    train_heads,
)
from svp_core.frames.proposals import find_particles, relative_difference
from svp_core.model_files import save_model
from svp_core.progress import Progress
from tests.helpers.drawn_frames import disc_box, draw_frame

CONFIG = HeadsConfig(FIGURES, "none", (32, 16))


def draw_pairs(seed, *, touching=True):
    """(frame, true boxes) of dark discs in a grid, each second one beside another."""
    rng, discs = np.random.default_rng(seed), []
    for row in (40, 110, 180):
        for column in (50, 130, 210, 280):
            radius = int(rng.integers(6, 11))
            discs.append((row + int(rng.integers(-8, 9)), column, radius, -0.3))
            if touching and len(discs) % 2:
                discs.append((discs[-1][0], column - radius - 3 - 7, 8, -0.35))
    return draw_frame(discs, seed=seed), np.array([disc_box(*disc[:3]) for disc in discs])


def example(seed, **options):
    frame, truth = draw_pairs(seed, **options)
    background = filter_background(frame)
    rule = find_particles(frame, background).boxes
    return find_candidates(relative_difference(frame, background), rule), rule, truth


def trained(settings, seeds=range(6), *, boxes=None):
    """Heads trained on frames of these seeds; boxes: so many true boxes per frame are known."""
    examples = [example(seed) for seed in seeds]
    features = np.concatenate([candidates.figures for candidates, _, _ in examples])
    overlaps = np.concatenate([iou(candidates.boxes, truth[:boxes]).max(1) for candidates, _, truth in examples])
    *steps, heads = train_heads(features, overlaps, CONFIG, settings)
    assert all(isinstance(step, Progress) for step in steps)
    assert len(steps) == settings.epochs
    return heads


@pytest.fixture(scope="module")
def heads():
    return trained(TrainingSettings(epochs=30))


def test_the_rule_joins_touching_discs_and_candidates_hold_each_of_them():
    candidates, rule, truth = example(77)
    assert len(rule) < len(truth)
    assert iou(truth, rule).max(1).min() < 0.6
    assert iou(truth, candidates.boxes).max(1).min() > 0.7
    assert len(np.unique(candidates.boxes, axis=0)) == len(candidates.boxes)
    assert np.isfinite(candidates.figures).all()


def test_touching_discs_are_split_and_single_ones_left_alone(heads):
    recall_rule, recall_split = [], []
    for seed in (101, 102, 103):
        candidates, rule, truth = example(seed)
        scores, _, _ = score_boxes(heads, candidates.figures)
        boxes, box_scores = split_touching(rule, candidates.boxes, scores)
        recall_rule.append((iou(truth, rule).max(1) >= 0.5).mean())
        recall_split.append((iou(truth, boxes).max(1) >= 0.5).mean())
        assert len(boxes) == len(box_scores)
        kept = best_boxes(candidates.boxes, scores)
        assert np.triu(iou(candidates.boxes[kept], candidates.boxes[kept]), 1).max() <= 0.3
    assert np.mean(recall_split) > np.mean(recall_rule) + 0.2
    assert np.mean(recall_split) > 0.9
    candidates, rule, truth = example(104, touching=False)
    scores, _, _ = score_boxes(heads, candidates.figures)
    assert split_touching(rule, candidates.boxes, scores)[0].tolist() == rule.tolist()


def test_the_score_is_the_weighted_product_of_both_heads(heads):
    candidates, _, _ = example(105)
    scores, p, overlap = score_boxes(heads, candidates.figures)
    assert scores == pytest.approx(p**0.6 * overlap**0.4, abs=1e-6)
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_the_predicted_overlap_follows_the_true_one(heads):
    candidates, _, truth = example(106)
    _, p, overlap = score_boxes(heads, candidates.figures)
    true = iou(candidates.boxes, truth).max(1)
    assert np.corrcoef(overlap, true)[0, 1] > 0.6
    assert p[true > 0.7].mean() > p[true < 0.3].mean()


def test_weak_labels_train_and_the_same_seed_gives_the_same_heads():
    settings = replace(WEAK, epochs=2)
    first, second = trained(settings, range(3), boxes=1), trained(settings, range(3), boxes=1)
    other = trained(replace(settings, seed=1), range(3), boxes=1)
    figures = example(107)[0].figures
    assert (score_boxes(first, figures)[0] == score_boxes(second, figures)[0]).all()
    assert (score_boxes(first, figures)[0] != score_boxes(other, figures)[0]).any()


def test_stored_heads_score_as_before(heads, tmp_path):
    save_model(tmp_path / "h", config=config_as_dict(CONFIG), tensors=heads.state_dict(), card="", history=[])
    loaded, config = load_heads(tmp_path / "h")
    figures = example(108)[0].figures
    assert config == CONFIG
    assert (score_boxes(loaded, figures)[0] == score_boxes(heads, figures)[0]).all()
    assert score_boxes(loaded, figures[:0])[0].shape == (0,)


def test_too_few_fitting_boxes_are_a_sentence():
    with pytest.raises(LabError, match="Only 3 candidate boxes fit"):
        list(train_heads(np.zeros((90, FIGURES), np.float32), np.array([0.9] * 3 + [0.0] * 87), CONFIG, WEAK))


def test_the_focal_loss_is_that_of_torchvision():
    logit, target = torch.randn(50), (torch.rand(50) > 0.7).float()
    assert focal_loss(logit, target).item() == pytest.approx(
        sigmoid_focal_loss(logit, target, alpha=0.25, gamma=2, reduction="mean").item(), abs=1e-6
    )
