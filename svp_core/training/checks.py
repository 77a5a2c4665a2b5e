"""Checks of a generator in training: which checkpoint is best, and when to stop.

A check generates images of each class, from the same noise every time. They are compared with the held-out tiles (KID,
in the features of a fixed network) and tested for copies of training tiles. Denoising errors are measured on training
and held-out tiles alike: where they diverge, the network begins to memorise its tiles.
"""

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.audit import copy_test
from svp_core.embedding.features import fixed_features
from svp_core.generator import unet
from svp_core.generator.error_by_noise import errors_by_noise
from svp_core.generator.sampling import image_seeds, sample_tiles
from svp_core.particle_classes import class_by_key
from svp_core.progress import Progress
from svp_core.quality import kid, kid_value, real_baseline
from svp_core.training.checkpoints import Part
from svp_core.training.time_budget import CALLS

GROWTH_SEED, FRESH_SEED = 0, 1  # run seeds of the images that are the same at every check, and of those at the end
# Copying: as a whole closer to the training tiles than held-out ones are (Meehan et al. 2020), and some images each
# like one training tile and no other (Gu et al. 2023). The first alone is also true of images that are only too smooth:
# a blank tile is nearer to every tile than a particle is, with Z about -8, but like no single one.
Z_ALARM = -2.0
SHARE_ALARM = 0.01  # above the share of held-out tiles, compared with the lower end of the interval
ALARMS = 2  # consecutive checks with an alarm that stop a training
# Tiles per class to compare with, at most: a check must not take longer than the training between two checks.
MAX_COMPARED = {"held_out": 128, "training": 3000}
MAX_JUDGED = 96  # tiles of each part whose denoising errors are measured


class TrainingChecks:
    """The tiles that all checks of a training compare with: chosen once, the same at every check.

    tiles: (part, class key) -> uint8 (N, 64, 64). Made by TrainingChecks.prepare.
    """

    def __init__(self, class_keys: Sequence[str], parts: Mapping[str, Part], *, count: int, seed: int = 0):
        """parts: "training" and "held_out" -> (tiles, labels, names). count: images generated per class at a check."""
        self.class_keys, self.count = class_keys, count
        self._features: dict[str, NDArray[np.floating]] = {}
        self._baselines: dict[str, Any] = {}
        rng = np.random.default_rng(seed)
        self.tiles, self._judged = {}, {}
        for part, (tiles, labels, _) in parts.items():
            for label, key in enumerate(class_keys):
                members = _sample(np.flatnonzero(labels == label), MAX_COMPARED[part], rng)
                self.tiles[part, key] = np.asarray(tiles[members])
            judged = _sample(np.arange(len(tiles)), MAX_JUDGED, rng)
            self._judged[part] = np.asarray(tiles[judged]), labels[judged]

    @classmethod
    def prepare(
        cls,
        class_keys: Sequence[str],
        parts: Mapping[str, Part],
        *,
        count: int,
        seed: int = 0,
        step: int = 0,
        total: int | None = None,
    ) -> Generator[Progress, None, "TrainingChecks"]:
        """TrainingChecks with features and baselines of the real tiles; yields Progress. Arguments as __init__.

        step, total: of the training, for the Progress events.
        """
        checker = cls(class_keys, parts, count=count, seed=seed)
        for number, key in enumerate(class_keys, 1):
            name = class_by_key(key).name.lower()
            yield Progress(
                step, total, f"Preparing the checks: features of {name}, class {number} of {len(class_keys)}"
            )
            features = {part: fixed_features(checker.tiles[part, key]) for part in parts}
            checker._features[key] = features["held_out"]
            n = min(count, len(features["held_out"]))
            yield Progress(step, total, f"Preparing the checks: baseline of {name}")
            checker._baselines[key] = real_baseline(kid_value, real=np.concatenate(list(features.values())), n=n)
        return checker

    def check(
        self, generator: unet.Generator, *, step: int, total: int, fresh: int = 0
    ) -> Generator[Progress, None, tuple[dict[str, Any], NDArray[np.uint8]]]:
        """Yield Progress, return (figures, tiles generated (classes * n, 64, 64)).

        fresh: generate this many new images per class, instead of the usual ones. figures: JSON-ready: "errors" by part
        and noise band; per class "kid" with its interval, "kid_floor" between sets of real tiles (median, 95 %),
        "ct_z", "closer_to_training", "copied" (share that is like one training tile and no other, its lower 95 % end,
        the same share of held-out tiles), and numbers of images: "made" (generated) and "held_out" (compared with).
        """
        seeds = image_seeds(FRESH_SEED if fresh else GROWTH_SEED, fresh or self.count)
        errors = {part: errors_by_noise(generator, *judged) for part, judged in self._judged.items()}
        figures, generated = {"classes": {}, "errors": errors}, []
        for key in self.class_keys:
            message = f"Check at step {step:,}: generating {class_by_key(key).name.lower()}"
            batches = []
            for _, tiles in sample_tiles(generator, key, seeds=seeds, sampler="standard", steps=CALLS):
                batches.append(tiles)
                yield Progress(step, total, message)
            generated.append(np.concatenate(batches))
            yield Progress(step, total, f"Check at step {step:,}: comparing")
            figures["classes"][key] = self.compare(key, generated[-1])
        return figures, np.concatenate(generated)

    def compare(self, key: str, generated: NDArray[np.uint8]) -> dict[str, Any]:
        """Figures of one class in a check, see check(). generated: uint8 (N, 64, 64)."""
        training, held_out = self.tiles["training", key], self.tiles["held_out", key]
        distance = kid(real=self._features[key], synthetic=fixed_features(generated))
        copies = copy_test(synthetic=generated, training=training, held_out=held_out)
        return {
            "kid": [distance.value, distance.low, distance.high],
            "kid_floor": [self._baselines[key].median, self._baselines[key].high],
            "ct_z": float(copies.ct_z),
            "closer_to_training": float(copies.closer_to_training.value),
            "copied": [float(copies.ratio.value), float(copies.ratio.low), float(copies.held_out_ratio.value)],
            "made": len(generated),
            "held_out": len(held_out),
        }


