"""Segment one particle and measure its size and shape."""

from svp_core.morphology.measures import MEASURES, Measure, measure
from svp_core.morphology.outline import segment

__all__ = ["MEASURES", "Measure", "measure", "segment"]
