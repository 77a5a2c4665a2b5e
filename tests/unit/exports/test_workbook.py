"""The exported workbook: every row, numbers as numbers, counts as counted, texts never formulas."""

import json
import zipfile
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from svp_core import exports
from svp_core.classification.results_csv import read_results
from svp_core.errors import LabError
from svp_core.exports import workbook
from svp_core.exports import worksheet_writer as sheet
from svp_core.exports.row_selection import positions_among, select_rows
from svp_core.exports.tiles_by_class import SAMPLE_FILE
from svp_core.exports.worksheet_writer import clean, column_letters
from svp_core.particle_classes import class_by_key
from svp_core.stats import counts
from tests.helpers.finished_jobs import EXPORTED, KEYS, confident_probs, make_job, run_facts


def book_of(job, rows=None, **settings):
    out = job.parent / "results.xlsx"
    exports.export_workbook(job, out, rows, settings=settings)
    return openpyxl.load_workbook(out)


def table_of(sheet) -> list[dict[str, Any]]:
    """Rows of a sheet by the names in its first row."""
    head, *rows = sheet.values
    return [dict(zip(head, row, strict=True)) for row in rows]


def pairs_of(sheet) -> dict[str, Any]:
    """Second column of a sheet by its first."""
    return {str(label): value for label, value in sheet.values}


def test_the_workbook_has_every_row_and_numbers_are_numbers(job):
    book = book_of(job)
    assert book.sheetnames == ["Results", "Counts", "Settings", "Sample"]
    shown, stored = table_of(book["Results"]), read_results(job / "results.csv")
    assert [name for name in shown[0] if name != "called"] == list(stored.columns)
    assert len(shown) == 5
    for row, (_, known) in zip(shown, stored.iterrows(), strict=True):
        for name, value in known.items():
            assert row[str(name)] == (None if pd.isna(value) else value)
    assert isinstance(shown[0]["ecd_um"], (int, float))
    assert shown[1]["instrument.id"] == 8
    assert [row["called"] for row in shown] == ["protein", "silicone_oil", "unsure", "air_bubble", None]
    assert [row["label"] for row in shown][2] == "silicone_oil"
    assert shown[4]["reason"] == "it is empty"
    assert book["Results"].freeze_panes == "B2"
    assert book["Results"]["A1"].font.bold


def test_other_programs_read_the_workbook_too(job):
    book_of(job)
    shown = pd.read_excel(job.parent / "results.xlsx", sheet_name="Results")
    assert shown["ecd_um"].dtype == float
    assert shown["ecd_um"].tolist()[:3] == [3.0, 12.0, 12.0]


def test_counts_in_the_workbook_equal_those_of_the_core(job):
    labels = np.array(["protein", "silicone_oil", "unsure", "air_bubble"], object)
    sizes = [3.0, 12.0, 12.0, np.nan]
    expected = counts.count_table(labels, sizes, class_keys=KEYS, bins_um=(2, 10), volume_ml=0.25, dilution=2.0)
    rows = table_of(book_of(job, bins_um=[2, 10], dilution=2.0)["Counts"])
    shown = [row for row in rows if row["estimate"] == "counted" and row["particles"] == "all"]
    columns = ("at_least_um", "count", "count_low", "count_high", "per_ml")
    shown = {
        (row["class"], row["at_least_um"]): [row[name] for name in columns] for row in shown if row["below_um"] is None
    }
    assert len(expected) == 10
    for entry in expected:
        name = {"unsure": "Unsure", "all": "All"}.get(entry.class_key) or class_by_key(entry.class_key).name
        values = [entry.at_least_um, entry.count, entry.low, entry.high, entry.per_ml]
        assert shown[name, entry.at_least_um] == pytest.approx(values, rel=1e-12)
    assert {row["diameter"] for row in rows} == {"Size of record (µm)"}
    assert {row["estimate"] for row in rows} == {
        "counted",
        "corrected",
    }
    # The largest sizes are in both cumulative counts and size ranges, but once in the sheet.
    assert len({tuple(row.values()) for row in rows}) == len(rows)
    settings = pairs_of(book_of(job, bins_um=[2, 10], dilution=2.0)["Settings"])
    assert settings["Dilution"] == 2
    assert settings["Volume imaged, mL"] == 0.25
    assert settings["Rejected"] == 1
    assert settings["Unsure below, Protein"] == 0.8
    assert "informational" in "".join(map(str, settings.values()))


def test_selected_rows_keep_their_order_and_have_raw_counts_only(job):
    book = book_of(job, rows=[4, 2, 0])
    assert [row["image"] for row in table_of(book["Results"])] == ["x.png", "day 5.lst#3", "day 5.lst#1"]
    rows = table_of(book["Counts"])
    assert {row["estimate"] for row in rows} == {"counted"}
    assert {row["particles"] for row in rows} == {"rows of sheet Results"}
    assert {(row["class"], row["count"]) for row in rows if row["at_least_um"] == 2} == {
        ("Protein", 1),
        ("Silicone oil", 0),
        ("Air bubble", 0),
        ("Unsure", 1),
        ("All", 2),
    }
    assert table_of(book_of(job, rows=[])["Results"]) == []


