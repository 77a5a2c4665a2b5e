"""Exported tiles and class lists (.cla): read back as what they were; the command."""

import io
import re
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from svp_core import exports
from svp_core.cli import main
from svp_core.datasets.labelled_tiles import read_labelled
from svp_core.errors import LabError
from svp_core.exports.tiles_by_class import file_name
from svp_core.instruments.flowcam.cla import CLASSIFICATION_NAME, read_cla
from tests.helpers.drawn_run import draw_run
from tests.helpers.finished_jobs import EXPORTED, KEYS, confident_probs, make_job, run_facts


def test_tiles_by_class_are_read_back_unchanged(tmp_path):
    labels = (*EXPORTED, "air_bubble", "protein", "silicone_oil")
    tiles = make_job(tmp_path / "job", confident_probs(*labels), [3.0] * 7, rejected=[("x.png", "empty")])
    exports.export_tiles_by_class(tmp_path / "job", tmp_path / "t.zip", settings={"unsure_below": 0.8})
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert names[:4] == [
        "protein/000000_day 5.lst#1.png",
        "silicone_oil/000001_day 5.lst#2.png",
        "unsure/000002_day 5.lst#3.png",
        "air_bubble/000003_day 5.lst#4.png",
    ]
    shutil.rmtree(tmp_path / "out" / "unsure")
    data = read_labelled(tmp_path / "out")
    assert len(data.tiles) == 6
    assert set(data.class_keys) == set(KEYS)
    for name, tile, label in zip(data.names, data.tiles, data.labels, strict=True):
        at = int(name.rpartition("/")[2][:6])
        assert labels[at] == data.class_keys[label]
        np.testing.assert_array_equal(tile, tiles[at])


def test_tiles_keep_their_colour_and_their_row_number(tmp_path):
    tiles = make_job(tmp_path / "job", confident_probs(*EXPORTED), [3.0] * 4, colour=True)
    exports.export_tiles_by_class(tmp_path / "job", tmp_path / "t.zip", [3])
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        (name,) = archive.namelist()
        np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(archive.read(name)))), tiles[3])
    assert name.startswith("air_bubble/000003_")


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("a/b.png", "b"),
        ("../../etc/passwd", "passwd"),
        ("run.lst#12", "run.lst#12"),
        ("stack.tif#3", "stack#3"),
        ("größe.JPG", "größe"),
        ('a"b:*?<>|.png', "a_b______"),
        ("..", "image"),
        ("", "image"),
        ("x" * 300, "x" * 80),
        ("a\\..\\b", "a_.._b"),
    ],
)
def test_a_file_name_is_valid_on_every_system(image, name):
    assert file_name(image) == name


def test_an_export_without_tiles_is_refused(job):
    with pytest.raises(LabError, match="None of the chosen rows has an image"):
        exports.export_tiles_by_class(job, job.parent / "t.zip", [4])


