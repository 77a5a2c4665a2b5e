"""Files of six classes with glass flakes, fibres and others as one: by the export functions and by the command."""

import csv
import io
import zipfile

import openpyxl
import pytest

from svp_core import exports
from svp_core.classification.results_csv import read_results
from svp_core.cli import main
from tests.helpers.finished_jobs import FOLDED_PROBS, SIX_KEYS, make_job

ASSIGNED = ["unsure", "other", "protein", "air_bubble"]


@pytest.fixture
def six(tmp_path):
    """One protein and one bubble; one unsure and one fibre of six, unsure and other of four."""
    make_job(tmp_path / "six", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS)
    return tmp_path / "six"


def test_the_workbook_counts_folded_classes_beside_unchanged_rows(six, tmp_path):
    out = tmp_path / "six.xlsx"
    assert main(["export-results", str(six), "--out", str(out), "--fold-others"]) == 0
    book = openpyxl.load_workbook(out)
    head, *rows = book["Results"].values
    shown = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["called"] for row in shown] == ASSIGNED
    assert [row["label"] for row in shown] == ["protein", "fibre", "protein", "air_bubble"]
    assert [name for name in head if name != "called"] == list(read_results(six / "results.csv").columns)
    assert {row[2] for row in book["Counts"].values} >= {"Other", "Unsure"}
    assert "Fibre" not in {row[2] for row in book["Counts"].values}
    settings = dict(book["Settings"].values)
    assert settings["Classes"].startswith("The classes glass flake, fibre and other are counted as one class")
    assert "Unsure below, Other" in settings
    assert "Unsure below, Fibre" not in settings
    exports.export_workbook(six, out)
    assert "Classes" not in dict(openpyxl.load_workbook(out)["Settings"].values)


@pytest.mark.parametrize(("folded", "folders"), [(True, ASSIGNED), (False, ["unsure", "unsure", *ASSIGNED[2:]])])
def test_tiles_lie_in_the_folders_of_folded_classes(six, tmp_path, folded, folders):
    out = tmp_path / "tiles.zip"
    exports.export_tiles_by_class(six, out, settings={"fold_others": folded})
    with zipfile.ZipFile(out) as archive:
        names = sorted(archive.namelist(), key=lambda name: name.partition("/")[2])
    assert [name.partition("/")[0] for name in names] == folders


@pytest.mark.parametrize(
    ("program", "label", "confidence"),
    [
        ("ecotaxa", "object_annotation_category", "object_confidence"),
        ("labelchecker", "LabelPredicted", "ProbabilityScore"),
    ],
)
def test_other_programs_get_folded_labels_with_the_confidence_of_the_sum(six, tmp_path, program, label, confidence):
    out = tmp_path / "out.zip"
    assert main(["export-results", str(six), "--out", str(out), "--format", program, "--fold-others"]) == 0
    with zipfile.ZipFile(out) as archive:
        name = next(name for name in archive.namelist() if name.endswith((".tsv", ".csv")))
        text = archive.read(name).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t" if program == "ecotaxa" else ","))
    rows = [row for row in rows if row[confidence] != "[f]"]
    assert [row[label].casefold() for row in rows] == ["", "other", "protein", "air bubble"]
    assert [float(row[confidence]) for row in rows] == pytest.approx([0.5, 0.8, 0.95, 0.91])
