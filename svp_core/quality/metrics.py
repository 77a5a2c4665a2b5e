"""The steps of a report on one class: each takes the tiles of both sides and gives its share of the figures."""

from dataclasses import asdict, dataclass

import numpy as np

from svp_core.audit import copy_test, two_sample_auc
from svp_core.classifier.resnet import predict_probs
from svp_core.embedding.features import classifier_features, fixed_features
from svp_core.quality import shapes
from svp_core.quality.distances import RealBaseline, kernel_distance, kid, neighbours, real_baseline
from svp_core.quality.metric_names import entry
from svp_core.quality.texture import frequencies, log_spectra, spectrum_gap
from svp_core.stats.intervals import Estimate, estimate_share, resampling_interval

_NORMAL_90 = 1.645  # half the width, in standard deviations, of what 90 % of a normal distribution lie in


@dataclass(frozen=True)
class ComparisonSets:
    """Tiles of one class, uint8 (N, 64, 64)."""

    key: str
    n: int  # on each side
    pool: np.ndarray  # real ones: the first n are compared with, floors are drawn from all
    n_held_out: int  # so many of them, from the front, are held-out ones; the others were trained on
    synthetic: np.ndarray  # n of them
    training: np.ndarray | None
    seed: int

    @property
    def real(self):
        """What the synthetic tiles are compared with."""
        return self.pool[: self.n]


def feature_metrics(sides, classifier):
    """Distances in what networks see, and the names the classifier gives."""
    found = _distances(sides, fixed_features, "")
    if classifier is None:
        return {"figures": found}
    found |= _distances(sides, lambda tiles: _directions(classifier_features(classifier, tiles)), "_classifier")
    keys = classifier.config.class_keys
    if sides.key not in keys:
        return {"figures": found}
    called = {
        name: predict_probs(classifier, tiles).argmax(1)
        for name, tiles in (("pool", sides.pool), ("synthetic", sides.synthetic))
    }
    right = {name: labels == keys.index(sides.key) for name, labels in called.items()}
    found["named"] = entry(
        "named",
        estimate_share(right["synthetic"]),
        real=float(right["pool"][: sides.n].mean()),
        floor=_second_draw(np.mean, right["pool"], sides),
    )
    shown = {"real": called["pool"][: sides.n], "synthetic": called["synthetic"]}
    named_as = {
        name: {key: float(np.mean(labels == k)) for k, key in enumerate(keys)} for name, labels in shown.items()
    }
    return {"figures": found, "named_as": named_as}


def shape_metrics(sides, classifier):
    """Brightness, grain, sizes and shapes."""
    pool, synthetic = shapes.measure_tiles(sides.pool), shapes.measure_tiles(sides.synthetic)
    found = {
        "brightness": _between(_brighter, "brightness", sides.pool.mean((1, 2)), sides.synthetic.mean((1, 2)), sides),
        "texture": _between(_grainier, "texture", pool, synthetic, sides),
        "shape": _between(shapes.mean_ks, "shape", pool, synthetic, sides),
    }
    for key, figure in (
        ("roundness", shapes.roundness),
        ("large", shapes.large),
        ("unmeasurable", shapes.unmeasurable),
    ):
        of_synthetic = resampling_interval(figure, synthetic, seed=sides.seed)
        if key != "roundness":
            of_synthetic = estimate_share(of_synthetic.value, n=sides.n)
        of_real = figure(pool[: sides.n])
        found[key] = entry(key, of_synthetic, real=of_real, floor=_second_draw(figure, pool, sides))
    columns = {
        column: {
            name: _between(figure(column), "shape", pool, synthetic, sides)
            for name, figure in (("ks", shapes.ks), ("wasserstein", shapes.wasserstein))
        }
        for column in shapes.COLUMNS
    }
    return {"figures": found, "shapes": columns}


def spectrum_metrics(sides, classifier):
    """How strong coarse and fine structures are."""
    pool, synthetic = log_spectra(sides.pool), log_spectra(sides.synthetic)
    shown = {
        name: (rows.mean(0) * 10 / np.log(10)).round(3).tolist()
        for name, rows in (("real", pool[: sides.n]), ("synthetic", synthetic))
    }
    gap = _between(spectrum_gap, "spectrum", pool, synthetic, sides)
    return {"figures": {"spectrum": gap}, "spectrum": {"cycles_per_px": frequencies().tolist(), **shown}}


