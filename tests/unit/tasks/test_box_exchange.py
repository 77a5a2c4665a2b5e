"""Boxes of located frames to other tools and back, compared with true ones, taken over, cropped again."""

import json
import zipfile

import pytest

from svp_core.commands.frame_boxes import add_arguments, run
from svp_core.errors import LabError
from svp_core.frames.box_record import FrameBox
from svp_core.instruments.detect import read_particles
from svp_core.tasks.box_exchange import (
    COCO,
    FORMATS,
    YOLO,
    boxes_of,
    compare_with_truth,
    export_boxes,
    read_files,
    read_truth,
    replace_boxes,
    save_truth,
    settle_unknown,
)
from svp_core.tasks.crop_corrected import write_corrected
from svp_core.tasks.locate import LocateRequest, locate
from svp_core.tasks.located import events_of, read_located
from tests.helpers.drawn_frames import write_frames


@pytest.fixture
def located(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    write_frames(tmp_path / "frames", 3)
    (tmp_path / "out").mkdir()
    list(locate(LocateRequest(str(tmp_path / "frames"), um_per_px=0.5), tmp_path / "out"))
    return read_located(tmp_path / "out", "b" * 32)


def sides(frames):
    return {frame: [(box.box, box.label) for box in boxes] for frame, boxes in frames.items()}


@pytest.mark.parametrize("file_format", [YOLO, COCO])
def test_what_is_exported_comes_back(located, file_format):
    name = f"boxes{FORMATS[file_format]}"
    imported = read_files(located, {name: export_boxes(located, file_format)})
    assert imported.faults == []
    assert sides(imported.boxes) == sides(boxes_of(located))
    save_truth(located, imported.boxes, source=name, reviewer="Ada")
    figures = compare_with_truth(located)
    assert (figures.recall.value, figures.precision.value, figures.ap.value) == (1.0, 1.0, 1.0)
    assert read_truth(located)[1]["by"] == "Ada"


def test_an_earlier_set_of_true_boxes_stays(located):
    first, second = ({"frame_1.png": [FrameBox("i1", (0, 0, 10, side))]} for side in (10, 20))
    save_truth(located, first, source="a", reviewer="")
    save_truth(located, second, source="b", reviewer="")
    assert read_truth(located)[0]["frame_1.png"][0].box == (0, 0, 10, 20)
    assert json.loads((located.folder / "truth-1.json").read_text())["source"] == "a"
    with pytest.raises(LabError, match="None of these boxes"):
        save_truth(located, {}, source="c", reviewer="")


def test_names_of_our_classes_are_known_and_others_are_asked_for(located):
    lines = b"0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.2 0.2\n"
    imported = read_files(located, {"obj.names": b"Air bubble\nblob\n", "frame_1.txt": lines})
    assert [box.label for box in imported.boxes["frame_1.png"]] == ["air_bubble", "blob"]
    with pytest.raises(LabError, match="'blob' is not known"):
        settle_unknown(imported, {})
    assert len(settle_unknown(imported, {"blob": None}).boxes["frame_1.png"]) == 1
    assert settle_unknown(imported, {"blob": "protein"}).boxes["frame_1.png"][1].label == "protein"


def test_imported_boxes_replace_those_of_their_frames_as_changes_and_are_cropped(located, tmp_path):
    new = {"frame_2.png": [FrameBox("i1", (10, 20, 40, 60), "protein")], "frame_3.png": []}
    changes = replace_boxes(located, new, reviewer="Ada")
    assert changes == len(events_of(located)) == 5 + 1 + 5
    assert sides(boxes_of(located))["frame_2.png"] == [((10, 20, 40, 60), "protein")]
    assert len(boxes_of(located)["frame_1.png"]) == 5
    list(write_corrected(located, tmp_path / "cropped"))
    records = list(read_particles(tmp_path / "cropped" / "found"))
    assert [record.columns["frame"] for record in records] == ["frame_1.png"] * 5 + ["frame_2.png"]
    assert (records[-1].given, records[-1].pixels.shape) == ("protein", (40, 50))
    list(write_corrected(located, tmp_path / "before", changes=0))
    assert len(list(read_particles(tmp_path / "before" / "found"))) == 15


def test_a_frame_that_has_changed_is_not_cropped_by_old_boxes(located, tmp_path):
    (tmp_path / "frames" / "frame_2.png").write_bytes((tmp_path / "frames" / "frame_1.png").read_bytes()[:100])
    with pytest.raises(LabError, match="has changed since"):
        list(write_corrected(located, tmp_path / "cropped"))


@pytest.mark.parametrize("files", [{"a.zip": b"no archive"}, {"a.png": b""}])
def test_files_that_are_no_boxes_are_a_sentence(located, files):
    with pytest.raises(LabError):
        read_files(located, files)


def test_the_command_exports_compares_and_crops(located, tmp_path, capsys):
    from argparse import ArgumentParser

    parser = ArgumentParser()
    add_arguments(parser)
    folder = str(tmp_path / "out")
    run(parser.parse_args([folder, "--out", str(tmp_path / "b.zip"), "--format", "yolo"]))
    assert "labels/frame_1.txt" in zipfile.ZipFile(tmp_path / "b.zip").namelist()
    run(parser.parse_args([folder, "--truth", str(tmp_path / "b.zip")]))
    assert "AP50 1.000" in capsys.readouterr().out
    run(parser.parse_args([folder, "--out", str(tmp_path / "set")]))
    assert (tmp_path / "set" / "found" / "boxes.csv").is_file()
