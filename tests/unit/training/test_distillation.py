"""One network that learns the mean answer of several: the answer's arithmetic, and that a student comes to give it."""

import numpy as np
import pytest
import torch

from svp_core.classifier.resnet import Classifier, ClassifierConfig, build_classifier
from svp_core.progress import run_to_end
from svp_core.training.distillation import (
    LearningPlan,
    Teacher,
    TileGroup,
    heed_labels,
    label_answer,
    learn,
    teachers_answer,
)
from tests.helpers.drawn_tiles import draw_blocks

CPU = torch.device("cpu")


class Constant(torch.nn.Module):
    """A network that gives these logits for every image."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, images):
        return self.logits.expand(len(images), -1)


def teacher(logits, weight=1.0, temperature=1.0):
    config = ClassifierConfig(("",) * len(logits), temperature=temperature)
    return Teacher(Classifier(Constant(logits), config, None, CPU), weight)


def answer_of(answer):
    with torch.inference_mode():
        return answer(torch.zeros(1, 1, 64, 64), np.zeros(1, int)).exp().numpy()[0]


def small_network(class_count):
    """A network that learns to tell dark from bright in a second."""
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 8, 5, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(8, class_count))


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


def test_teachers_of_some_classes_decide_among_these_alone():
    of_all = teacher([0.3, 1.0, -0.5, 2.0, 0.1])
    probs = answer_of(teachers_answer([of_all], [teacher([5.0, 2.0, 0.0])], shares=[((1, 2), 1.0)]))
    alone = softmax([0.3, 1.0, -0.5, 2.0, 0.1])
    np.testing.assert_allclose(probs[[0, 3, 4]], alone[[0, 3, 4]], rtol=1e-5)
    assert probs[1:3].sum() == pytest.approx(alone[1:3].sum(), rel=1e-5)
    np.testing.assert_allclose(probs[1:3] / probs[1:3].sum(), softmax([2.0, 0.0]), rtol=1e-5)


def test_without_their_share_the_teachers_of_all_classes_decide_alone():
    of_all = [teacher([0.3, 1.0, -0.5, 2.0], 3.0), teacher([1.3, 0.0, 0.5, -1.0], 1.0, temperature=0.5)]
    probs = answer_of(teachers_answer(of_all, [teacher([9.0, 0.0])], shares=[((0, 1), 0.0)]))
    mean = 0.75 * np.array([0.3, 1.0, -0.5, 2.0]) + 0.25 * np.array([2.6, 0.0, 1.0, -2.0])
    np.testing.assert_allclose(probs, softmax(mean), rtol=1e-5)


def test_half_a_share_is_the_geometric_mean_of_both_odds():
    probs = answer_of(teachers_answer([teacher([0.0, 1.0, 4.0])], [teacher([0.0, 3.0])], shares=[((0, 1), 0.5)]))
    assert probs[1] / probs[0] == pytest.approx(np.exp(2.0), rel=1e-4)


def test_shares_among_more_and_among_fewer_classes_follow_each_other():
    """One fifth among three classes, then half among the last two: three fifths there in all."""
    probs = answer_of(
        teachers_answer(
            [teacher([0.0, 0.0, 0.0, 1.0])], [teacher([1.0, 0.0, 5.0])], shares=[((0, 1, 2), 0.2), ((1, 2), 0.5)]
        )
    )
    assert probs[2] / probs[1] == pytest.approx(np.exp(0.6 * 5), rel=1e-4)
    assert probs[0] / probs[:3].sum() == pytest.approx(softmax([0.2, 0.0, 1.0])[0], rel=1e-4)
    assert probs[3] == pytest.approx(softmax([0.0, 0.0, 0.0, 1.0])[3], rel=1e-5)


def test_labels_as_an_answer_are_smoothed():
    wanted = label_answer(4, smoothing=0.2)(torch.zeros(2, 1, 64, 64), np.array([3, 0])).exp()
    np.testing.assert_allclose(wanted.numpy(), [[0.05, 0.05, 0.05, 0.85], [0.85, 0.05, 0.05, 0.05]], rtol=1e-5)


def test_a_label_gets_its_share_of_what_its_rival_has_and_nothing_of_others():
    probs = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32)
    said = heed_labels(torch.from_numpy(probs).log(), np.arange(3), np.array([0.5, 1.0, 1.0]), ((0,), (1,))).exp()
    np.testing.assert_allclose(said, [[0.65, 0.15, 0.2], [0.0, 0.8, 0.2], [0.5, 0.3, 0.2]], atol=1e-6)


def test_a_label_takes_from_every_class_of_the_other_side_and_from_none_of_its_own():
    probs = np.full((3, 4), 0.25, np.float32) + np.array([0.15, -0.05, -0.05, -0.05], np.float32)
    said = heed_labels(torch.from_numpy(probs).log(), np.arange(3), np.array([0.5, 0.5, 1.0]), ((0,), (1, 2))).exp()
    np.testing.assert_allclose(said, [[0.6, 0.1, 0.1, 0.2], [0.2, 0.4, 0.2, 0.2], [0.0, 0.2, 0.6, 0.2]], atol=1e-6)


def test_a_student_heeds_the_labels_where_their_group_says_so():
    tiles = [draw_blocks(20, seed=k, level=(60, 220)[k]) for k in range(2)]
    always_first = teachers_answer([teacher([4.0, 0.0])])
    plan = LearningPlan(steps=200, learning_rate=1e-2, batch=8, averaging=0.5, rivals=((0,), (1,)))
    untrained = small_network(2)

    def named(label_share):
        groups = [TileGroup(of_class, k, 1.0, label_share) for k, of_class in enumerate(tiles)]
        student = run_to_end(learn(untrained, groups, always_first, plan, CPU))
        with torch.inference_mode():
            return [student(torch.from_numpy(t)[:, None].float() / 127.5 - 1).argmax(1).float().mean() for t in tiles]

    assert max(named(0.0)) < 0.1
    with_labels = named(1.0)
    assert with_labels[0] < 0.1
    assert with_labels[1] > 0.9


def test_a_student_learns_its_teachers_answer_and_not_the_labels():
    groups = [TileGroup(draw_blocks(20, seed=k, level=(60, 220)[k]), k, 1.0) for k in range(2)]
    always = teachers_answer([teacher([0.0, 0.0, -9.0])], [teacher([0.0, 3.0])], shares=[((0, 1), 1.0)])
    plan = LearningPlan(steps=200, learning_rate=1e-2, batch=8, averaging=0.5, mixed=0.3)
    untrained = small_network(3)
    before = {name: tensor.clone() for name, tensor in untrained.state_dict().items()}
    student = run_to_end(learn(untrained, groups, always, plan, CPU))
    assert all(tensor.equal(before[name]) for name, tensor in untrained.state_dict().items())
    tiles = np.concatenate([group.tiles for group in groups])
    with torch.inference_mode():
        named = student(torch.from_numpy(tiles)[:, None].float() / 127.5 - 1).argmax(1)
    assert (named == 1).float().mean() > 0.9


def test_the_same_seed_gives_the_same_student():
    groups = [TileGroup(draw_blocks(8, seed=k, level=(60, 220)[k]), k, 1.0 + k) for k in range(2)]
    config = ClassifierConfig(("a", "b"), all_stages=True)
    network, plan = build_classifier(config), LearningPlan(steps=3, batch=4, mixed=0.5)
    first, second = (run_to_end(learn(network, groups, label_answer(2), plan, CPU)) for _ in range(2))
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())
