"""Rows of a csv file."""

import csv


def read_rows(path):
    """One dict per row, all values as text."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
