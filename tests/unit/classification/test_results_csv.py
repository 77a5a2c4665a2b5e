"""The command classify and its results.csv: every offered item, read again by columns, refused in a sentence."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from svp_core.classification import classify, results_csv
from svp_core.classifier import resnet
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.model_files import save_model
from tests.helpers.csv_rows import read_rows
from tests.helpers.mfi_files import draw_frames, write_table

KEYS = ("protein", "silicone_oil", "air_bubble")


class Batch:
    """Rows for a ResultsWriter."""

    def __init__(self, rows):
        self.rows = rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A classifier with random weights, as a model folder."""
    torch.manual_seed(0)
    config = resnet.ClassifierConfig(KEYS)
    folder = tmp_path_factory.mktemp("random")
    tensors = resnet.build_classifier(config).state_dict()
    save_model(folder, config=resnet.config_as_dict(config), tensors=tensors, card="", history=[])
    return folder


def disc(radius, level=40, size=40):
    v, u = np.mgrid[:size, :size] - (size - 1) / 2
    return np.where(np.hypot(u, v) < radius, level, 175).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A realistic upload: good images among broken, empty, 16-bit, foreign and strangely named files."""
    source = tmp_path / "drop"
    (source / "Silicone oil").mkdir(parents=True)
    (source / "Silicone oil" / "größe 1.png").write_bytes(encode_png(disc(10)))
    (source / "<b>bold<b>.png").write_bytes(encode_png(disc(5)))
    (source / "broken.png").write_bytes(encode_png(np.random.default_rng(0).integers(0, 99, (50, 50), np.uint8))[:400])
    (source / "empty.png").write_bytes(b"")
    (source / "notes.txt").write_text("measured on Monday")
    deep = io.BytesIO()
    Image.fromarray(disc(8).astype(np.uint16) * 257).save(deep, "TIFF")
    (source / "deep.tif").write_bytes(deep.getvalue())
    return source


def test_every_item_of_the_source_has_a_row(run, folder, tmp_path, capsys):
    out = tmp_path / "r.csv"
    assert main(["classify", str(folder), "--weights", str(run), "--um-per-px", "0.5", "--out", str(out)]) == 0
    rows = {row["image"]: row for row in read_rows(out)}
    assert set(rows) == {
        "Silicone oil/größe 1.png",
        "<b>bold<b>.png",
        "broken.png",
        "empty.png",
        "notes.txt",
        "deep.tif",
    }
    assert {name for name, row in rows.items() if row["status"] == "rejected"} == {
        "broken.png",
        "empty.png",
        "notes.txt",
    }
    assert all(row["reason"] for row in rows.values() if row["status"] == "rejected")
    assert rows["empty.png"]["reason"] == "the file is empty; copy it again"
    assert rows["empty.png"]["label"] == ""
    assert rows["Silicone oil/größe 1.png"]["given"] == "silicone_oil"
    assert "6 rows" in capsys.readouterr().out


def test_a_report_needs_only_the_results_folder(run, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    table, out, report = tmp_path / "r.csv", tmp_path / "new" / "results", tmp_path / "report.html"
    command = ["classify", str(folder), "--weights", str(run), "--um-per-px", "0.5", "--out"]
    assert main([*command, str(table)]) == main([*command, str(out)]) == 0
    assert f"6 rows in {out}: " in capsys.readouterr().out
    assert (out / "results.csv").read_bytes() == table.read_bytes()
    assert main(["report", str(out), "--date", "2025-04-09", "--out", str(report)]) == 0
    page, sha256 = report.read_text("utf-8"), hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    # A classifier outside the workspace is found again, and the report does not show its path.
    assert sha256 in page
    assert str(tmp_path) not in page
    assert "The model is not available" not in page
    assert main([*command, str(out)]) == 0  # over an earlier classification
    assert main([*command, str(folder)]) == 2
    assert "exists and holds no classification" in capsys.readouterr().err
    assert not (folder / "results.csv").exists()


def test_sizes_are_in_um_when_the_pixel_size_is_known(run, folder):
    classifier = resnet.load_classifier(run, device=torch.device("cpu"))
    (batch,) = classify.classify_source(folder, classifier, um_per_px=0.5)
    row = next(row for row in batch.rows if row["image"] == "deep.tif")
    assert abs(row["ecd_um"] - 8) < 0.6
    assert abs(row["ecd_px"] - 16) < 1.2
    assert row["um_per_px"] == 0.5
    (batch,) = classify.classify_source(folder, classifier)
    assert next(row for row in batch.rows if row["image"] == "deep.tif")["ecd_um"] is None


def test_label_and_confidence_are_the_networks(run, folder):
    classifier = resnet.load_classifier(run, device=torch.device("cpu"))
    (batch,) = classify.classify_source(folder, classifier)
    good = [row for row in batch.rows if row["status"] == "ok"]
    assert len(batch.tiles) == len(good) == 3
    probs = resnet.predict_probs(classifier, batch.tiles)
    for row, found in zip(good, probs, strict=True):
        assert row["label"] == KEYS[found.argmax()]
        assert row["confidence"] == pytest.approx(found.max(), abs=0.02)


def test_a_table_is_read_back_by_columns(tmp_path):
    names = results_csv.columns(KEYS, ("ESD", "Date", "Empty", "Words, mostly"))
    empty = dict.fromkeys(names)
    rows = [
        empty
        | {
            "image": "a, b.png",
            "label": "protein",
            "confidence": 0.5,
            "p_protein": 0.5,
            "area_px": 12,
            "touches_edge": True,
            "status": "ok",
            "reason": "",
            "instrument.ESD": 0.123456789,
            "instrument.Date": "2024-04-08",
            "instrument.Words, mostly": 5,
        },
        empty
        | {
            "image": "line\nbreak.png",
            "status": "rejected",
            "reason": 'it is "empty"',
            "instrument.ESD": 7,
            "instrument.Words, mostly": "none",
            "given": "NA",
        },
    ]
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        results_csv.ResultsWriter(file, KEYS, ("ESD", "Date", "Empty", "Words, mostly")).write(Batch(rows))
    table: Any = results_csv.read_results(tmp_path / "r.csv")
    assert list(table.columns) == names == results_csv.column_names(tmp_path / "r.csv")
    assert table["image"].tolist() == ["a, b.png", "line\nbreak.png"]
    assert table["reason"][1] == 'it is "empty"'
    assert table["area_px"].tolist()[0] == 12
    assert np.isnan(table["area_px"][1])
    assert table["ecd_um"].isna().all()
    assert table["touches_edge"].tolist()[0] == "yes"
    assert table["given"].tolist()[1] == "NA"
    assert table["label"].isna().tolist() == [False, True]
    # The instrument's values are not rounded; a column is numeric where all of its values are numbers.
    assert table["instrument.ESD"].tolist() == [0.123456789, 7]
    assert table["instrument.Empty"].isna().all()
    assert table["instrument.Words, mostly"].tolist() == ["5", "none"]
    some = results_csv.read_results(tmp_path / "r.csv", ["status", "instrument.ESD", "image"])
    assert list(some.columns) == ["status", "instrument.ESD", "image"]
    assert len(some) == 2


def test_column_types_do_not_depend_on_the_first_rows(tmp_path):
    names = results_csv.columns(KEYS, ("Length",))
    plain = dict.fromkeys(names) | {"image": "x" * 40, "status": "ok", "ecd_px": 3, "instrument.Length": "1"}
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        writer = results_csv.ResultsWriter(file, KEYS, ("Length",))
        writer.write(Batch([plain] * 40_000))
        writer.write(Batch([plain | {"ecd_px": 3.25, "instrument.Length": "long", "label": "protein"}]))
    table = results_csv.read_results(tmp_path / "r.csv", ["ecd_px", "instrument.Length", "label"])
    assert len(table) == 40_001
    assert table["ecd_px"].iloc[-1] == 3.25
    assert table["label"].iloc[-1] == "protein"
    assert table["instrument.Length"].iloc[0] == "1"
    assert table["instrument.Length"].iloc[-1] == "long"


@pytest.mark.parametrize(
    ("text", "columns", "sentence"),
    [
        (None, None, "is missing or not a table of results; classify the source again"),
        ("a,b\n1,2\n", None, "is missing or not a table of results; classify the source again"),
        ("image,status\nx,ok\n", ["label"], "has no column label; classify the source again"),
        ("image,status\nx,ok,3\n", None, "is not a table of results .*Expected 2 columns"),
        ("image,status,ecd_px\nx,ok,large\n", None, "is not a table of results .*large"),
    ],
)
def test_an_unreadable_table_is_reported(tmp_path, text, columns, sentence):
    if text is not None:
        (tmp_path / "r.csv").write_text(text)
    with pytest.raises(LabError, match=sentence):
        results_csv.read_results(tmp_path / "r.csv", columns)


def test_batch_size_and_processes_do_not_change_the_table(run, folder):
    classifier = resnet.load_classifier(run, device=torch.device("cpu"))
    batches = list(classify.classify_source(folder, classifier, batch=2))
    assert [len(batch.rows) for batch in batches] == [2, 2, 2]
    (whole,) = classify.classify_source(folder, classifier)
    assert [row["image"] for batch in batches for row in batch.rows] == [row["image"] for row in whole.rows]
    (shared,) = classify.classify_source(folder, classifier, processes=2)
    assert shared.rows == whole.rows
    assert results_csv.count_classes(whole.rows) == results_csv.count_classes(
        [row for batch in batches for row in batch.rows]
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["classify", "nowhere", "--out", "r.csv"], "There is no file or folder nowhere"),
        (["classify", ".", "--weights", "nonesuch", "--out", "r.csv"], "There is no model called 'nonesuch'"),
        (["simulate", "--class", "dust", "--out", "d"], "'dust' cannot be simulated; classes are protein"),
        (["simulate", "--class", "protein", "--instruments", "vague", "--out", "d"], "no law 'vague' of instruments"),
    ],
)
def test_a_command_that_cannot_run_prints_one_line(run, tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    if arguments[1] == "nowhere":
        arguments = [*arguments, "--weights", str(run)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_questions_about_the_files_can_be_answered(run, tmp_path, capsys):
    source, out = tmp_path / "mfi", tmp_path / "r.csv"
    boxes = [(2, 10, 29, 40, 59)]
    draw_frames(source, first=0, boxes=boxes)
    write_table(source, boxes)
    command = ["classify", str(source), "--weights", str(run), "--out", str(out)]
    assert main(command) == 0
    assert "else --choose 'first_frame:day 1.csv=OPTION' (0, 1)" in capsys.readouterr().err
    (by_default,) = read_rows(out)
    assert main([*command, "--choose", "first_frame:day 1.csv=1"]) == 0
    (answered,) = read_rows(out)
    assert answered["background_level"] != by_default["background_level"]
    assert answered["instrument.X Left"] == "10"
    assert main([*command, "--choose", "first=1"]) == 2
    assert "question of this source; it leaves open first_frame:day 1.csv, box" in capsys.readouterr().err