def preparation_seconds(counts: Iterable[int], sample: NDArray[np.uint8]) -> float:
    """Estimated time of TrainingChecks.prepare, in s. counts: training tiles per class; sample: timed tiles."""
    started = time.monotonic()
    fixed_features(sample)
    per_tile = (time.monotonic() - started) / max(1, len(sample))
    tiles = sum(min(count, MAX_COMPARED["training"]) + min(count, MAX_COMPARED["held_out"]) for count in counts)
    return per_tile * tiles


def mean_kid(check: Mapping[str, Any]) -> float:
    """KID of a check, averaged over the classes."""
    return float(np.mean([figures["kid"][0] for figures in check["classes"].values()]))


def is_copying(check: Mapping[str, Any]) -> bool:
    """Whether images of any class copy training tiles."""
    return any(copies_of_class(figures) for figures in check["classes"].values())


def copies_of_class(figures: Mapping[str, Any]) -> bool:
    """Whether the images of one class copy training tiles. figures: of that class in a check."""
    _, low, held_out = figures["copied"]
    return figures["ct_z"] <= Z_ALARM and low > held_out + SHARE_ALARM


def best_check(checks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The check with the smallest KID among those that do not copy; where all do, the first of them."""
    passed = [check for check in checks if not is_copying(check)]
    return min(passed, key=mean_kid) if passed else checks[0]


def must_stop(checks: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the last ALARMS checks all detect copying. The one before the first step does not count."""
    last = [check for check in checks if check["step"]][-ALARMS:]
    return len(last) == ALARMS and all(map(is_copying, last))


def _sample(indices, most, rng):
    return indices if len(indices) <= most else np.sort(rng.choice(indices, most, replace=False))
