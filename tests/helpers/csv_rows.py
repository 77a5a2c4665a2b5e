"""Rows of a csv file."""

import csv
from pathlib import Path


def read_rows(path):
    """One dict per row, all values as text."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
