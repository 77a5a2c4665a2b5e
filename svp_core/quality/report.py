"""A whole report: every figure of every class, beside what real against real gives at the same number of tiles."""

import numpy as np

from svp_core.errors import LabError
from svp_core.particle_classes import sort_keys
from svp_core.progress import Progress
from svp_core.quality.metric_names import METRICS
from svp_core.quality.metrics import STAGES, ComparisonSets

MIN_IMAGES = 50  # tiles a side: fewer say nothing
ENOUGH_IMAGES = 500  # fewer are warned about
MAX_IMAGES = 2000  # tiles a side that are compared; more are cut, by the seed
MAX_TRAINING_IMAGES = 20_000  # training tiles that copies are looked for among


def compare(*, real, synthetic, training=None, classifier=None, seed=0):
    """Measure synthetic tiles against real ones, class by class; yields Progress, returns a JSON-ready report.

    real, synthetic, training: class key -> uint8 (N, 64, 64); real ones that no training saw. Without training there
    are no copy tests, without a classifier no names and no figures in what it sees.

    The report: seed; warnings, sentences; classes, class key -> n (tiles a side), n_real, n_synthetic, n_training;
    figures, key of FIGURES -> what figures.entry gives; shapes, column -> {"ks", "wasserstein"}, entries too;
    spectrum, {"cycles_per_px", "real", "synthetic"}, the latter in dB; named_as, "real" and "synthetic" -> class key ->
    share; closest, what audit.Pair holds, positions in the arrays given.
    Floors are between random halves of the real tiles, filled up with training tiles where there are fewer than 2 n.

    Raises LabError where no class is in both sets or one has fewer than 50 tiles. 1,000 tiles a class take about two
    minutes a class on one core.
    """
    keys, warnings = _check(real, synthetic)
    report = {"seed": seed, "warnings": warnings, "classes": {}}
    for position, key in enumerate(keys):
        of_training = None if training is None else training.get(key)
        sides, places = _choose(key, real[key], synthetic[key], of_training, seed)
        warnings += _warnings(sides, training)
        part = {
            "n": sides.n,
            "n_real": len(real[key]),
            "n_synthetic": len(synthetic[key]),
            "n_training": 0 if of_training is None else len(of_training),
            "figures": {},
        }
        for stage, (name, work) in enumerate(STAGES, 1):
            found = work(sides, classifier)
            part["figures"] |= found.pop("figures")
            part |= found
            yield Progress(position * len(STAGES) + stage, len(keys) * len(STAGES), f"{key}: {name}")
        part["figures"] = {name: part["figures"][name] for name in METRICS if name in part["figures"]}
        for pair in part.get("closest", ()):
            pair |= {name: int(places[name][pair[name]]) for name in places}
        report["classes"][key] = part
    return report


def _check(real, synthetic):
    """(classes in both sets, in order; warnings about the others)."""
    keys = sort_keys(set(real) & set(synthetic))
    if not keys:
        there = " but the synthetic ones of ".join(
            ", ".join(sort_keys(part)) or "nothing" for part in (real, synthetic)
        )
        raise LabError(f"The real tiles are of {there}; give the same class in both.")
    for key in keys:
        for name, part in (("real", real), ("synthetic", synthetic)):
            if len(part[key]) < MIN_IMAGES:
                raise LabError(
                    f"{key}: {len(part[key])} {name} images were given; give {MIN_IMAGES} or more, fewer say nothing."
                )
    return keys, [f"{key}: left out, it is in one of the sets only." for key in sort_keys(set(real) ^ set(synthetic))]


def _choose(key, real, synthetic, training, seed):
    """(Sides, and which of the tiles given their synthetic and training ones are)."""
    rng = np.random.default_rng(seed)
    n = min(len(real), len(synthetic), MAX_IMAGES)
    places = {"synthetic": rng.permutation(len(synthetic))[:n]}
    pool = real[rng.permutation(len(real))[: 2 * n]]
    n_held_out = len(pool)
    if training is not None:
        order = rng.permutation(len(training))
        pool = np.concatenate([pool, training[order[: 2 * n - len(pool)]]])
        places["training"] = order[:MAX_TRAINING_IMAGES]
    of_training = None if training is None else training[places["training"]]
    return ComparisonSets(key, n, pool, n_held_out, synthetic[places["synthetic"]], of_training, seed), places


def _warnings(sides, training):
    key, n, half, said = sides.key, sides.n, len(sides.pool) // 2, []
    if n < ENOUGH_IMAGES:
        said.append(f"{key}: {n} images a side were compared; below {ENOUGH_IMAGES} the intervals are wide.")
    if half < n:
        said.append(
            f"{key}: its real-vs-real floors rest on {half} images a side, its figures on {n}; twice as many real "
            "images, or the training images besides, would make them comparable."
        )
    if training is not None and sides.training is None:
        said.append(f"{key}: there are no training images of it, so copies were not looked for.")
    return said
