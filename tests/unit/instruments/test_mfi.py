"""MFI runs drawn with the documented columns: boxes in full frames, and questions that only the user can answer."""

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.mfi_files import BOXES, COLUMNS, draw_frames, write_table
from tests.helpers.records import pixels_of

PUBLISHED = "47,16,2,1.499,78.125,3085,273.39,0.72,594.17,192.7,72,934,121.875,0.4,941,998,767,861,0"


def test_particles_are_cropped_from_their_frames(tmp_path):
    frames = draw_frames(tmp_path)
    write_table(tmp_path, BOXES)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title, summary.count) == ("mfi", "MFI run day 1", 3)
    assert [r.name for r in records] == ["day 1#1", "day 1#2", "day 1#3"]
    assert {r.run for r in records} == {"day 1"}
    crops = [frames[0][40:50, 10:30], frames[2][0:8, 0:5], frames[1][100:120, 190:200]]
    assert all(np.array_equal(pixels_of(r), pixels) for r, pixels in zip(records, crops, strict=True))
    assert records[1].columns["Edge Particle"] == "1"
    assert summary.columns == tuple(n.strip() for n in COLUMNS)
    assert (summary.um_per_px, summary.um_per_px_from) == (1.2465, "ECD and Area in day 1.csv")  # 78.125 um, 3085 px
    assert records[0].um_per_px == 1.2465
    assert summary.runs[0].volume_ml is None


def test_box_of_the_published_row(tmp_path):
    tmp_path.joinpath("run.csv").write_text(",".join(COLUMNS) + "\n" + PUBLISHED)
    frame = np.random.default_rng(0).integers(0, 255, (1024, 1280), np.uint8)
    Image.fromarray(frame).save(tmp_path / "16.bmp")
    (record,) = read_particles(tmp_path)
    assert record.name == "run#47"
    assert np.array_equal(pixels_of(record), frame[767:862, 941:999])
    assert record.um_per_px == pytest.approx(1.25, rel=0.003)


def test_frame_numbering_is_asked_and_answered(tmp_path):
    frames = draw_frames(tmp_path, first=0)
    write_table(tmp_path, [(1, 10, 29, 40, 49), (2, 10, 29, 40, 49)])
    questions = {q.key: q for q in detect_source(tmp_path).questions}
    first = questions["first_frame:day 1.csv"]
    assert first.options == ("0", "1")
    assert first.default == "0"
    assert "day 1.csv" in first.text
    by_default = list(read_particles(tmp_path))
    answered = list(read_particles(tmp_path, {first.key: "1"}))
    assert np.array_equal(pixels_of(by_default[0]), frames[1][40:50, 10:30])
    assert np.array_equal(pixels_of(answered[0]), frames[0][40:50, 10:30])


@pytest.mark.parametrize(("files_from", "table_from"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_default_answer_is_the_one_that_finds_all_frames(tmp_path, files_from, table_from):
    frames = draw_frames(tmp_path, first=files_from)
    write_table(tmp_path, [(table_from + k, 10, 29, 40, 49) for k in range(3)])
    assert detect_source(tmp_path).questions[0].default == str(table_from)
    for record, frame in zip(read_particles(tmp_path), frames, strict=True):
        assert np.array_equal(pixels_of(record), frame[40:50, 10:30])


def test_box_ends_are_asked_and_answered(tmp_path):
    frames = draw_frames(tmp_path)
    write_table(tmp_path, BOXES)
    ends = detect_source(tmp_path).questions[1]
    assert ends.options == ("included", "not included")
    assert ends.default == "included"
    without = list(read_particles(tmp_path, {ends.key: "not included"}))
    assert np.array_equal(pixels_of(without[0]), frames[0][40:49, 10:29])
    # A box that ends at the frame's width cannot include that column.
    write_table(tmp_path, [(1, 190, 200, 100, 110)])
    assert detect_source(tmp_path).questions[1].default == "not included"
    assert pixels_of(next(read_particles(tmp_path))).shape == (10, 10)


def test_invalid_answer_raises_a_lab_error(tmp_path):
    draw_frames(tmp_path)
    write_table(tmp_path, BOXES)
    for read in (detect_source, lambda *a: list(read_particles(*a))):
        with pytest.raises(LabError, match="'2' is not an answer to 'first_frame:day 1.csv'; choose 0 or 1"):
            read(tmp_path, {"first_frame:day 1.csv": "2"})


def test_frames_in_a_subfolder_with_other_numbers_in_their_names(tmp_path):
    frames = draw_frames(tmp_path / "run" / "images", pattern="day12_{:04d}_1280x1024.tif")
    write_table(tmp_path / "run", BOXES, delimiter=";")
    records = list(read_particles(tmp_path))
    assert np.array_equal(pixels_of(records[0]), frames[0][40:50, 10:30])
    assert records[0].name == "run/day 1#1"
    assert detect_source(tmp_path).count == 3  # frames are not particles


def test_table_file_can_be_read_directly(tmp_path):
    draw_frames(tmp_path)
    write_table(tmp_path, BOXES)
    assert [r.rejected for r in read_particles(tmp_path / "day 1.csv")] == [False] * 3


def test_particles_that_cannot_be_cropped_are_rejected_with_a_reason(tmp_path):
    draw_frames(tmp_path)
    (tmp_path / "frame_002.png").write_bytes(b"\x89PNG broken")
    write_table(tmp_path, [*BOXES, (9, 1, 2, 3, 4), (1, 10, 210, 3, 40), ("x", 1, 2, 3, 4)])
    with (tmp_path / "day 1.csv").open("a") as file:
        file.write("7,1,1\n")
    reasons = {r.name: r.reason for r in read_particles(tmp_path)}
    assert reasons["day 1#1"] == reasons["day 1#2"] == ""
    assert len(reasons) == detect_source(tmp_path).count == 7
    assert "its frame frame_002.png cannot be read" in reasons["day 1#3"]
    assert (
        reasons["day 1#4"]
        == "its frame 9 is missing: there is no image with the number 9 in its name; copy it beside the table"
    )
    assert "extends beyond the frame of 200 x 120 px" in reasons["day 1#5"]
    assert reasons["day 1#6"] == "its frame number or its box in the table is not a whole number; export the run again"
    assert reasons["day 1#7"].startswith("its row in the table has 3 values but the header names 19;")


def test_table_without_frames_or_rows_is_reported(tmp_path):
    write_table(tmp_path, BOXES)
    assert any("There are no camera frames" in note for note in detect_source(tmp_path).notes)
    assert all(r.rejected for r in read_particles(tmp_path))
    write_table(tmp_path, [])
    with pytest.raises(LabError, match="The MFI table day 1.csv contains no particles"):
        detect_source(tmp_path)
