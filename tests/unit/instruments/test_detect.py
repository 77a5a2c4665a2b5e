"""Several runs in one source, of one manufacturer or several, in folders and archives: none lost, none mixed up."""

import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments import open_source
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.metadata import SOURCE_KINDS, Question, answer_of
from tests.helpers.drawn_run import draw_collage, draw_run
from tests.helpers.flowcam_csv_files import write_export
from tests.helpers.ifcb_files import write_sample
from tests.helpers.mfi_files import BOXES, draw_frames, write_table
from tests.helpers.records import pixels_of


def draw_png(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.pad(np.full((4, 9), 60, np.uint8), 8, constant_values=170)).save(path)


@pytest.fixture
def source(tmp_path):
    """Runs of three manufacturers, a single csv export, images and a text file; 12 + 12 + 3 + 3 + 2 + 1 items."""
    draw_run(tmp_path / "flowcam" / "run 1", title="run")
    write_export(tmp_path / "export alone")
    draw_frames(tmp_path / "mfi" / "frames")
    write_table(tmp_path / "mfi", BOXES)
    write_sample(tmp_path / "ifcb", version=24, title="run")
    draw_png(tmp_path / "images" / "Silicone oil" / "p.png")
    draw_png(tmp_path / "images" / "q.png")
    (tmp_path / "images" / "notes.txt").write_text("day 5")
    return tmp_path


def test_runs_of_different_manufacturers_in_one_folder(source):
    summary, records = detect_source(source), list(read_particles(source))
    assert summary.kind == "runs"
    assert summary.title == f"4 runs in {source.name}"
    assert summary.count == len(records) == 33 == sum(run.count for run in summary.runs)
    assert {run.name: (run.kind, run.count) for run in summary.runs} == {
        "flowcam/run 1/run": ("flowcam", 12),
        "run ä1": ("flowcam", 12),
        "day 1": ("mfi", 3),
        "ifcb/run": ("ifcb", 3),
        source.name: ("folder", 3),
    }
    # Records come run by run, in the order of the summary, each named after its run.
    assert list(dict.fromkeys(r.run for r in records)) == [run.name for run in summary.runs]
    assert len({r.name for r in records}) == 33
    assert {column for r in records for column in r.columns} <= set(summary.columns)
    assert [r.name for r in records if r.given] == ["images/Silicone oil/p.png", "export alone/run ä1#3"][::-1]
    assert [q.key for q in summary.questions] == ["first_frame:mfi/day 1.csv", "box_ends:mfi/day 1.csv"]
    assert any("differ in pixel size" in caution for caution in summary.cautions)
    assert any("3 files, read as plain images" in note for note in summary.notes)
    assert set(SOURCE_KINDS) > {run.kind for run in summary.runs}


def test_archives_are_read_like_the_folder_they_contain(source, tmp_path_factory):
    packed = tmp_path_factory.mktemp("packed")
    shutil.make_archive(packed / "all", "zip", source)
    expected = {r.name: r for r in read_particles(source)}
    for record in read_particles(packed / "all.zip"):
        assert record.rejected == expected[record.name].rejected
        if not record.rejected:
            assert np.array_equal(pixels_of(record), pixels_of(expected[record.name]))
    parts = tmp_path_factory.mktemp("parts")
    for folder in ("flowcam", "mfi", "ifcb", "images", "export alone"):
        shutil.make_archive(parts / folder, "gztar" if folder == "mfi" else "zip", source / folder)
    summary, records = detect_source(parts), list(read_particles(parts))
    assert summary.count == len(records) == 33
    assert sum(r.rejected for r in records) == 2
    assert "images.zip/Silicone oil/p.png" in {r.name for r in records}
    assert sorted(p.name for p in parts.iterdir()) == sorted(
        [*map("{}.zip".format, ("flowcam", "ifcb", "images", "export alone")), "mfi.tar.gz"]
    )


