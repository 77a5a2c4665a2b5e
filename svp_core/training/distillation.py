"""Train one network to name particles as several networks together do (distillation, Hinton et al. 2015,
arXiv 1503.02531).

Networks that were trained for a short and for a long time on different tiles err on different particles, and an answer
of both is right more often than any of them; the student gives it at the cost of one. It sees its tiles as strongly
changed as augment_widely does, and mixtures of two, so that it follows its teachers beyond the simulator as well
(Beyer et al. 2022, arXiv 2106.05237).
"""

import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from svp_core.classifier.augment import augment_widely
from svp_core.classifier.resnet import Classifier
from svp_core.classifier.training_loop import build_optimiser, set_learning_rate
from svp_core.device import fast_arithmetic
from svp_core.progress import Progress

Answer = Callable[[torch.Tensor, NDArray[np.integer]], torch.Tensor]
Rivals = tuple[tuple[int, ...], tuple[int, ...]]  # two sides, each of classes that labels do not tell apart


@dataclass(frozen=True)
class TileGroup:
    """Tiles of one class and origin, and how often they are shown."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    label: int
    weight: float  # relative to the other groups
    label_share: float = 0.0  # what the label has to say, instead of the answer; see LearningPlan.rivals


@dataclass(frozen=True)
class LearningPlan:
    """Hyperparameters of one training."""

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    batch: int = 64
    averaging: float = 0.998  # decay of the moving average of the weights, which is the result
    mixed: float = 0.0  # share of the tiles that another one is mixed into, with up to half its weight
    rivals: Rivals | None = None  # classes between which the labels have their groups' label_share
    seed: int = 0


@dataclass(frozen=True)
class Teacher:
    """A network whose answer counts."""

    classifier: Classifier
    weight: float  # relative to the other teachers of the same classes


def learn(
    network: torch.nn.Module, groups: Sequence[TileGroup], answer: Answer, plan: LearningPlan, device: torch.device
) -> Generator[Progress, None, torch.nn.Module]:
    """Train a copy of the network until it gives these answers; yields Progress, returns the averaged network.

    groups: what it is shown. answer: called with augmented images, float (N, 1, 64, 64), -1..1, and their labels (N,);
    gives log-probabilities (N, K). The loss is the Kullback-Leibler divergence.
    """
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    model: Any = copy.deepcopy(network)
    model = model.to(device, memory_format=torch.channels_last).train()
    averaged: Any = copy.deepcopy(model)
    optimiser = build_optimiser(model, plan.learning_rate, plan.weight_decay)
    for step in range(1, plan.steps + 1):
        images, labels, label_shares = _batch(groups, plan, rng)
        images = images.to(device, memory_format=torch.channels_last)
        wanted = answer(images, labels)
        if plan.rivals:
            wanted = heed_labels(wanted, labels, label_shares, plan.rivals)
        set_learning_rate(optimiser, plan.learning_rate, step, plan.steps)
        with fast_arithmetic(device):
            logits = model(images)
        loss = F.kl_div(logits.float().log_softmax(1), wanted, log_target=True, reduction="batchmean")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        _average(averaged, model, min(plan.averaging, step / (step + 10)))
        yield Progress(step, plan.steps, loss=loss.item())
    return averaged.eval()


def label_answer(class_count: int, *, smoothing: float = 0.1) -> Answer:
    """The labels themselves, with label smoothing."""

    def answer(images: torch.Tensor, labels: NDArray[np.integer]) -> torch.Tensor:
        wanted = torch.full((len(labels), class_count), smoothing / class_count, device=images.device)
        wanted[torch.arange(len(labels)), torch.from_numpy(np.asarray(labels))] += 1 - smoothing
        return wanted.log()

    return answer


def heed_labels(
    wanted: torch.Tensor, labels: NDArray[np.integer], shares: NDArray[np.floating], rivals: Rivals
) -> torch.Tensor:
    """Log-probabilities (N, K) in which each label, of one of two sides, gets this share of what the other side has.

    wanted: log-probabilities (N, K). labels, shares: (N,), shares 0..1. How likely other classes are stays as it was,
    those of the label's own side included.
    """
    probs = wanted.exp()
    for side, other in (rivals, rivals[::-1]):
        for label in side:
            share = torch.from_numpy(np.where(labels == label, shares, 0)).to(probs)[:, None]
            moved = share * probs[:, list(other)]
            probs[:, label] += moved.sum(1)
            probs[:, list(other)] -= moved
    return probs.clamp_min(1e-8).log()


def teachers_answer(
    of_all: Sequence[Teacher], of_some: Sequence[Teacher] = (), *, shares: Sequence[tuple[Sequence[int], float]] = ()
) -> Answer:
    """The mean answer of teachers, in log-probabilities.

    of_all: teachers of all K classes. of_some: teachers of the first classes alone. shares: (positions of classes,
    share of the second teachers' answer in how likely each of these is among them), one after another; how likely any
    of these classes is stays as it was.
    """

    def answer(images: torch.Tensor, labels: NDArray[np.integer]) -> torch.Tensor:
        del labels
        wanted = _mean_answer(of_all, images)
        of_few = _mean_answer(of_some, images) if shares else wanted
        for classes, share in shares:
            among = list(classes)
            any_of_these = wanted[:, among].logsumexp(1, keepdim=True)
            mixed = share * of_few[:, among].log_softmax(1) + (1 - share) * (wanted[:, among] - any_of_these)
            wanted[:, among] = mixed.log_softmax(1) + any_of_these
        return wanted

    return answer


@torch.no_grad()
def _mean_answer(teachers: Sequence[Teacher], images: torch.Tensor) -> torch.Tensor:
    """Weighted mean of their log-probabilities, normalised, (N, K)."""
    total = sum(teacher.weight for teacher in teachers)
    answers = []
    for teacher in teachers:
        classifier = teacher.classifier
        with fast_arithmetic(images.device):
            logits = classifier.model.eval()(images)
        answers.append(teacher.weight / total * (logits.float() / classifier.config.temperature).log_softmax(1))
    return torch.stack(answers).sum(0).log_softmax(1)


def _batch(groups, plan, rng):
    """(images -1..1, labels, label shares) of one step; groups are drawn by weight, tiles in them alike."""
    weights = np.array([group.weight for group in groups])
    drawn = [groups[k] for k in rng.choice(len(groups), plan.batch, p=weights / weights.sum())]
    tiles = np.stack([group.tiles[rng.integers(len(group.tiles))] for group in drawn])
    images = augment_widely(torch.from_numpy(tiles).float().div(255)[:, None], rng)
    if plan.mixed:
        share = np.where(rng.random(plan.batch) < plan.mixed, rng.uniform(0, 0.5, plan.batch), 0)
        share = torch.from_numpy(share.astype(np.float32))[:, None, None, None]
        images = (1 - share) * images + share * images.flip(0)
    about = np.array([(group.label, group.label_share) for group in drawn])
    return images.mul(2).sub(1), about[:, 0].astype(int), about[:, 1]


@torch.no_grad()
def _average(averaged, model, decay):
    """Move the averaged weights and statistics towards the model's, in place."""
    for mean, tensor in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(tensor, 1 - decay)
        else:
            mean.copy_(tensor)