def test_texts_are_never_formulas_or_errors(tmp_path):
    names = ['=cmd|"/c calc"!A1', "#N/A", "a\x01b<&>", "_x0041_ + @x"]
    make_job(tmp_path / "job", confident_probs(*EXPORTED), [3.0] * 4, names=names, title="=1+1", weights="=2")
    book = book_of(tmp_path / "job", author="=3\x00", remarks="#REF!", lot="=4")
    cells = [row[0] for row in book["Results"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"} | {"inlineStr"} & {cell.data_type for cell in cells}
    assert [cell.value for cell in cells] == ['=cmd|"/c calc"!A1', "#N/A", "a�b<&>", "-x0041- + @x"]
    settings = {row[0].value: row[1] for row in book["Settings"].iter_rows()}
    assert settings["Title"].value == "=1+1"
    assert settings["Remarks"].value == "#REF!"
    assert settings["Title"].data_type == settings["Remarks"].data_type == "s"
    sample = {row[0].value: row[1] for row in book["Sample"].iter_rows()}
    assert (sample["Lot"].value, sample["Lot"].data_type) == ("=4", "s")


def test_the_workbook_has_counts_of_each_run(tmp_path):
    runs = [run_facts("a", 1, volume_ml=0.1), run_facts("b", 1, volume_ml=0.2)]
    make_job(tmp_path / "job", confident_probs("protein", "protein"), [30.0] * 2, runs=runs, run_of=["a", "b"])
    rows = table_of(book_of(tmp_path / "job")["Counts"])
    shown = {row["particles"]: row["per_ml"] for row in rows if row["class"] == "All" and row["at_least_um"] == 25}
    assert shown["run a"] == pytest.approx(10)
    assert shown["run b"] == pytest.approx(5)


def test_rows_are_complete_across_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "CHUNK_ROWS", 3)
    make_job(tmp_path / "job", confident_probs(*["protein"] * 10), list(range(1, 11)))
    assert [row["ecd_um"] for row in table_of(book_of(tmp_path / "job")["Results"])] == list(range(1, 11))


def test_more_rows_than_a_sheet_can_hold_are_refused(job, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_ROWS", 4)
    with pytest.raises(LabError, match="An Excel sheet holds 4 rows, not 5; choose fewer, or export a CSV"):
        book_of(job)


@pytest.mark.parametrize("rows", [[5], [-1]])
def test_a_row_outside_the_results_is_refused(job, rows):
    for make in (exports.export_workbook, exports.export_tiles_by_class):
        with pytest.raises(LabError, match=r"There is no row -?\d; the results have rows 0 to 4"):
            make(job, job.parent / "x", rows)


def test_rows_are_matched_to_classified_particles():
    assert select_rows(None, 3).tolist() == [0, 1, 2]
    assert select_rows([], 3).tolist() == []
    named = np.array([0, 2, 3, 7])
    assert positions_among(np.array([7, 1, 0, 3, 9]), named).tolist() == [3, 0, 2]
    assert positions_among(np.array([1]), np.array([], int)).tolist() == []


def test_column_letters_equal_openpyxls():
    from openpyxl.utils import get_column_letter

    assert [column_letters(n) for n in range(1, 900)] == [get_column_letter(n) for n in range(1, 900)]
    assert clean("a\x00\ud800b\n") == "a��b\n"


def test_sample_lot_and_operator_are_in_the_workbook_and_in_the_archive_of_tiles(job, tmp_path):
    sample = {"sample": "Syringe 7", "lot": "=A1", "operator": "größe"}
    rows = list(book_of(job, **sample)["Sample"].values)
    assert rows[:4] == [("Field", "Value"), ("Sample", "Syringe 7"), ("Lot", "=A1"), ("Operator", "größe")]
    exports.export_tiles_by_class(job, tmp_path / "t.zip", settings=sample)
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        assert json.loads(archive.read(SAMPLE_FILE)) == sample
    # results.csv has no such columns, and an archive without an entry has no such file.
    assert not set(sample) & set(read_results(job / "results.csv").columns)
    exports.export_tiles_by_class(job, tmp_path / "t.zip")
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        assert SAMPLE_FILE not in archive.namelist()


def test_sample_lot_and_operator_of_the_summary_are_the_default(job):
    summary = json.loads((job / "summary.json").read_text("utf-8")) | {"sample": "Syringe 7"}
    (job / "summary.json").write_text(json.dumps(summary), "utf-8")
    assert list(book_of(job)["Sample"].values)[1] == ("Sample", "Syringe 7")
    assert list(book_of(job, sample="S")["Sample"].values)[1] == ("Sample", "S")
