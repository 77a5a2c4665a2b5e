"""Validation of a classifier on an instrument: particles drawn blind by size, figures, reference for counts."""
