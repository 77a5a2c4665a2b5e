"""Cells of a CSV that a spreadsheet would run as formulas are text."""

import csv

import pytest

from svp_core.exports.reviewed_labels import export_reviewed_csv
from svp_core.exports.spreadsheet_text import plain_cell
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record


@pytest.mark.parametrize("cell", ["=1+1", "+1+1|cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")'])
def test_a_formula_becomes_text(cell):
    assert plain_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-1.5", "+3", "-1e-5", "", "a=b", "p 1.png", "-inf", "1-2"])
def test_numbers_and_other_text_stay(cell):
    assert plain_cell(cell) == cell


def test_a_reviewed_table_holds_no_formula(tmp_path, monkeypatch):
    databases(tmp_path, monkeypatch, "sqlite")
    review = new_review(2, names=["=cmd|' /C calc'!A0", "b"])
    record(review, event(1, "b", reviewer="@Anna", reason="+1"))
    export_reviewed_csv(review, current_labels(review), tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if plain_cell(cell) != cell]
    assert "'@Anna" in cells
