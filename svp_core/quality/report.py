"""Quality report: every metric of every class, beside its real-vs-real baseline at the same number of tiles."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.classifier.resnet import Classifier
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.particle_classes import sort_keys
from svp_core.progress import Progress
from svp_core.quality.metric_names import METRICS
from svp_core.quality.metrics import STAGES, ComparisonSets

MIN_IMAGES = 50  # tiles per side; fewer are refused
ENOUGH_IMAGES = 500  # fewer give a warning
MAX_IMAGES = 2000  # tiles per side that are compared; larger sets are cut, by the seed
MAX_TRAINING_IMAGES = 20_000  # training tiles that are searched for copies

TilesByClass = Mapping[str, NDArray[np.uint8]]


def compare(
    *,
    real: TilesByClass,
    synthetic: TilesByClass,
    training: TilesByClass | None = None,
    classifier: Classifier | None = None,
    seed: int = 0,
) -> Generator[Progress, None, dict[str, Any]]:
    """Measure synthetic against real tiles, class by class; yields Progress, returns a JSON-ready report.

    real, synthetic, training: class key -> uint8 (N, 64, 64); the real ones were not trained on. Without training
    tiles there are no copy tests, without a classifier no predicted classes and no metrics in its feature space.

    The report: seed; warnings, sentences; classes, class key -> n (tiles per side), n_real, n_synthetic, n_training;
    figures, key of METRICS -> metric_entry; shapes, column -> {"ks", "wasserstein"}, entries too; spectrum,
    {"cycles_per_px", "real", "synthetic"}, the latter in dB; named_as, "real" and "synthetic" -> class key -> share;
    closest, the fields of audit.TilePair with positions in the given arrays.
    Baselines are between random halves of the real tiles, filled up with training tiles where there are fewer than 2 n.

    Raises LabError where no class is in both sets or one has fewer than 50 tiles. 1,000 tiles per class take about two
    minutes per class on one core.
    """
    keys, warnings = _check(real, synthetic)
    report = {"seed": seed, "warnings": warnings, "classes": {}}
    for index, key in enumerate(keys):
        class_training = None if training is None else training.get(key)
        sets, positions = _choose(key, real[key], synthetic[key], class_training, seed)
        warnings += _warnings(sets, training)
        section = {
            "n": sets.n,
            "n_real": len(real[key]),
            "n_synthetic": len(synthetic[key]),
            "n_training": 0 if class_training is None else len(class_training),
            "figures": {},
        }
        for stage, (name, run_stage) in enumerate(STAGES, 1):
            result = run_stage(sets, classifier)
            section["figures"] |= result.pop("figures")
            section |= result
            yield Progress(index * len(STAGES) + stage, len(keys) * len(STAGES), f"{key}: {name}")
        section["figures"] = {name: section["figures"][name] for name in METRICS if name in section["figures"]}
        for pair in section.get("closest", ()):
            pair |= {name: int(positions[name][pair[name]]) for name in positions}
        report["classes"][key] = section
    return report


def _check(real: TilesByClass, synthetic: TilesByClass) -> tuple[Sequence[str], list[str]]:
    """(classes in both sets, in order; warnings about the others)."""
    keys = sort_keys(set(real) & set(synthetic))
    if not keys:
        classes = [", ".join(sort_keys(tiles)) or "none" for tiles in (real, synthetic)]
        raise LabError(
            f"Real and synthetic tiles have no class in common (real: {classes[0]}; synthetic: {classes[1]}); give the "
            "same class in both."
        )
    for key in keys:
        for name, tiles in (("real", real), ("synthetic", synthetic)):
            if len(tiles[key]) < MIN_IMAGES:
                raise LabError(
                    f"{key}: {len(tiles[key])} {name} images were given; a comparison needs at least {MIN_IMAGES}."
                )
    return keys, [
        f"{class_name(key)}: excluded, it is in only one of the sets." for key in sort_keys(set(real) ^ set(synthetic))
    ]


def _choose(
    key: str, real: NDArray[np.uint8], synthetic: NDArray[np.uint8], training: NDArray[np.uint8] | None, seed: int
) -> tuple[ComparisonSets, dict[str, NDArray]]:
    """(sets, positions of their synthetic and training tiles in the given arrays)."""
    rng = np.random.default_rng(seed)
    n = min(len(real), len(synthetic), MAX_IMAGES)
    positions = {"synthetic": rng.permutation(len(synthetic))[:n]}
    pool = real[rng.permutation(len(real))[: 2 * n]]
    n_held_out = len(pool)
    searched = None
    if training is not None:
        order = rng.permutation(len(training))
        pool = np.concatenate([pool, training[order[: 2 * n - len(pool)]]])
        positions["training"] = order[:MAX_TRAINING_IMAGES]
        searched = training[positions["training"]]
    return ComparisonSets(key, n, pool, n_held_out, synthetic[positions["synthetic"]], searched, seed), positions


def _warnings(sets: ComparisonSets, training: TilesByClass | None) -> list[str]:
    key, n, half, warnings = sets.key, sets.n, len(sets.pool) // 2, []
    if n < ENOUGH_IMAGES:
        warnings.append(
            f"{class_name(key)}: {n} images per side were compared; with fewer than {ENOUGH_IMAGES} the intervals are "
            "wide."
        )
    if half < n:
        warnings.append(
            f"{class_name(key)}: its real-vs-real baselines use {half} images per side, its metrics {n}; twice as many "
            "real images, or the training images as well, would make them comparable."
        )
    if training is not None and sets.training is None:
        warnings.append(f"{key}: no training images of this class were given, so copies were not searched for.")
    return warnings
