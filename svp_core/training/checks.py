"""What is looked at while a generator is being trained, and what follows: which checkpoint is best, when to stop.

A check makes images of each class from the same noise every time. They are compared with the held-out tiles (KID, in
the features of a fixed network) and asked whether they copy training tiles. The errors of denoising are taken on
training and held-out tiles alike: where they part, the network begins to know its tiles by heart.
"""

import numpy as np

from svp_core.audit import copy_test
from svp_core.embedding.features import fixed_features
from svp_core.generator.error_by_noise import errors_by_noise
from svp_core.generator.sampling import image_seeds, sample_tiles
from svp_core.particle_classes import class_by_key
from svp_core.progress import Progress
from svp_core.quality import kid, real_baseline
from svp_core.training.time_budget import CALLS

GROWTH_SEED, FRESH_SEED = 0, 1  # runs of the images that are always the same, and of those at the end
# Copying: as a whole closer to the training tiles than held-out ones are (Meehan et al. 2020), and some images each
# like one training tile and no other (Gu et al. 2023). The first alone is also true of images that are only too smooth:
# a blank tile is nearer to every tile than a particle is, with Z about -8, but like no single one.
Z_ALARM = -2.0
SHARE_ALARM = 0.01  # more than held-out tiles have, the lower end of the interval
ALARMS = 2  # checks in a row that end a training
# Of a class, most tiles compared with: a check must not take longer than what it looks at.
MAX_COMPARED = {"held_out": 128, "training": 3000}
MAX_JUDGED = 96  # tiles whose denoising errors are taken, of each part


class TrainingChecks:
    """The tiles of a training that checks compare with: chosen once, the same at every check."""

    def __init__(self, class_keys, parts, *, count, seed=0):
        """parts: "training" and "held_out" -> (tiles, labels, names). count: images made of a class at a check."""
        self.class_keys, self.count = class_keys, count
        rng = np.random.default_rng(seed)
        self._tiles, self._judged = {}, {}
        for part, (tiles, labels, _) in parts.items():
            for label, key in enumerate(class_keys):
                mine = _some(np.flatnonzero(labels == label), MAX_COMPARED[part], rng)
                self._tiles[part, key] = np.asarray(tiles[mine])
            judged = _some(np.arange(len(tiles)), MAX_JUDGED, rng)
            self._judged[part] = np.asarray(tiles[judged]), labels[judged]
        self._features, self._floors = {}, {}
        for key in class_keys:
            seen = {part: fixed_features(self._tiles[part, key]) for part in parts}
            self._features[key] = seen["held_out"]
            least = min(count, len(seen["held_out"]))
            self._floors[key] = real_baseline(_kid_value, real=np.concatenate(list(seen.values())), n=least)

    def check(self, generator, *, step, total, fresh=0):
        """Yield Progress, return (figures, tiles made uint8 (classes * n, 64, 64)).

        fresh: make so many new images of each class, instead of the usual ones. figures: JSON-ready: "errors" by part
        and band; by class "kid" with its interval, "kid_floor" of real tiles among one another (median, 95 %), "ct_z",
        "closer_to_training", "copied" (share that is like one training tile and no other, its lower 95 % end, the
        same share of held-out tiles), and how many were "made" and compared with, "held_out".
        """
        count = fresh or self.count
        seeds = image_seeds(FRESH_SEED if fresh else GROWTH_SEED, count)
        figures, made = {"classes": {}}, []
        errors = {part: errors_by_noise(generator, *judged) for part, judged in self._judged.items()}
        figures["errors"] = errors
        for key in self.class_keys:
            message = f"Check at step {step:,}: making {class_by_key(key).name.lower()}"
            batches = []
            for _, tiles in sample_tiles(generator, key, seeds=seeds, sampler="standard", steps=CALLS):
                batches.append(tiles)
                yield Progress(step, total, message)
            made.append(np.concatenate(batches))
            yield Progress(step, total, f"Check at step {step:,}: comparing")
            figures["classes"][key] = self._compare(key, made[-1])
        return figures, np.concatenate(made)

    def _compare(self, key, made):
        training, held_out = self._tiles["training", key], self._tiles["held_out", key]
        distance = kid(real=self._features[key], synthetic=fixed_features(made))
        found = copy_test(synthetic=made, training=training, held_out=held_out)
        return {
            "kid": [distance.value, distance.low, distance.high],
            "kid_floor": [self._floors[key].median, self._floors[key].high],
            "ct_z": float(found.ct_z),
            "closer_to_training": float(found.closer_to_training.value),
            "copied": [float(found.ratio.value), float(found.ratio.low), float(found.held_out_ratio.value)],
            "made": len(made),
            "held_out": len(held_out),
        }


def mean_kid(check):
    """KID, averaged over the classes."""
    return float(np.mean([each["kid"][0] for each in check["classes"].values()]))


def is_copying(check):
    """Whether images of some class copy training tiles."""
    return any(copies_of_class(each) for each in check["classes"].values())


def copies_of_class(figures):
    """Whether the images of one class copy training tiles. figures: of that class, as a check has them."""
    _, low, held_out = figures["copied"]
    return figures["ct_z"] <= Z_ALARM and low > held_out + SHARE_ALARM


def best_check(checks):
    """The check with the smallest KID among those that do not copy; where all do, the first of them."""
    honest = [check for check in checks if not is_copying(check)]
    return min(honest, key=mean_kid) if honest else checks[0]


def must_stop(checks):
    """Whether the last checks all say that it copies. The one before the first step does not count."""
    last = [check for check in checks if check["step"]][-ALARMS:]
    return len(last) == ALARMS and all(map(is_copying, last))


def _kid_value(**sets):
    return kid(**sets).value


def _some(positions, most, rng):
    return positions if len(positions) <= most else np.sort(rng.choice(positions, most, replace=False))
