"""Stages of a report on one class: each computes its share of the metrics from the tiles of both sides."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.audit import copy_test, two_sample_auc
from svp_core.classifier.resnet import Classifier, predict_probs
from svp_core.embedding.features import classifier_features, fixed_features
from svp_core.quality import shapes
from svp_core.quality.distances import (
    PairMetric,
    RealBaseline,
    kid,
    kid_value,
    precision_recall,
    real_baseline,
    real_baselines,
)
from svp_core.quality.metric_names import NORMAL_90, metric_entry
from svp_core.quality.texture import frequencies, log_spectra, spectrum_gap
from svp_core.stats.intervals import Estimate, estimate_share, resampling_interval

# Part of a class's report: "figures", key of METRICS -> entry, and what else the stage adds.
StageResult = dict[str, Any]


@dataclass(frozen=True)
class ComparisonSets:
    """Tiles of one class, uint8 (N, 64, 64)."""

    key: str
    n: int  # per side
    pool: NDArray[np.uint8]  # real tiles: the first n are compared, baselines are drawn from all
    n_held_out: int  # leading tiles of the pool that are held out; the others were trained on
    synthetic: NDArray[np.uint8]  # n of them
    training: NDArray[np.uint8] | None
    seed: int

    @property
    def real(self) -> NDArray[np.uint8]:
        """Real tiles that the synthetic ones are compared with."""
        return self.pool[: self.n]


def feature_metrics(sets: ComparisonSets, classifier: Classifier | None) -> StageResult:
    """Distances in feature spaces, and the classes that the classifier assigns."""
    entries = _distances(sets, fixed_features, "")
    if classifier is None:
        return {"figures": entries}
    entries |= _distances(sets, lambda tiles: _normalised(classifier_features(classifier, tiles)), "_classifier")
    keys = classifier.config.class_keys
    if sets.key not in keys:
        return {"figures": entries}
    predicted = {
        name: predict_probs(classifier, tiles).argmax(1)
        for name, tiles in (("pool", sets.pool), ("synthetic", sets.synthetic))
    }
    correct = {name: labels == keys.index(sets.key) for name, labels in predicted.items()}
    entries["named"] = metric_entry(
        "named",
        estimate_share(correct["synthetic"]),
        real=float(correct["pool"][: sets.n].mean()),
        baseline=_single_set_baseline(np.mean, correct["pool"], sets),
    )
    compared = {"real": predicted["pool"][: sets.n], "synthetic": predicted["synthetic"]}
    named_as = {
        name: {key: float(np.mean(labels == k)) for k, key in enumerate(keys)} for name, labels in compared.items()
    }
    return {"figures": entries, "named_as": named_as}


def shape_metrics(sets: ComparisonSets, _classifier: Classifier | None) -> StageResult:
    """Brightness, background grain, sizes and shapes."""
    pool, synthetic = shapes.measure_tiles(sets.pool), shapes.measure_tiles(sets.synthetic)
    levels = sets.pool.mean((1, 2)), sets.synthetic.mean((1, 2))
    entries = {
        "brightness": _pair_entry(_level_difference, "brightness", *levels, sets),
        "texture": _pair_entry(_grain_ratio, "texture", pool, synthetic, sets),
        "shape": _pair_entry(shapes.mean_ks, "shape", pool, synthetic, sets),
    }
    for key, statistic in (
        ("roundness", shapes.median_roundness),
        ("large", shapes.large_share),
        ("unmeasurable", shapes.unmeasurable_share),
    ):
        estimate = resampling_interval(statistic, synthetic, seed=sets.seed)
        if key != "roundness":
            estimate = estimate_share(estimate.value, n=sets.n)
        real = statistic(pool[: sets.n])
        entries[key] = metric_entry(key, estimate, real=real, baseline=_single_set_baseline(statistic, pool, sets))
    columns = {
        column: {
            name: _pair_entry(metric_of(column), "shape", pool, synthetic, sets)
            for name, metric_of in (("ks", shapes.ks_metric), ("wasserstein", shapes.wasserstein_metric))
        }
        for column in shapes.COLUMNS
    }
    return {"figures": entries, "shapes": columns}


def spectrum_metrics(sets: ComparisonSets, _classifier: Classifier | None) -> StageResult:
    """Power spectra: the strength of coarse and fine structures."""
    pool, synthetic = log_spectra(sets.pool), log_spectra(sets.synthetic)
    means_db = {
        name: (rows.mean(0) * 10 / np.log(10)).round(3).tolist()
        for name, rows in (("real", pool[: sets.n]), ("synthetic", synthetic))
    }
    gap = _pair_entry(spectrum_gap, "spectrum", pool, synthetic, sets)
    return {"figures": {"spectrum": gap}, "spectrum": {"cycles_per_px": frequencies().tolist(), **means_db}}


def two_sample_metrics(sets: ComparisonSets, _classifier: Classifier | None) -> StageResult:
    """Classifier two-sample test; its baseline is the distribution of the AUC by chance."""
    auc = two_sample_auc(real=sets.real, synthetic=sets.synthetic, seed=sets.seed)
    baseline = _normal_baseline(0.5, np.sqrt((2 * auc.n + 1) / (12 * auc.n**2)), auc.n)
    return {"figures": {"told_apart": metric_entry("told_apart", auc, baseline=baseline)}}


def copy_metrics(sets: ComparisonSets, _classifier: Classifier | None) -> StageResult:
    """Whether training tiles are reproduced; no metrics without training tiles."""
    if sets.training is None:
        return {"figures": {}}
    held_out = sets.pool[: sets.n_held_out]
    result = copy_test(synthetic=sets.synthetic, training=sets.training, held_out=held_out, seed=sets.seed)
    n, closer = result.n, result.closer_to_training
    z = Estimate(result.ct_z, result.ct_z - 1.96, result.ct_z + 1.96, n)
    # The difference of two Z, each with a standard deviation of 1.
    z_baseline = _normal_baseline(result.ct_z_unseen, np.sqrt(2), n)
    closer_baseline = _normal_baseline(0.5, (closer.high - closer.low) / 3.92, n)
    entries = {
        "ct_z": metric_entry("ct_z", z, real=result.ct_z_unseen, baseline=z_baseline),
        "closer_to_training": metric_entry("closer_to_training", closer, baseline=closer_baseline),
        "copied": metric_entry("copied", result.ratio, real=result.held_out_ratio.value),
        "authentic": metric_entry(
            "authentic", estimate_share(result.auth_pct / 100, n=n), real=result.held_out_auth_pct / 100
        ),
    }
    return {"figures": entries, "closest": [asdict(pair) for pair in result.closest]}


# In the order of a report: name for progress messages, stage.
STAGES: tuple[tuple[str, Callable[[ComparisonSets, Classifier | None], StageResult]], ...] = (
    ("distances in feature spaces", feature_metrics),
    ("sizes and shapes", shape_metrics),
    ("power spectra", spectrum_metrics),
    ("real-vs-synthetic test", two_sample_metrics),
    ("copies of training tiles", copy_metrics),
)


def _distances(sets: ComparisonSets, embed: Callable[[NDArray[np.uint8]], NDArray], suffix: str) -> dict[str, Any]:
    pool, synthetic = embed(sets.pool), embed(sets.synthetic)
    real, seed = pool[: sets.n], sets.seed
    baseline = real_baseline(kid_value, real=pool, n=sets.n, seed=seed)
    estimate = kid(real=real, synthetic=synthetic, seed=seed)
    entries = {f"kid{suffix}": metric_entry(f"kid{suffix}", estimate, baseline=baseline)}
    baselines = real_baselines(_precision_recall_values, real=pool, n=sets.n, seed=seed)
    estimates = vars(precision_recall(real=real, synthetic=synthetic, seed=seed))
    for (name, estimate), baseline in zip(estimates.items(), baselines, strict=True):
        entries[f"{name}{suffix}"] = metric_entry(f"{name}{suffix}", estimate, baseline=baseline)
    return entries


def _normalised(features):
    """Vectors scaled to equal length: confident predictions have long ones, which would dominate every distance."""
    lengths = np.sqrt((features**2).mean(1, keepdims=True))
    return features / np.maximum(lengths, 1e-6)


def _precision_recall_values(*, real, synthetic):
    return tuple(estimate.value for estimate in vars(precision_recall(real=real, synthetic=synthetic)).values())


def _level_difference(*, real, synthetic):
    return float(synthetic.mean() - real.mean())


def _grain_ratio(*, real, synthetic):
    real, synthetic = shapes.column_values(real, "grain"), shapes.column_values(synthetic, "grain")
    if not len(real) or not len(synthetic):
        return float("nan")
    # Geometric means: a few very noisy tiles do not outweigh the typical ones.
    return float(np.exp(np.log(synthetic).mean() - np.log(real).mean()))


def _pair_entry(
    metric: PairMetric, key: str, pool: NDArray, synthetic: NDArray, sets: ComparisonSets
) -> dict[str, Any]:
    """Report entry of a metric(real=, synthetic=) of rows."""
    estimate = resampling_interval(
        lambda real, synthetic: metric(real=real, synthetic=synthetic), pool[: sets.n], synthetic, seed=sets.seed
    )
    return metric_entry(key, estimate, baseline=real_baseline(metric, real=pool, n=sets.n, seed=sets.seed))


def _single_set_baseline(statistic: Callable[[NDArray], Any], pool: NDArray, sets: ComparisonSets) -> RealBaseline:
    """Baseline of a statistic of one set: its values in other samples of real tiles."""
    return real_baseline(lambda real, synthetic: float(statistic(synthetic)), real=pool, n=sets.n, seed=sets.seed)


def _normal_baseline(mean: float, spread: float, n: int) -> RealBaseline:
    """Baseline of a metric that by chance is normally distributed."""
    return RealBaseline(mean, float(mean - NORMAL_90 * spread), float(mean + NORMAL_90 * spread), n)
