"""Settings of the report, what is refused, and the command."""

import json
import re

import numpy as np
import pytest

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.report import default_settings, write_report
from tests.helpers.finished_jobs import run_facts
from tests.helpers.report_page import ReportPage, change_summary, without_reference, written_report


def test_settings_are_followed(job):
    without_reference(job)
    page = ReportPage(
        written_report(job, dilution=10.0, volume_ml=0.5, thresholds={"protein": 0.97}, bins_um=[3.0, 12.0, 12.5])
    )
    rows = page.rows("Cumulative counts")
    assert [row[1] for row in rows[:3]] == ["≥ 3 µm †", "≥ 12 µm", "≥ 12.5 µm"]
    unsure = next(row for row in rows if row[0] == "Unsure")
    assert unsure[2] == "11"
    assert unsure[4] == "220"
    assert rows[0][2] == "0"
    assert "0.5 mL, typed in; the files state 0.25 mL" in page.text
    assert "Dilution 10" in page.text
    assert page.rows("Thresholds") == [["Protein", "97.0 %"], ["Silicone oil", "80.0 %"], ["Air bubble", "80.0 %"]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bins_um": [5, 2]}, "Invalid size bins 5, 2"),
        ({"bins_um": []}, "Invalid size bins (none)"),
        ({"bins_um": list(range(1, 20))}, "give 1 to 12 ascending lower edges"),
        ({"bins_um": ["x"]}, "A size bin must be a number from 0 to 10000; got 'x'"),
        ({"bins_um": [float("nan")]}, "got 'nan'"),
        ({"diameter": "width"}, "These results have no diameter 'width'; choose one of size_um"),
        ({"diameter": "touches_edge"}, "have no diameter 'touches_edge'"),
        ({"thresholds": {"fibre": 0.5}}, "threshold for 'fibre', which is not a class"),
        ({"thresholds": {"protein": 1.5}}, "The threshold of protein must be a number from 0 to 1; got '1.5'"),
        ({"unsure_below": -1}, "The confidence threshold must be a number from 0 to 1; got '-1'"),
        ({"volume_ml": 0}, "The imaged volume in mL must be a number"),
        ({"dilution": "a"}, "The dilution must be a number from 1e-06 to 1e+09; got 'a'"),
        ({"date": "9 April"}, "The date '9 April' is invalid; write it like 2025-04-09"),
        ({"date": "20250409"}, "The date '20250409' is invalid"),
        ({"lot": "x" * 400}, "The lot has 400 characters; use at most 200"),
        ({"title": "x" * 400}, "The title has 400 characters; use at most 300"),
    ],
)
def test_invalid_settings_are_refused_with_a_sentence(job, settings, words):
    with pytest.raises(LabError, match=re.escape(words)):
        written_report(job, **settings)


def test_an_unknown_setting_is_a_programming_error(job):
    with pytest.raises(ValueError, match="there is no setting 'bin'"):
        written_report(job, bin=3)


def test_a_folder_without_a_classification_is_refused(job, tmp_path):
    with pytest.raises(LabError, match="is not a stored classification"):
        write_report(tmp_path, tmp_path / "r.html")
    (job / "summary.json").write_text("[]")
    with pytest.raises(LabError, match="summary.json is missing or damaged"):
        write_report(job, tmp_path / "r.html")
    change_back = {"title": "t", "runs": [], "weights": "resnet18"}
    (job / "summary.json").write_text(json.dumps(change_back))
    np.save(job / "tiles.npy", np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(LabError, match="lacks the tiles of 12 particles"):
        write_report(job, tmp_path / "r.html")
    (job / "tiles.npy").unlink()
    with pytest.raises(LabError, match="not a file of tiles"):
        write_report(job, tmp_path / "r.html")
    (job / "results.csv").write_text("image,status\na,ok\n")
    with pytest.raises(LabError, match="has no probabilities"):
        write_report(job, tmp_path / "r.html")
    (job / "results.csv").unlink()
    with pytest.raises(LabError, match="missing or not a table of results"):
        write_report(job, tmp_path / "r.html")


def test_a_path_that_cannot_be_written_is_reported_and_left_clean(job, tmp_path):
    with pytest.raises(LabError, match="cannot be written .*; choose another location"):
        write_report(job, tmp_path / "none" / "r.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabError, match="cannot be written"):
        write_report(job, tmp_path / "folder")
    assert not list(tmp_path.glob(".*.part*"))


def test_default_settings_come_from_the_source():
    summary = {"title": "t", "um_per_px": 0.5, "runs": [run_facts(volume_ml=0.1), run_facts(volume_ml=0.2)]}
    settings = default_settings(summary, ["ecd_um", "ecd_px"])
    assert settings["diameter"] == "ecd_um"
    assert settings["volume_ml"] == pytest.approx(0.3)
    assert settings["title"] == "t"
    assert default_settings(summary | {"runs": [run_facts(), run_facts(volume_ml=None)]}, [])["volume_ml"] is None


def test_sample_lot_and_operator_are_in_the_header(job):
    facts = {"sample": "Syringe 7", "lot": "L-042", "operator": "A. <Person>"}
    text = ReportPage(written_report(job, **facts)).text
    head = text[: text.index("Counts")]
    assert "Sample Syringe 7" in head
    assert "Lot L-042" in head
    assert "Operator A. <Person>" in head
    assert "Lot " not in ReportPage(written_report(job, **dict.fromkeys(facts, ""))).text
    # What the page stores in summary.json is the default; a setting replaces it.
    change_summary(job, **facts)
    assert "Lot L-042" in ReportPage(written_report(job)).text
    assert "Lot 43" in ReportPage(written_report(job, lot="43")).text


def test_the_command_writes_the_same_report(job, tmp_path, capsys):
    out = tmp_path / "by command.html"
    texts = ["--date", "2025-04-09", "--author", "R. Person", "--title", "Syringe 7"]
    assert main(["report", str(job), "--out", str(out), *texts]) == 0
    assert out.read_text("utf-8") == written_report(job)
    assert "Report: " in capsys.readouterr().out
    more = [
        "--bins",
        "3,12",
        "--threshold",
        "protein=0.97",
        "--unsure-below",
        "0.5",
        "--volume-ml",
        "1",
        "--dilution",
        "2",
    ]
    sample = ["--sample", "S", "--lot", "L", "--operator", "O"]
    assert main(["report", str(job), "--out", str(out), *texts, *more, *sample, "--diameter", "size_um"]) == 0
    same = {"bins_um": [3, 12], "thresholds": {"protein": 0.97}, "unsure_below": 0.5, "volume_ml": 1, "dilution": 2}
    same |= {"sample": "S", "lot": "L", "operator": "O"}
    assert out.read_text("utf-8") == written_report(job, **same)
    assert main(["report", "nowhere", "--out", str(out)]) == 2
    assert "neither a folder nor the id of a job" in capsys.readouterr().err
    assert main(["report", "ab" * 16, "--out", str(out)]) == 2
