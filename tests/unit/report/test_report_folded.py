"""The report of six classes with glass flakes, fibres and others as one."""

import pytest

from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
from svp_core.cli import main
from tests.helpers.confusion import certain_reference
from tests.helpers.finished_jobs import FOLDED_PROBS, SIX_KEYS, make_job
from tests.helpers.report_page import ReportPage, written_report

SENTENCE = (
    "The classes glass flake, fibre and other are counted as one class, other, by the sum of their probabilities."
)
MIXTURE = "take the class other to be mixed of glass flake, fibre and other as among the labelled particles"


@pytest.fixture
def six(tmp_path):
    """One protein and one bubble; one unsure and one fibre of six, unsure and other of four."""
    make_job(tmp_path / "six", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS)
    return tmp_path / "six"


def test_counts_thresholds_and_method_are_of_four_classes(six):
    page = ReportPage(written_report(six, fold_others=True))
    counted = {row[0]: row[2] for row in page.rows("Cumulative counts") if row[1].startswith("≥ 2 µm")}
    expected = {"Protein": "1", "Silicone oil": "0", "Air bubble": "1", "Other": "1", "Unsure": "1", "All": "4"}
    assert {name: counted[name] for name in expected} == expected
    assert "Glass flake" not in page.text
    assert [row[0] for row in page.rows("Thresholds")] == ["Protein", "Silicone oil", "Air bubble", "Other"]
    assert SENTENCE in page.text
    assert "Other 50.0 %" in page.text  # of the unsure one, beside protein 40 %


def test_the_report_of_six_classes_does_not_speak_of_it(six):
    page = ReportPage(written_report(six))
    assert [row[0] for row in page.rows("Thresholds")][3:] == ["Glass flake", "Fibre", "Other"]
    assert "counted as one class" not in page.text
    assert "mixed of" not in page.text


def test_corrected_counts_say_which_mixture_they_assume(six):
    write_confusion_reference(six, certain_reference(), file=MATCHED_FILE)
    page = ReportPage(written_report(six, fold_others=True))
    assert MIXTURE in page.text
    assert [row[0] for row in page.rows("Positive predictive value")] == [
        "Protein",
        "Silicone oil",
        "Air bubble",
        "Other",
    ]
    assert MIXTURE not in ReportPage(written_report(six)).text


def test_the_command_folds_as_the_report_does(six, job, tmp_path, capsys):
    out = tmp_path / "folded.html"
    texts = ["--date", "2025-04-09", "--author", "R. Person", "--title", "Syringe 7"]
    more = ["--fold-others", "--threshold", "other=0.9"]
    assert main(["report", str(six), "--out", str(out), *texts, *more]) == 0
    assert out.read_text("utf-8") == written_report(six, fold_others=True, thresholds={"other": 0.9})
    assert main(["report", str(six), "--out", str(out), *texts, "--fold-others", "--threshold", "fibre=0.9"]) == 2
    assert "'fibre', which is not a class" in capsys.readouterr().err
    assert main(["report", str(job), "--out", str(out), "--fold-others"]) == 2
    assert "no further ones to count as other" in capsys.readouterr().err