def test_the_same_inputs_give_the_same_files(job, tmp_path):
    for name, make in {"r.xlsx": exports.export_workbook, "t.zip": exports.export_tiles_by_class}.items():
        make(job, tmp_path / name)
        first = (tmp_path / name).read_bytes()
        make(job, tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
        assert not re.search(rb"202[5-9]-\d\d-\d\dT", first)


def run_job(tmp_path, **more):
    """A job of the drawn run of 4 particles, the last one rejected, and where the run lies."""
    source = tmp_path / "source"
    draw_run(source, count=4, title="day 5")
    make_job(
        tmp_path / "job",
        confident_probs("protein", "?", "protein"),
        [5.0] * 3,
        rejected=[("day 5#4", "its box is outside")],
        instrument={"Particle ID": [1, 2, 3], "id": [1, 2, 3]},
        source=str(source),
        **more,
    )
    return tmp_path / "job", source


TEXT = "v3\n1\nby hand\n1\nJunk\nOR\n1\nC:\\junk.flt\n2\n1\n4\nsomething new\n"


def test_a_cla_keeps_the_classifications_of_the_runs_own(tmp_path):
    job, source = run_job(tmp_path)
    (source / "day 5.cla").write_text(TEXT, newline="")
    exports.export_cla(job, tmp_path / "new.cla", ["protein", "unsure", "protein"])
    data = (tmp_path / "new.cla").read_bytes()
    by_hand, ours = read_cla(data)
    assert [by_hand] == read_cla(TEXT.encode())
    assert data.endswith(b"something new\n")
    assert ours.name == CLASSIFICATION_NAME
    assert ours.label_of() == {"1": "Protein", "3": "Protein", "2": "Unsure"}
    # The run's own file is as it was.
    assert (source / "day 5.cla").read_text() == TEXT


def test_a_run_without_a_cla_gets_one(tmp_path):
    job, _ = run_job(tmp_path)
    exports.export_cla(job, tmp_path / "new.cla", np.array(["silicone_oil", "own_class", "protein"], object))
    (ours,) = read_cla((tmp_path / "new.cla").read_bytes())
    assert [c.name for c in ours.classes] == ["Protein", "Silicone oil", "Own class"]
    assert ours.label_of() == {"3": "Protein", "1": "Silicone oil", "2": "Own class"}


def test_one_of_several_runs_must_be_chosen(tmp_path):
    source = tmp_path / "source"
    for name in ("a", "b"):
        draw_run(source / name, count=1, title=name)
        (source / name / f"{name}.cla").write_text(TEXT.replace("by hand", f"of {name}"), newline="")
    runs = [run_facts("a", 1), run_facts("b", 1), run_facts("loose", 1, kind="folder")]
    make_job(
        tmp_path / "job",
        confident_probs("protein", "silicone_oil", "protein"),
        [5.0] * 3,
        runs=runs,
        run_of=["a", "b", "loose"],
        instrument={"id": [1, 1, None]},
        source=str(source),
    )
    labels = ["protein", "silicone_oil", "protein"]
    with pytest.raises(LabError, match="for one run, and this source has 2; choose one of a, b"):
        exports.export_cla(tmp_path / "job", tmp_path / "new.cla", labels)
    with pytest.raises(LabError, match="no FlowCam run 'loose' in this source; choose one of a, b"):
        exports.export_cla(tmp_path / "job", tmp_path / "new.cla", labels, run="loose")
    exports.export_cla(tmp_path / "job", tmp_path / "new.cla", labels, run="b")
    before, ours = read_cla((tmp_path / "new.cla").read_bytes())
    assert before.name == "of b"
    assert ours.label_of() == {"1": "Silicone oil"}
    out = ["--out", str(tmp_path / "by command.cla")]
    assert main(["export-results", str(tmp_path / "job"), "--run", "b", *out]) == 0
    assert (tmp_path / "by command.cla").read_bytes() == (tmp_path / "new.cla").read_bytes()


def test_a_cla_that_cannot_be_made_is_refused_with_the_reason(tmp_path):
    job, source = run_job(tmp_path)
    (source / "sub").mkdir()
    for folder in (source, source / "sub"):
        (folder / "day 5.cla").write_text(TEXT)
    shutil.move(source / "day 5.cla", source / "sub" / "DAY 5.CLA")
    with pytest.raises(LabError, match="has several lists of classes"):
        exports.export_cla(job, tmp_path / "new.cla", ["protein"] * 3)
    shutil.rmtree(source / "sub")
    (source / "day 5.cla").write_text("v9\n")
    with pytest.raises(LabError, match="has version 'v9'"):
        exports.export_cla(job, tmp_path / "new.cla", ["protein"] * 3)
    with pytest.raises(ValueError, match="3 classified particles need as many labels; got 1"):
        exports.export_cla(job, tmp_path / "new.cla", ["protein"])
    shutil.rmtree(source)
    with pytest.raises(LabError, match="own .cla cannot be kept: There is no file or folder"):
        exports.export_cla(job, tmp_path / "new.cla", ["protein"] * 3)
    make_job(tmp_path / "plain", confident_probs("protein"), [5.0], runs=[run_facts("p", 1, kind="folder")])
    with pytest.raises(LabError, match="has no FlowCam run, and .cla is FlowCam's format"):
        exports.export_cla(tmp_path / "plain", tmp_path / "new.cla", ["protein"])
    assert not (tmp_path / "new.cla").exists()
    assert not list(tmp_path.glob(".*.part*"))


def test_a_real_cla_comes_back_with_our_classes_added(tmp_path, real_data):
    name = next((real_data / "flowcam_run").rglob("*.cla")).stem
    make_job(
        tmp_path / "job",
        confident_probs("protein", "silicone_oil"),
        [5.0] * 2,
        runs=[run_facts(name, 2)],
        instrument={"id": [1, 2]},
        source=str(real_data / "flowcam_run"),
    )
    exports.export_cla(tmp_path / "job", tmp_path / "new.cla", ["protein", "silicone_oil"])
    found = read_cla((tmp_path / "new.cla").read_bytes())
    assert found[:-1] == read_cla(next((real_data / "flowcam_run").rglob("*.cla")).read_bytes())
    assert found[-1].label_of() == {"1": "Protein", "2": "Silicone oil"}


def test_the_command_writes_the_format_of_the_ending(job, tmp_path, capsys):
    exports.export_workbook(job, tmp_path / "a.xlsx", settings={"unsure_below": 0.2, "lot": "7"})
    exports.export_tiles_by_class(job, tmp_path / "a.zip", settings={"unsure_below": 0.2, "lot": "7"})
    for ending in ("xlsx", "zip"):
        out = tmp_path / f"b.{ending}"
        assert main(["export-results", str(job), "--unsure-below", "0.2", "--lot", "7", "--out", str(out)]) == 0
        assert out.read_bytes() == (tmp_path / f"a.{ending}").read_bytes()
    assert main(["export-results", str(job), "--out", str(tmp_path / "b.txt")]) == 2
    assert ".xlsx, .zip or .cla" in capsys.readouterr().err
