"""The command line: an invalid number or location is one line and exit status 2, before any work."""

import pytest

from svp_core.cli import main

SIMULATE = ["simulate", "--class", "protein", "--count", "1"]
GENERATE = ["generate", "--class", "protein", "--count", "1"]
TRAIN = ["train", "classifier", "nowhere"]


def refused(arguments):
    """Exit status, whether argparse exits or the command returns."""
    try:
        return main(arguments)
    except SystemExit as left:
        return left.code


@pytest.mark.parametrize(
    ("command", "name", "values"),
    [
        (SIMULATE, "--seed", ["-1", "1.5", str(2**31 + 1), "9" * 30]),
        (SIMULATE, "--um-per-px", ["0", "-1", "nan", "inf", "1e9", "wide"]),
        (["simulate", "--class", "protein"], "--count", ["0", "-1", "nan", "1,000,001"]),
        (GENERATE, "--seed", ["-1", str(2**31 + 1)]),
        (["classify", "nowhere"], "--um-per-px", ["0", "-1", "nan", "inf", "1e9"]),
        (TRAIN, "--seed", ["-1", "9" * 30]),
        (TRAIN, "--epochs", ["0", "-1", "nan", "inf"]),
        (["train", "generator", "nowhere"], "--minutes", ["0", "-1", "nan", "inf", "1e9"]),
        (["quality", "--real", "nowhere", "--synthetic", "nowhere"], "--seed", ["-1"]),
        (["find-label-errors", "nowhere"], "--seed", ["-1"]),
        (["report", "nowhere"], "--bins", ["a,b", ""]),
        (["report", "nowhere"], "--threshold", ["protein=x", "0.9"]),
    ],
)
def test_an_invalid_number_is_refused_and_leaves_nothing_behind(command, name, values, tmp_path, capsys):
    for value in values:
        out = tmp_path / "out"
        typed = "1000001" if value == "1,000,001" else value
        assert refused([*command, f"{name}={typed}", "--out", str(out)]) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        # What was given is in the sentence, of long ones the beginning.
        assert value[:9] in last
        assert "invalid" not in last
        assert not out.exists()


PLACES = {
    "folder": [
        SIMULATE,
        GENERATE,
        ["classify", "nowhere"],
        TRAIN,
        ["import-published", "nowhere.pth"],
        ["export-diffusers", "generator"],
        ["attach-guide", "generator", "generator"],
        ["sample-data"],
    ],
    "file": [
        ["quality", "--real", "nowhere", "--synthetic", "nowhere"],
        ["find-label-errors", "nowhere"],
        ["review-history", "export", "nothing"],
    ],
}


@pytest.mark.parametrize("command", PLACES["folder"], ids=" ".join)
def test_a_folder_that_cannot_be_created_is_refused_before_the_work(command, tmp_path, capsys):
    (tmp_path / "file").write_text("here")
    for out in (tmp_path / "file" / "below", tmp_path / "file" / "below" / "that", tmp_path / ("a" * 300)):
        assert main([*command, "--out", str(out)]) == 2
        assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", [*PLACES["file"], ["classify", "nowhere"]], ids=" ".join)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(command, tmp_path, capsys):
    (tmp_path / "file").write_text("here")
    assert main([*command, "--out", str(tmp_path / "file" / "x.csv")]) == 2
    assert "is not an existing folder" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / ("a" * 300 + ".csv"))]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", PLACES["file"], ids=" ".join)
def test_an_existing_file_stays_when_the_work_is_refused(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    out = tmp_path / "kept"
    out.write_text("from yesterday")
    assert main([*command, "--out", str(out)]) == 2
    assert out.read_text() == "from yesterday"


def test_sample_results_need_the_sample_data(tmp_path, capsys):
    assert main(["sample-results", "--out", str(tmp_path / "none")]) == 2
    assert "holds no sample data" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
