"""Two heads on the embedding of a candidate box: is it a particle, and how well does the box fit (its IoU)?

Trained on boxes that people corrected, or weakly, on one box per image. Loss: focal cross-entropy (Lin et al. 2017,
arXiv 1708.02002, alpha 0.25, gamma 2) of the class plus smooth L1 of the IoU. Score: p^0.6 IoU^0.4, then greedy
suppression of overlapping boxes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from svp_core.errors import LabError
from svp_core.frames.boxes import inside_share, iou, suppress
from svp_core.frames.proposals import Boxes
from svp_core.model_files import as_stored, load_weights, read_model_folder, stored_config
from svp_core.progress import Progress

KIND = "box_heads"  # key in a model's config.json
CLASS_POWER, IOU_POWER = 0.6, 0.4
MAX_OVERLAP = 0.3  # IoU of two boxes that are kept
MIN_SCORE = 0.3  # of a box that is kept
MIN_INSIDE = 0.7  # share of a sure box that lies in the box of the rule that it replaces part of
SPLIT_SHARE = 0.9  # of a joined box's score that the mean score of its parts has to exceed; chosen on training frames
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
MIXUP = 0.2  # both parameters of the Beta distribution
MIN_POSITIVES = 20  # candidates that fit a true box


@dataclass(frozen=True)
class HeadsConfig:
    """Everything needed to rebuild the heads."""

    features: int  # width of the embedding, box figures included
    embedding: str  # name of the classifier, or folder of a ViT
    hidden: tuple[int, int] = (256, 128)


@dataclass(frozen=True)
class TrainingSettings:
    """How heads are trained."""

    positive_iou: float = 0.5  # candidates that overlap a true box by more are particles
    negative_iou: float = 0.4  # by less: not; those between are left out
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    dropout: float = 0.3
    mixup: bool = False  # of half of the batches
    balanced: bool = False  # as many of both kinds, drawn anew for each epoch
    seed: int = 0


WEAK = TrainingSettings(positive_iou=0.2, negative_iou=0.1, mixup=True, balanced=True)  # one box per image


class TwoHeads(nn.Module):
    """LayerNorm, two layers, and a logit and an IoU per box."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: HeadsConfig, dropout: float = 0.0) -> None:
        super().__init__()
        first, second = config.hidden
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("spread", torch.ones(config.features))
        self.body = nn.Sequential(
            nn.LayerNorm(config.features),
            nn.Linear(config.features, first),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(first, second),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.class_head, self.iou_head = nn.Linear(second, 1), nn.Linear(second, 1)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(logit (N,), IoU 0..1 (N,)) of features (N, D)."""
        hidden = self.body((features - self.mean) / self.spread)
        return self.class_head(hidden)[:, 0], self.iou_head(hidden)[:, 0].sigmoid()


def train_heads(
    features: NDArray[np.float32], overlaps: NDArray[np.floating[Any]], config: HeadsConfig, settings: TrainingSettings
) -> Iterator[Progress | TwoHeads]:
    """Yield Progress per epoch, then the trained heads.

    features: (N, D) of candidates. overlaps: (N,), largest IoU of each with a true box. Raises LabError where too few
    candidates fit.
    """
    positive = overlaps > settings.positive_iou
    used = np.flatnonzero(positive | (overlaps < settings.negative_iou))
    if positive.sum() < MIN_POSITIVES or len(used) - positive.sum() < MIN_POSITIVES:
        raise LabError(
            f"Only {int(positive.sum()):,} candidate boxes fit a true box and {len(used) - int(positive.sum()):,} fit "
            f"none; at least {MIN_POSITIVES} of each are needed: check more frames."
        )
    torch.manual_seed(settings.seed)
    rng, heads = np.random.default_rng(settings.seed), TwoHeads(config, settings.dropout)
    x, target, fit = torch.from_numpy(features), torch.from_numpy(positive).float(), torch.from_numpy(overlaps).float()
    heads.mean.copy_(x[used].mean(0))
    heads.spread.copy_(x[used].std(0).clamp_min(1e-3))
    optimiser = torch.optim.AdamW(heads.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    for epoch in range(1, settings.epochs + 1):
        heads.train()
        order, losses = _epoch_rows(used, positive, settings, rng), []
        for start in range(0, len(order), settings.batch):
            rows = torch.from_numpy(order[start : start + settings.batch])
            batch = x[rows], target[rows], fit[rows]
            if settings.mixup and rng.random() < 0.5:
                batch = _mixed(batch, float(rng.beta(MIXUP, MIXUP)))
            logit, predicted = heads(batch[0])
            loss = focal_loss(logit, batch[1]) + functional.smooth_l1_loss(predicted, batch[2])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        yield Progress(epoch, settings.epochs, loss=float(np.mean(losses)))
    yield heads.eval()


def focal_loss(logit: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean focal cross-entropy of logits (N,) with targets 0..1 (N,) (Lin et al. 2017, equation 5)."""
    cross_entropy = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    p = logit.sigmoid()
    missed = p * (1 - target) + (1 - p) * target
    alpha = FOCAL_ALPHA * target + (1 - FOCAL_ALPHA) * (1 - target)
    return (alpha * missed**FOCAL_GAMMA * cross_entropy).mean()


@torch.inference_mode()
def score_boxes(heads: TwoHeads, features: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """(score, class probability, predicted IoU), float32 (N,) each, 0..1, higher is surer. features: (N, D)."""
    if not len(features):
        none = np.zeros(0, np.float32)
        return none, none, none
    logit, overlap = heads(torch.from_numpy(features))
    p = logit.sigmoid()
    score = p**CLASS_POWER * overlap**IOU_POWER
    return np.asarray(score), np.asarray(p), np.asarray(overlap)


def best_boxes(boxes: Boxes, scores: NDArray[np.floating[Any]], *, min_score: float = MIN_SCORE) -> NDArray[np.intp]:
    """Positions of the boxes that heads alone keep, best first."""
    kept = suppress(boxes, scores, max_iou=MAX_OVERLAP)
    return kept[scores[kept] >= min_score]


def split_touching(
    rule_boxes: Boxes, boxes: Boxes, scores: NDArray[np.floating[Any]], *, min_score: float = MIN_SCORE
) -> tuple[Boxes, NDArray[np.float32]]:
    """(boxes (N, 4), scores (N,)): the rule's boxes, each replaced where two or more sure boxes inside beat it.

    A box of the rule has the score of the candidate that is equal to it. It is replaced where the best boxes inside it,
    none of which covers it, have a mean score of more than SPLIT_SHARE of its own.
    """
    own = iou(rule_boxes, boxes)
    inside = inside_share(boxes, rule_boxes).T > MIN_INSIDE  # (rule, candidate)
    kept_boxes, kept_scores = [], []
    for k, rule_box in enumerate(rule_boxes):
        own_score = float(scores[own[k].argmax()]) if len(boxes) else 0.0
        parts = np.flatnonzero(inside[k] & (own[k] < 0.7) & (scores >= min_score))
        parts = parts[suppress(boxes[parts], scores[parts], max_iou=MAX_OVERLAP)]
        if len(parts) >= 2 and scores[parts].mean() > SPLIT_SHARE * own_score:
            kept_boxes += list(boxes[parts])
            kept_scores += scores[parts].tolist()
        else:
            kept_boxes.append(rule_box)
            kept_scores.append(own_score)
    return np.array(kept_boxes, np.int32).reshape(-1, 4), np.array(kept_scores, np.float32)


def load_heads(folder: str | Path) -> tuple[TwoHeads, HeadsConfig]:
    """The heads of a model folder. Raises LabError where it holds none."""
    model = read_model_folder(folder)
    config = stored_config(model, KIND, HeadsConfig)
    return load_weights(TwoHeads(config), model.folder), config


def config_as_dict(config: HeadsConfig) -> dict[str, Any]:
    """JSON-ready form of a config, as load_heads reads it back."""
    return {KIND: as_stored(config)}


def _epoch_rows(used: NDArray, positive: NDArray, settings: TrainingSettings, rng: np.random.Generator) -> NDArray:
    if settings.balanced:
        parts = [used[positive[used]], used[~positive[used]]]
        count = min(map(len, parts))
        used = np.concatenate([rng.choice(part, count, replace=False) for part in parts])
    return rng.permutation(used)


def _mixed(batch: tuple[torch.Tensor, ...], share: float) -> tuple[torch.Tensor, ...]:
    """MixUp (Zhang et al. 2018, arXiv 1710.09412) of a batch with itself in another order."""
    order = torch.randperm(len(batch[0]))
    return tuple(share * values + (1 - share) * values[order] for values in batch)
