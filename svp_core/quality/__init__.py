"""Similarity of synthetic to real particles: metrics with intervals, each beside its real-vs-real baseline.

Arrays in, numbers out. Whether the sets can be told apart, and whether training images are reproduced, is tested in
svp_core.audit.
"""

from svp_core.quality.distances import (
    PrecisionRecall,
    RealBaseline,
    kid,
    kid_value,
    precision_recall,
    real_baseline,
    real_baselines,
)
from svp_core.quality.metric_names import METRICS, Metric
from svp_core.quality.report import compare
from svp_core.stats.intervals import Estimate

__all__ = [
    "METRICS",
    "Estimate",
    "Metric",
    "PrecisionRecall",
    "RealBaseline",
    "compare",
    "kid",
    "kid_value",
    "precision_recall",
    "real_baseline",
    "real_baselines",
]
