"""The autoencoder filter: train on normal tiles, score by the residual, p-values among tiles that it did not see."""

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from svp_core.novelty.autoencoder import Autoencoder, AutoencoderConfig, reconstruction_loss
from svp_core.novelty.calibration import MIN_NAMED, conformal_p
from svp_core.novelty.texture_contrast import texture_weights
from svp_core.progress import Progress

MIN_PARTICLES = 150  # normal tiles; a third of them calibrates
CALIBRATING = 1 / 3
PERCENTILE = 95.0  # of a tile's residual, its score
BATCH = 32
_SCORED = 256  # tiles at a time


@dataclass(frozen=True)
class ReconstructionPlan:
    """How the autoencoder is trained."""

    images: int = 12_000  # shown in total, repeats counted
    learning_rate: float = 2e-3  # of Adam, falls to zero along a cosine
    seed: int = 0  # of weights, order, turns and split


@dataclass(frozen=True, eq=False)
class ReconstructionFilter:
    """A trained autoencoder, with the scores of normal tiles that it did not see."""

    network: Autoencoder
    config: AutoencoderConfig
    scores: NDArray[np.float32]  # (M,), of the calibration tiles
    named: NDArray[np.integer]  # (M,), their most likely classes
    history: list[dict[str, float]] = field(default_factory=list)

    def rebuild(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Reconstructions of tiles uint8 (N, 64, 64), the same form."""
        rebuilt = [self._rebuilt(tiles[k : k + _SCORED]) for k in range(0, len(tiles), _SCORED)]
        values = np.concatenate(rebuilt) if rebuilt else np.zeros((0, *tiles.shape[1:]), np.float32)
        return np.round(255 * values.clip(0, 1)).astype(np.uint8)

    def residuals(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """|tile - reconstruction| of each pixel in grey levels, weighted where the filter is, (N, 64, 64)."""
        found = np.empty(tiles.shape, np.float32)
        for start in range(0, len(tiles), _SCORED):
            part = tiles[start : start + _SCORED]
            found[start : start + _SCORED] = 255 * np.abs(self._rebuilt(part) - part / np.float32(255))
            if self.config.weighted:
                found[start : start + _SCORED] *= texture_weights(part)
        return found

    def score(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """PERCENTILE of each tile's residual, (N,), large: not rebuilt."""
        scores = [
            np.percentile(self.residuals(tiles[k : k + _SCORED]), PERCENTILE, axis=(1, 2))
            for k in range(0, len(tiles), _SCORED)
        ]
        return np.concatenate([np.zeros(0), *scores]).astype(np.float32)

    def p_values(self, scores: NDArray[np.floating], named: NDArray[np.integer]) -> NDArray[np.float64]:
        """Conformal p-value of each score (N,) among calibration tiles named alike, of all where these are few."""
        values = np.ones(len(scores))
        for label in np.unique(named):
            alike = self.named == label
            alike = alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)
            values[named == label] = conformal_p(scores[named == label], self.scores[alike])
        return values

    @torch.no_grad()
    def _rebuilt(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        device = next(self.network.parameters()).device
        return self.network(_images(tiles).to(device))[:, 0].float().cpu().numpy()


def train_filter(
    tiles: NDArray[np.uint8],
    named: NDArray[np.integer],
    *,
    config: AutoencoderConfig,
    plan: ReconstructionPlan,
    device: torch.device,
) -> Generator[Progress, Any, ReconstructionFilter]:
    """Train on normal tiles uint8 (N, 64, 64), N >= MIN_PARTICLES; yields Progress, returns the filter.

    named: their most likely classes (N,). A third of the tiles, drawn at random, is not trained on but calibrates. The
    last state is taken: choosing one would need strangers, and then it would no longer be a filter for unknown ones.
    """
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    order = rng.permutation(len(tiles))
    calibrating, training = np.split(order, [round(CALIBRATING * len(tiles))])
    network = Autoencoder(config, level=float(tiles[training].mean()) / 255).to(device)
    weights = texture_weights(tiles[training]) if config.weighted else None
    steps, optimiser = math.ceil(plan.images / BATCH), torch.optim.Adam(network.parameters())
    history: list[dict[str, float]] = []
    losses: list[float] = []
    for step in range(1, steps + 1):
        rows = rng.integers(0, len(training), BATCH)
        images, of_pixels = _turned(tiles[training[rows]], None if weights is None else weights[rows], rng)
        for group in optimiser.param_groups:
            group["lr"] = plan.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        images = images.to(device)
        loss = reconstruction_loss(network(images), images, None if of_pixels is None else of_pixels.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if step % max(1, steps // 50) == 0 or step == steps:
            history.append({"step": step, "loss": sum(losses) / len(losses)})
            losses = []
        yield Progress(step, steps, "Training the autoencoder", loss=loss.item())
    trained = ReconstructionFilter(network.eval(), config, np.zeros(0, np.float32), np.zeros(0, int))
    scores = trained.score(tiles[calibrating])
    return ReconstructionFilter(trained.network, config, scores, np.asarray(named)[calibrating], history)


def _images(tiles: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.array(tiles)).float()[:, None] / 255


def _turned(
    tiles: NDArray[np.uint8], weights: NDArray[np.float32] | None, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Images (n, 1, 64, 64), 0..1, and weights, each pair in one of the eight turns and mirrorings."""
    turns, mirrored = rng.integers(0, 4, len(tiles)), rng.integers(0, 2, len(tiles)).astype(bool)

    def turn(images: NDArray) -> NDArray:
        return np.stack(
            [
                np.rot90(image[:, ::-1] if mirror else image, turn)
                for image, turn, mirror in zip(images, turns, mirrored, strict=True)
            ]
        )

    of_pixels = None if weights is None else torch.from_numpy(turn(weights))[:, None]
    return _images(turn(tiles)), of_pixels
