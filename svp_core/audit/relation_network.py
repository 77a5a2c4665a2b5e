"""Relation network: does a pair (real tile, generated tile) show that the real one was trained on?

Sung et al. 2018 (arXiv 1711.06025), as in the contest ImageCLEFmedical GANs 2023: two backbones with weights of their
own, their maps joined on channels, a small network that scores the pair. Different from the contest's code: it trains
in episodes, scores are not normalised over a batch, and the real tiles of training and test are disjoint, as a network
that has seen a real tile with its label knows it by heart.
"""

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from svp_core.audit.feature_attacks import FeatureAttack, attack_result
from svp_core.device import best_device, fast_arithmetic
from svp_core.errors import LabError
from svp_core.progress import Progress

EPISODES = 300
SHOTS, QUERIES = 6, 8  # real tiles of each set, and generated tiles, in an episode
LEARNING_RATE = 1e-3
JUDGED_BY = 32  # generated tiles whose scores are averaged for a real tile
MIN_TILES = 2 * SHOTS  # of each set
MAX_TILES = 400  # of each set; larger sets are cut, by the seed


def relation_attack(
    members: NDArray[np.uint8], held_out: NDArray[np.uint8], generated: NDArray[np.uint8], *, seed: int = 0
) -> Generator[Progress, None, FeatureAttack]:
    """Train on half of the real tiles, score the other half, the other way round, too; yields Progress.

    uint8 (N, 64, 64) each. A real tile's score is the mean over generated tiles of its pairs' logits, minus the median
    of its half: that many are members. Raises LabError with fewer than 12 tiles of either real set or 8 generated ones.
    """
    if min(len(members), len(held_out)) < MIN_TILES or len(generated) < QUERIES:
        raise LabError(
            f"A relation network needs at least {MIN_TILES} training and held-out tiles and {QUERIES} generated ones; "
            f"got {len(members)}, {len(held_out)} and {len(generated)}."
        )
    rng = np.random.default_rng(seed)
    sides = [np.asarray(tiles)[rng.permutation(len(tiles))[:MAX_TILES]] for tiles in (members, held_out)]
    scores = [np.zeros(len(side)) for side in sides]
    for half in range(2):
        training = [side[1 - half :: 2] for side in sides]
        network = yield from _train(training, generated, 2 * seed + half, half)
        shown = generated[rng.permutation(len(generated))[:JUDGED_BY]]
        tested = [_score(network, side[half::2], shown) for side in sides]
        middle = np.median(np.concatenate(tested))
        for side_scores, own in zip(scores, tested, strict=True):
            side_scores[half::2] = own - middle
    return attack_result(scores[0], scores[1], seed=seed)


class RelationNetwork(nn.Module):
    """Two backbones, joined maps, a logit per pair."""

    def __init__(self) -> None:
        super().__init__()
        self.real, self.generated = _backbone(), _backbone()
        self.relation = nn.Sequential(
            *_layer(128, 64), nn.MaxPool2d(2), *_layer(64, 64), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 8),
            nn.ReLU(), nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """Logits (R, G) that the real tile was trained on; tiles (R, 1, 64, 64) and (G, 1, 64, 64)."""
        first, second = self.real(real), self.generated(generated)
        rows, columns = len(first), len(second)
        pairs = [first.repeat_interleave(columns, 0), second.repeat(rows, 1, 1, 1)]
        return self.relation(torch.cat(pairs, 1)).reshape(rows, columns)


def _layer(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, padding=1, bias=False), nn.GroupNorm(8, after), nn.ReLU()


def _backbone() -> nn.Module:
    layers = [*_layer(1, 16), nn.MaxPool2d(2), *_layer(16, 32), nn.MaxPool2d(2), *_layer(32, 64), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def _to_input(tiles: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    return torch.from_numpy((np.asarray(tiles, np.float32) - 160) / 40)[:, None].to(device)


def _train(
    sides: list[NDArray[np.uint8]], generated: NDArray[np.uint8], seed: int, half: int
) -> Generator[Progress, None, RelationNetwork]:
    """Yield Progress, return the network after its episodes. sides: members and held-out tiles to train on."""
    rng, device = np.random.default_rng(seed), best_device()
    targets = torch.tensor([1.0, 0.0], device=device).repeat_interleave(SHOTS)[:, None].expand(-1, QUERIES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = RelationNetwork().to(device)
        optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
        for episode in range(EPISODES):
            real = np.concatenate([side[rng.choice(len(side), SHOTS, replace=len(side) < SHOTS)] for side in sides])
            shown = generated[rng.choice(len(generated), QUERIES, replace=False)]
            turn = int(rng.integers(4))
            pictures = [_to_input(np.rot90(tiles, turn, (1, 2)).copy(), device) for tiles in (real, shown)]
            with fast_arithmetic(device):
                logits = network(*pictures)
            loss = functional.binary_cross_entropy_with_logits(logits.float(), targets)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if episode % 25 == 24:
                done = half * EPISODES + episode + 1
                yield Progress(done, 2 * EPISODES, "Training the relation network")
    return network.eval()


@torch.inference_mode()
def _score(network: RelationNetwork, real: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.float64]:
    device = best_device()
    generated, scores = _to_input(shown, device), []
    with fast_arithmetic(device):
        for start in range(0, len(real), 16):
            scores.append(network(_to_input(real[start : start + 16], device), generated).float().mean(1).cpu().numpy())
    return np.concatenate(scores).astype(np.float64)
