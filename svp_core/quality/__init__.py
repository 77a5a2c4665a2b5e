"""How close synthetic particles come to real ones: figures with intervals, each beside what real against real gives.

Arrays in, figures out; whether somebody can tell the sets apart, and whether training images are given away, is asked
in svp_core.audit.
"""

from svp_core.quality.distances import Neighbours, RealBaseline, kernel_distance, kid, neighbours, real_baseline
from svp_core.quality.metric_names import METRICS, Metric
from svp_core.quality.report import compare
from svp_core.stats.intervals import Estimate

__all__ = [
    "METRICS",
    "Estimate",
    "Metric",
    "Neighbours",
    "RealBaseline",
    "compare",
    "kernel_distance",
    "kid",
    "neighbours",
    "real_baseline",
]
