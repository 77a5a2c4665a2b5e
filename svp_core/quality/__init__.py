"""How close synthetic particles come to real ones: figures with intervals, each beside what real against real gives.

Arrays in, figures out; whether somebody can tell the sets apart, and whether training images are given away, is asked
in svp_core.audit.
"""

from svp_core.quality.distances import Floor, Neighbours, floor, kernel_distance, kid, neighbours
from svp_core.quality.metric_names import FIGURES, Figure
from svp_core.quality.report import compare
from svp_core.stats.intervals import Estimate

__all__ = [
    "FIGURES",
    "Estimate",
    "Figure",
    "Floor",
    "Neighbours",
    "compare",
    "floor",
    "kernel_distance",
    "kid",
    "neighbours",
]
