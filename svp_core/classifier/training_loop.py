"""Train the classifier on labelled tiles, keep the checkpoint that does best on other optics, and calibrate it."""

import copy
import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from svp_core.classifier.augment import augment
from svp_core.classifier.resnet import ClassifierConfig, build_classifier
from svp_core.device import fast_arithmetic
from svp_core.images import to_model
from svp_core.progress import Progress

WARMUP_STEPS = 100
Tiles = NDArray[np.uint8]  # (N, 64, 64)
Labels = NDArray[np.integer]  # (N,), label order of a config


@dataclass(frozen=True)
class ClassifierTrainingPlan:
    """Hyperparameters of a classifier's training."""

    epochs: float = 4.0  # few, because overfitting the simulator's habits is the main risk
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    checks: int = 10  # how often the checkpoint is evaluated on the validation tiles
    seed: int = 0
    steps: int | None = None  # optimiser steps in all; None: as many as the epochs take


@dataclass(frozen=True)
class ValidationResult:
    """The best checkpoint of a training, and how it was found."""

    state: dict[str, torch.Tensor]  # state dict of the best checkpoint
    config: ClassifierConfig  # with the fitted temperature
    history: list[dict[str, float]]  # one row per check: step, validation loss and accuracy


def train(
    config: ClassifierConfig,
    plan: ClassifierTrainingPlan,
    tiles: Tiles,
    labels: Labels,
    *,
    validation: tuple[Tiles, Labels],
    device: torch.device,
    class_weights: NDArray[np.floating] | None = None,
) -> Generator[Progress, None, ValidationResult]:
    """Train; yields Progress after each step, returns the ValidationResult.

    validation: tiles and labels, ideally from other optical settings than the training tiles; one half selects the
    checkpoint, the other half fits the temperature, both with the same share of every class (see halves).
    class_weights: weight of each class in the loss, float (K,); None: all alike.
    """
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    model: Any = build_classifier(config).to(device)
    model = model.to(memory_format=torch.channels_last)
    optimiser = build_optimiser(model, plan.learning_rate, plan.weight_decay)
    steps = plan.steps or math.ceil(plan.epochs * len(tiles) / plan.batch)
    loss_weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32, device=device)
    selection, calibration = halves(*validation)
    best_loss, best_state, history, order = math.inf, {}, [], np.empty(0, int)
    for step in range(1, steps + 1):
        while len(order) < plan.batch:
            order = np.concatenate([order, rng.permutation(len(tiles))])
        batch, order = order[: plan.batch], order[plan.batch :]
        images = augment(torch.from_numpy(tiles[batch]).float().div(255)[:, None], rng).mul(2).sub(1)
        set_learning_rate(optimiser, plan.learning_rate, step, steps)
        model.train()
        with fast_arithmetic(device):
            logits = model(images.to(device, memory_format=torch.channels_last))
        batch_labels = torch.from_numpy(labels[batch]).to(device)
        loss = F.cross_entropy(logits.float(), batch_labels, weight=loss_weights, label_smoothing=plan.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % max(1, steps // plan.checks) == 0 or step == steps:
            history.append({"step": step, **_validate(model, *selection, device)})
            if not best_state or history[-1]["validation_loss"] < best_loss:
                best_loss, best_state = history[-1]["validation_loss"], copy.deepcopy(model.state_dict())
        yield Progress(step, steps, loss=loss.item())

    model.load_state_dict(best_state)
    temperature = fit_temperature(_logits(model, calibration[0], device), calibration[1])
    return ValidationResult(best_state, replace(config, temperature=temperature), history)


def build_optimiser(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW without weight decay on biases and norms."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    undecayed = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": weight_decay}, {"params": undecayed, "weight_decay": 0.0}],
        lr=learning_rate,
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, highest: float, step: int, steps: int) -> None:
    """The rate of this step, 1 to steps: a linear warm-up, then half a cosine down to a hundredth of the highest."""
    cosine = (1 + math.cos(math.pi * step / steps)) / 2 + 0.01
    for group in optimiser.param_groups:
        group["lr"] = highest * min(step / WARMUP_STEPS, cosine)


def _validate(model, tiles, labels, device):
    logits = _logits(model, tiles, device)
    return {
        "validation_loss": float(F.cross_entropy(logits, torch.from_numpy(labels))),
        "validation_accuracy": float((logits.argmax(1).numpy() == labels).mean()),
    }


def fit_temperature(logits: torch.Tensor, labels: ArrayLike | torch.Tensor) -> float:
    """Maximum-likelihood temperature, 0.05..20, of logits (N, K) for labels (N,) (Guo et al. 2017)."""
    labels = torch.as_tensor(labels)
    candidates = torch.logspace(math.log10(0.05), math.log10(20), 400)
    losses = torch.stack([F.cross_entropy(logits / temperature, labels) for temperature in candidates])
    return float(candidates[losses.argmin()])


@torch.inference_mode()
def _logits(model, tiles, device):
    model.eval()
    batches = []
    for start in range(0, len(tiles), 128):
        images = to_model(tiles[start : start + 128])
        with fast_arithmetic(device):
            batches.append(model(images.to(device, memory_format=torch.channels_last)).float().cpu())
    return torch.cat(batches)


def halves(tiles: Tiles, labels: Labels) -> tuple[tuple[Tiles, Labels], tuple[Tiles, Labels]]:
    """Split validation tiles into (tiles, labels) for selection and for calibration, alternating within each class."""
    order = np.argsort(labels, kind="stable")
    return (tiles[order[::2]], labels[order[::2]]), (tiles[order[1::2]], labels[order[1::2]])