def test_rejected_archive_in_a_folder_is_a_rejected_item(source, monkeypatch):
    (source / "broken.zip").write_text("hello")
    with zipfile.ZipFile(source / "astray.zip", "w") as file:
        file.writestr("../p.png", b"x")
    reasons = {r.name: r.reason for r in read_particles(source)}
    assert len(reasons) == detect_source(source).count == 35
    assert "is damaged" in reasons["broken.zip"]
    assert "would be written outside" in reasons["astray.zip"]
    monkeypatch.setattr(open_source, "MAX_ARCHIVES", 0)
    assert "only the first 0 archives" in {r.name: r.reason for r in read_particles(source)}["broken.zip"]


def test_single_run_keeps_its_plain_name(tmp_path):
    draw_run(tmp_path / "run")
    summary = detect_source(tmp_path)
    assert [run.name for run in summary.runs] == ["run ä1"]
    assert summary.title == "FlowCam run run ä1"
    assert {r.run for r in read_particles(tmp_path)} == {"run ä1"}
    assert detect_source(tmp_path / "run" / "run ä1.lst").runs == summary.runs


def test_files_that_belong_to_no_run_are_noted(tmp_path):
    draw_run(tmp_path)
    for name in ("screen.png", "a.txt"):
        (tmp_path / name).write_bytes(b"x")
    summary = detect_source(tmp_path)
    assert any(note.endswith(": a.txt, screen.png.") for note in summary.notes)
    assert summary.count == len(list(read_particles(tmp_path))) == 12


def test_images_below_the_folder_of_a_run_are_plain_images(tmp_path):
    draw_run(tmp_path)
    draw_png(tmp_path / "more" / "p.png")
    records = list(read_particles(tmp_path))
    assert detect_source(tmp_path).count == len(records) == 13
    assert records[-1].name == "more/p.png"
    assert records[-1].run == detect_source(tmp_path).runs[1].name == tmp_path.name


def test_file_beside_a_run_is_not_a_run(tmp_path):
    draw_run(tmp_path / "a")
    (tmp_path / "a" / "truth.csv").write_text("id,class\n1,protein\n")
    (tmp_path / "notes.txt").write_text("day 5")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert [run.name for run in summary.runs] == ["run ä1"]
    assert summary.count == len(records) == 13
    assert records[-1].reason
    assert records[-1].run == ""
    assert any(note.startswith("Outside the run folder: 1 file, not images") for note in summary.notes)


def test_plain_images_are_one_run(tmp_path):
    draw_png(tmp_path / "p.png")
    summary = detect_source(tmp_path)
    assert [(run.name, run.kind, run.count) for run in summary.runs] == [(tmp_path.name, "folder", 1)]
    assert next(read_particles(tmp_path)).run == tmp_path.name
    assert detect_source(tmp_path / "p.png").runs[0].kind == "image"


def test_collage_summary_names_its_columns(tmp_path):
    Image.fromarray(draw_collage([(20, 30), (25, 35), (30, 20), (22, 40)])[0]).save(tmp_path / "c.png")
    summary = detect_source(tmp_path / "c.png")
    assert summary.columns == ("top", "left", "bottom", "right") == tuple(next(read_particles(tmp_path)).columns)


def test_single_multipage_tiff_is_a_stack(tmp_path):
    pages = [Image.new("L", (20, 20 + k), 170) for k in range(3)]
    pages[0].save(tmp_path / "s.tif", save_all=True, append_images=pages[1:])
    summary = detect_source(tmp_path / "s.tif")
    assert (summary.kind, summary.title, summary.count) == ("stack", "Stack of images s.tif", 3)
    assert "Each of the 3 pages" in summary.notes[0]


def test_unreadable_runs_are_listed_with_their_reasons(tmp_path):
    draw_run(tmp_path / "a")
    draw_run(tmp_path / "b")
    for path in tmp_path.glob("*/*.lst"):
        path.write_text("017\nnum-fields|3\nid|int32\n")
    records = list(read_particles(tmp_path))
    assert detect_source(tmp_path).count == len(records) == 2
    assert all("announces 3 columns" in r.reason for r in records)


def test_question_accepts_only_its_options():
    question = Question("q", "Which?", ("0", "1"), "1")
    assert answer_of(question, None) == answer_of(question, {"other": "0"}) == "1"
    assert answer_of(question, {"q": 0}) == "0"
    with pytest.raises(LabError, match="'yes' is not an answer to 'q'; choose 0 or 1"):
        answer_of(question, {"q": "yes"})