def two_sample_metrics(sides, classifier):
    """Whether a network can learn to tell the sides apart; the floor is what an area under the curve is by chance."""
    found = two_sample_auc(real=sides.real, synthetic=sides.synthetic, seed=sides.seed)
    by_chance = _by_chance(0.5, np.sqrt((2 * found.n + 1) / (12 * found.n**2)), found.n)
    return {"figures": {"told_apart": entry("told_apart", found, floor=by_chance)}}


def copy_metrics(sides, classifier):
    """Whether training tiles are given away; nothing where there are none."""
    if sides.training is None:
        return {"figures": {}}
    held_out = sides.pool[: sides.n_held_out]
    found = copy_test(synthetic=sides.synthetic, training=sides.training, held_out=held_out, seed=sides.seed)
    n = found.n
    z = Estimate(found.ct_z, found.ct_z - 1.96, found.ct_z + 1.96, n)
    closer = found.closer_to_training
    percent = estimate_share(found.auth_pct / 100, n=n)
    figures = {
        # Two of them, each with a standard deviation of 1.
        "ct_z": entry("ct_z", z, real=found.ct_z_unseen, floor=_by_chance(found.ct_z_unseen, np.sqrt(2), n)),
        "closer_to_training": entry(
            "closer_to_training", closer, floor=_by_chance(0.5, (closer.high - closer.low) / 3.92, n)
        ),
        "copied": entry("copied", found.ratio, real=found.held_out_ratio.value),
        "authentic": entry("authentic", percent, real=found.held_out_auth_pct / 100),
    }
    return {"figures": figures, "closest": [asdict(pair) for pair in found.closest]}


# In the order of a report: name for the person, step.
STAGES = (
    ("what networks see", feature_metrics),
    ("sizes and shapes", shape_metrics),
    ("spectra", spectrum_metrics),
    ("can they be told apart", two_sample_metrics),
    ("copies of training tiles", copy_metrics),
)


def _distances(sides, look, suffix):
    pool, synthetic = look(sides.pool), look(sides.synthetic)
    pair = {"real": pool[: sides.n], "synthetic": synthetic, "seed": sides.seed}
    bound = real_baseline(kernel_distance, real=pool, n=sides.n, seed=sides.seed)
    found = {f"kid{suffix}": entry(f"kid{suffix}", kid(**pair), floor=bound)}
    bounds = real_baseline(_four, real=pool, n=sides.n, seed=sides.seed)
    for (name, estimate), bound in zip(vars(neighbours(**pair)).items(), bounds, strict=True):
        found[f"{name}{suffix}"] = entry(f"{name}{suffix}", estimate, floor=bound)
    return found


def _directions(features):
    """Vectors of equal length: what the classifier is surest of gives long ones, which would decide every distance."""
    lengths = np.sqrt((features**2).mean(1, keepdims=True))
    return features / np.maximum(lengths, 1e-6)


def _four(*, real, synthetic):
    return tuple(estimate.value for estimate in vars(neighbours(real=real, synthetic=synthetic)).values())


def _brighter(*, real, synthetic):
    return float(synthetic.mean() - real.mean())


def _grainier(*, real, synthetic):
    real, synthetic = shapes.of(real, "grain"), shapes.of(synthetic, "grain")
    if not len(real) or not len(synthetic):
        return float("nan")
    # Of typical tiles: few very noisy ones do not count more than the rest.
    return float(np.exp(np.log(synthetic).mean() - np.log(real).mean()))


def _between(figure, key, pool, synthetic, sides):
    """Entry of a figure(real=, synthetic=) on rows."""
    found = resampling_interval(
        lambda real, synthetic: figure(real=real, synthetic=synthetic), pool[: sides.n], synthetic, seed=sides.seed
    )
    return entry(key, found, floor=real_baseline(figure, real=pool, n=sides.n, seed=sides.seed))


def _second_draw(figure, pool, sides):
    """Floor of a figure of one set: what it is for other real tiles."""
    return real_baseline(lambda real, synthetic: float(figure(synthetic)), real=pool, n=sides.n, seed=sides.seed)


def _by_chance(middle, spread, n):
    return RealBaseline(middle, float(middle - _NORMAL_90 * spread), float(middle + _NORMAL_90 * spread), n)
