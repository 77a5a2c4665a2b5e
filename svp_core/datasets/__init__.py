"""Labelled tiles from folders, data sets and classifications."""
