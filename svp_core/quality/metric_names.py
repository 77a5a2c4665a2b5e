"""Every metric of a quality report: its name, its target and what it means; and how its values are stored."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from svp_core.quality.distances import BASELINE_DRAWS, RealBaseline
from svp_core.stats.intervals import Z95, Estimate

RATIO_DRAWS = 4000
NORMAL_90 = 1.645  # standard deviations; 90 % of a normal distribution lie within
# Metrics whose baseline follows from theory; the others have one of BASELINE_DRAWS random halves, itself uncertain.
EXACT_BASELINES = ("told_apart", "ct_z", "closer_to_training")


@dataclass(frozen=True)
class Metric:
    """Name, target and meaning of one metric."""

    name: str
    target: str  # "low", "high", or the ideal value: "0", "0.5", "1", "real" = the value of the real tiles
    description: str  # one sentence
    unit: str = ""


_CLASSIFIER = "In features of our classifier: "
_FIXED = "In features of a fixed network: "

# In the order of a report: what a microscopist would notice comes first.
METRICS = {
    "named": Metric("Class as requested", "high", "Share that our classifier assigns to the class they were made as."),
    "brightness": Metric(
        "Brightness", "0", "Mean grey level of the synthetic tiles minus that of the real ones.", "grey levels"
    ),
    "texture": Metric(
        "Fine texture",
        "1",
        "Spread of the finest background grain, synthetic over real; below 1 is too smooth.",
    ),
    "spectrum": Metric(
        "Power spectrum",
        "low",
        "Mean absolute difference of the power spectra, coarse to fine, over 32 frequencies.",
        "dB",
    ),
    "shape": Metric(
        "Size and shape",
        "low",
        "Mean gap between the cumulative distributions of eleven measures (Kolmogorov-Smirnov), 0 equal to 1 disjoint.",
    ),
    "roundness": Metric(
        "Roundness", "real", "Median width over length of the particles that lie within their tile; 1 is round."
    ),
    "large": Metric("Large particles", "real", "Share of tiles whose particle reaches the border."),
    "unmeasurable": Metric(
        "Not measurable", "real", "Share of tiles in which no particle stands out from the background."
    ),
    "told_apart": Metric(
        "Real-vs-synthetic AUC",
        "0.5",
        "Area under the ROC curve of a small network trained to tell them apart: 0.5 it cannot, 1 it always can.",
    ),
    "kid": Metric("KID", "low", _FIXED + "kernel distance between the sets, 0 for equal distributions."),
    "precision": Metric("Precision", "high", _FIXED + "share of synthetic tiles that lie among the real ones."),
    "recall": Metric("Recall", "high", _FIXED + "share of real tiles that lie among the synthetic ones."),
    "density": Metric(
        "Density",
        "high",
        _FIXED + "how densely real tiles surround the synthetic ones; near 1 for equal distributions.",
    ),
    "coverage": Metric("Coverage", "high", _FIXED + "share of real tiles with a synthetic one nearby."),
    "kid_classifier": Metric(
        "KID, classifier", "low", _CLASSIFIER + "kernel distance between the sets, 0 for equal distributions."
    ),
    "precision_classifier": Metric(
        "Precision, classifier", "high", _CLASSIFIER + "share of synthetic tiles that lie among the real ones."
    ),
    "recall_classifier": Metric(
        "Recall, classifier", "high", _CLASSIFIER + "share of real tiles that lie among the synthetic ones."
    ),
    "density_classifier": Metric(
        "Density, classifier",
        "high",
        _CLASSIFIER + "how densely real tiles surround the synthetic ones; near 1 for equal distributions.",
    ),
    "coverage_classifier": Metric(
        "Coverage, classifier", "high", _CLASSIFIER + "share of real tiles with a synthetic one nearby."
    ),
    "ct_z": Metric(
        "Copying, CT Z",
        "real",
        "Nearness to training tiles against that of real tiles; below -2 and well below the value for unseen tiles "
        "indicates copying.",
    ),
    "closer_to_training": Metric(
        "Closer to training", "0.5", "Share that lies nearer to training tiles than to equally many held-out ones."
    ),
    "copied": Metric(
        "Near one training tile",
        "real",
        "Share three times nearer to one training tile than to any other; more than the real tiles have is an alarm.",
    ),
    "authentic": Metric(
        "Authentic", "real", "Share farther from the nearest training tile than that one is from any other."
    ),
}


def metric_entry(
    key: str, estimate: Estimate, *, baseline: RealBaseline | None = None, real: float | None = None
) -> dict[str, Any]:
    """One metric of a report, JSON-ready: value, low, high, n, real, floor and ratio; None where unknown.

    key: of METRICS. real: the real tiles' own value. floor holds the baseline. ratio: 1 = what chance alone gives:
    value / baseline.high where low is good, value / baseline.median where high is good, else the distance of the value
    from its target over that of the farther end of the baseline.
    """
    entry: dict[str, Any] = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "real": real,
    }
    entry["floor"] = None if baseline is None else _without_nan(asdict(baseline))
    entry["ratio"] = None if baseline is None else _ratio(METRICS[key].target, estimate.value, baseline, real)
    return _without_nan(entry)


def _ratio(target: str, value: float, baseline: RealBaseline, real: float | None) -> float | None:
    if target == "low":
        numerator, denominator = value, baseline.high
    elif target == "high":
        numerator, denominator = value, baseline.median
    else:
        ideal = float(target) if target != "real" else math.nan if real is None else real
        numerator = abs(value - ideal)
        denominator = max(abs(baseline.low - ideal), abs(baseline.high - ideal))
    return numerator / denominator if denominator > 0 else None


def _without_nan(entry: Mapping[str, Any]) -> dict[str, Any]:
    # JSON has no NaN.
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in entry.items()
    }


def ratio_interval(key: str, entry: Mapping[str, Any]) -> tuple[float, float] | None:
    """95 % interval of the ratio of an entry of metric_entry; None where it has no ratio, or the value no interval.

    It includes the value's own interval and that of the baseline, which is drawn from few random halves: normal values,
    whose mean and spread are known as well as that many draws tell them (Student's and the chi-squared distribution).
    Both are drawn RATIO_DRAWS times. A distance below 0, which is chance, counts as 0.
    """
    floor = entry.get("floor") or {}
    ends = [entry.get("low"), entry.get("high"), *(floor.get(end) for end in ("low", "median", "high"))]
    if entry.get("ratio") is None or any(end is None for end in ends):
        return None
    target, rng = METRICS[key].target, np.random.default_rng(0)
    low, high, floor_low, floor_median, floor_high = map(float, ends)
    normal = rng.standard_normal(RATIO_DRAWS)
    values = entry["value"] + normal * np.where(normal > 0, high - entry["value"], entry["value"] - low) / Z95
    spread = (floor_high - floor_low) / (2 * NORMAL_90)
    freedom = BASELINE_DRAWS - 1
    wider = spread * (np.sqrt(freedom / rng.chisquare(freedom, RATIO_DRAWS)) - 1)
    moved = spread * rng.standard_t(freedom, RATIO_DRAWS) / math.sqrt(BASELINE_DRAWS)
    if key in EXACT_BASELINES:
        wider, moved = np.zeros(RATIO_DRAWS), np.zeros(RATIO_DRAWS)
    highs, lows = floor_high + moved + NORMAL_90 * wider, floor_low + moved - NORMAL_90 * wider
    if target == "low":
        ratios = np.maximum(values, 0) / np.maximum(highs, 1e-12)
    elif target == "high":
        ratios = values / np.maximum(floor_median + moved, 1e-12)
    else:
        real = entry.get("real")
        ideal = float(target) if target != "real" else math.nan if real is None else real
        farther = np.maximum(np.abs(lows - ideal), np.abs(highs - ideal))
        ratios = np.abs(values - ideal) / np.maximum(farther, 1e-12)
    ends_of_ratio = np.quantile(ratios, (0.025, 0.975))
    return float(min(ends_of_ratio[0], entry["ratio"])), float(max(ends_of_ratio[1], entry["ratio"]))
