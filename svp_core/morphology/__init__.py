"""Segment one particle and measure its size and shape."""

from svp_core.morphology.measures import MEASURES, Measure, measure
from svp_core.morphology.outline import segment, stands_out

__all__ = ["MEASURES", "Measure", "measure", "segment", "stands_out"]
