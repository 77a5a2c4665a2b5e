"""Train the classifier on labelled tiles, keep the checkpoint that does best on other optics, calibrate it."""

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from svp_core.classifier.augment import augment
from svp_core.classifier.resnet import build_classifier
from svp_core.device import fast_arithmetic
from svp_core.images import to_model
from svp_core.progress import Progress


@dataclass(frozen=True)
class ClassifierTrainingPlan:
    """How a classifier is trained."""

    epochs: float = 4.0  # times each tile is shown; few, because fitting the simulator's habits is the enemy
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    checks: int = 10  # times the checkpoint is compared on the validation tiles
    seed: int = 0


@dataclass(frozen=True)
class ValidationResult:
    """What a training knows when it ends."""

    state: dict  # tensors of the best checkpoint
    config: object  # ClassifierConfig with the fitted temperature
    history: list  # one dict a check: step, validation loss and accuracy


def train(config, plan, tiles, labels, *, validation, device, result):
    """Train and yield Progress after each step; at the end `result` (a list) receives one Checked.

    tiles: uint8 (N, 64, 64), labels int (N,) in the order of config.class_keys. validation: (tiles, labels), best from
    other optical settings than the training tiles; its first half picks the checkpoint, its second half fits the
    temperature, each taken evenly over the classes.
    """
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    model = build_classifier(config).to(device, memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=plan.learning_rate,
        fused=True,
    )
    steps = math.ceil(plan.epochs * len(tiles) / plan.batch)
    choosing, calibrating = halves(*validation)
    best, history, order = None, [], np.empty(0, int)
    for step in range(1, steps + 1):
        if len(order) < plan.batch:
            order = np.concatenate([order, rng.permutation(len(tiles))])
        chosen, order = order[: plan.batch], order[plan.batch :]
        images = augment(torch.from_numpy(tiles[chosen]).float().div(255)[:, None], rng).mul(2).sub(1)
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * min(step / 100, (1 + math.cos(math.pi * step / steps)) / 2 + 0.01)
        model.train()
        with fast_arithmetic(device):
            logits = model(images.to(device, memory_format=torch.channels_last))
        loss = F.cross_entropy(
            logits.float(), torch.from_numpy(labels[chosen]).to(device), label_smoothing=plan.label_smoothing
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % max(1, steps // plan.checks) == 0 or step == steps:
            logits = _logits(model, choosing[0], device)
            checked = float(F.cross_entropy(logits, torch.from_numpy(choosing[1])))
            accuracy = float((logits.argmax(1).numpy() == choosing[1]).mean())
            history.append({"step": step, "validation_loss": checked, "validation_accuracy": accuracy})
            if best is None or checked < best[0]:
                best = checked, copy.deepcopy(model.state_dict())
        yield Progress(step, steps, loss=loss.item())

    model.load_state_dict(best[1])
    temperature = fit_temperature(_logits(model, calibrating[0], device), calibrating[1])
    result.append(ValidationResult(best[1], replace(config, temperature=temperature), history))


def fit_temperature(logits, labels):
    """The temperature that makes these logits (N, K) most likely to have given the labels (N,): float, 0.05..20."""
    labels = torch.as_tensor(labels)
    candidates = torch.logspace(math.log10(0.05), math.log10(20), 400)
    losses = torch.stack([F.cross_entropy(logits / t, labels) for t in candidates])
    return float(candidates[losses.argmin()])


@torch.inference_mode()
def _logits(model, tiles, device):
    model.eval()
    parts = []
    for start in range(0, len(tiles), 128):
        images = to_model(tiles[start : start + 128])
        with fast_arithmetic(device):
            parts.append(model(images.to(device, memory_format=torch.channels_last)).float().cpu())
    return torch.cat(parts)


def halves(tiles, labels):
    """((tiles, labels) that choose the checkpoint, (tiles, labels) that do not): every second tile of each class."""
    order = np.argsort(labels, kind="stable")
    return (tiles[order[::2]], labels[order[::2]]), (tiles[order[1::2]], labels[order[1::2]])
