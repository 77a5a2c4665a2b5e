"""FlowCam runs without a list: the real export, exports with the column names of each version, libraries."""

import shutil

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_run import draw_run
from tests.helpers.flowcam_csv_files import COLUMNS_2, COLUMNS_4, write_export
from tests.helpers.records import mask_of, pixels_of


def replace_in_export(folder, old, new):
    path = next(folder.glob("*.csv"))
    path.write_bytes(path.read_bytes().replace(old.encode("latin-1"), new.encode("latin-1")))


def same_pixels(records, truth):
    return all(np.array_equal(pixels_of(r), pixels) for r, (pixels, _) in zip(records, truth, strict=True))


@pytest.mark.parametrize("names", [COLUMNS_4, COLUMNS_2], ids=["version 4", "version 2"])
def test_particles_are_cropped_by_the_boxes_of_the_export(tmp_path, names):
    truth = write_export(tmp_path, names)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title, summary.count) == ("flowcam", "FlowCam run run ä1", 12)
    assert summary.columns == tuple(names)
    assert any("no list" in note for note in summary.notes)
    assert same_pixels(records, truth)
    assert [r.name for r in records] == [f"run ä1#{n}" for n in range(1, 13)]
    assert all(np.array_equal(mask_of(r), mask) for r, (_, mask) in zip(records, truth, strict=True))
    assert records[4].columns[names[1]] == "12.5000"
    assert {r.run for r in records} == {"run ä1"}
    scale, source = (
        (0.5545, "Calibration Factor in run ä1.csv")
        if names is COLUMNS_4
        else (0.7, "CalibrationConstant in run ä1.ctx")
    )
    assert (summary.um_per_px, summary.um_per_px_from) == (scale, source)
    assert records[0].um_per_px == scale


def test_class_column_sets_the_given_class(tmp_path):
    write_export(tmp_path)
    assert [r.given for r in read_particles(tmp_path)] == [None] * 2 + ["silicone_oil"] + [None] * 9


def test_decimal_commas_are_read(tmp_path):
    truth = write_export(tmp_path, delimiter=";", scale="0,5545")
    records = list(read_particles(tmp_path))
    assert same_pixels(records, truth)
    assert {r.um_per_px for r in records} == {0.5545}
    assert records[0].columns["Area (ABD)"] == "12.5000"
    # The same for an export beside a list.
    draw_run(tmp_path / "b")
    (tmp_path / "b" / "run ä1.csv").write_text("Particle ID;Area (ABD)\n3;3,5000\n")
    assert list(read_particles(tmp_path / "b"))[2].columns["Area (ABD)"] == "3.5000"


def test_unquoted_decimal_commas_between_commas_reject_the_row(tmp_path):
    write_export(tmp_path)
    replace_in_export(tmp_path, "12.5000", "12,5000")
    records = list(read_particles(tmp_path))
    assert len(records) == 12
    assert {r.reason for r in records} == {"its row in the export has 10 values but the header names 9"}


def test_export_file_can_be_read_directly(tmp_path):
    truth = write_export(tmp_path)
    assert same_pixels(list(read_particles(tmp_path / "run ä1.csv")), truth)
    # A csv beside a list leads to the run with its list.
    draw_run(tmp_path / "b")
    assert detect_source(tmp_path / "b" / "run ä1.csv").um_per_px_from == "cal_const in run ä1.lst"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("20,32,0,3", "20,32,x,3", ""),
        ("21,32,0,3", "21,32,x,3", "Image X in the export is 'x', not a whole number"),
        ("21,32,0,3", "21,32,395,3", "extends beyond the collage of 400 x 80 px"),
        ("run ä1_000001.tif,21,", "gone.tif,21,", "its collage gone.tif is missing from the run folder"),
    ],
)
def test_invalid_row_is_a_rejected_record(tmp_path, old, new, reason):
    write_export(tmp_path)
    replace_in_export(tmp_path, old, new)
    rejected = [r for r in read_particles(tmp_path) if r.rejected]
    assert [r.name for r in rejected] == (["run ä1#1"] if reason else [])
    assert all(reason in r.reason for r in rejected)


def test_empty_export_raises_a_lab_error(tmp_path):
    write_export(tmp_path, count=0)
    with pytest.raises(LabError, match="The FlowCam export run ä1.csv contains no particles"):
        detect_source(tmp_path)


def write_single(folder, *, header, title="run", images="run", ids=(1, 2, 3)):
    folder.mkdir(exist_ok=True)
    truth = []
    for number in range(3):
        pixels = np.full((20 + number, 30 + 2 * number, 3), (170, 176, 180), np.uint8)
        pixels[5:9, 6:20] = 90 + number
        Image.fromarray(pixels).save(folder / f"{images}_{number:05d}.png")
        truth.append((pixels, None))
    lines = [header, *(f"{i},{i}.5,{i * 10},0.75" for i in ids)]
    (folder / f"{title}.csv").write_text("\n".join(lines), "utf-8")
    return truth


HEADER_6 = "Id,Area (ABD) (µm²),Capture X (px),Calibration Factor"


@pytest.mark.parametrize("images", ["run", "Export 7"])
def test_particles_stored_as_separate_image_files(tmp_path, images):
    truth = write_single(tmp_path, header=HEADER_6, images=images)
    (tmp_path / "run_summary.csv").write_text("Fluid Volume Imaged (ml),0.0123\nMagnification,10X\n")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert same_pixels(records, truth)
    assert summary.count == 3
    assert summary.kind == "flowcam"
    assert summary.um_per_px == records[0].um_per_px == 0.75
    assert summary.runs[0].volume_ml == 0.0123
    assert records[1].columns == {
        "Id": "2",
        "Area (ABD) (µm²)": "2.5",
        "Capture X (px)": "20",
        "Calibration Factor": "0.75",
    }


def test_particle_image_is_found_by_id_not_by_row(tmp_path):
    truth = write_single(tmp_path, header=HEADER_6, ids=(3, 1))
    assert same_pixels(list(read_particles(tmp_path)), [truth[2], truth[0]])


def test_missing_and_damaged_images_are_rejected_with_a_reason(tmp_path):
    write_single(tmp_path, header=HEADER_6, ids=(1, 2, 3, 7, "x"))
    (tmp_path / "run_00001.png").write_bytes(b"\x89PNG broken")
    reasons = [r.reason for r in read_particles(tmp_path)]
    assert reasons[0] == reasons[2] == ""
    assert "its image run_00001.png cannot be read" in reasons[1]
    assert reasons[3] == "its image run_00006.png is missing from the run folder; copy it there"
    assert reasons[4] == "its id in the export is 'x', not a number; export the run again"


def test_library_is_read_like_a_list(tmp_path):
    truth = draw_run(tmp_path, title="oil_lib_images")
    (tmp_path / "oil_lib_images.lst").rename(tmp_path / "oil.flb")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title) == ("flowcam_library", "FlowCam library oil")
    assert same_pixels(records, truth)
    assert summary.runs[0].volume_ml is None


def test_library_with_several_pixel_sizes_is_noted(tmp_path):
    draw_run(tmp_path)
    path = tmp_path / "run ä1.lst"
    text = path.read_text("latin-1")
    path.write_text(text.replace("|0.5545|", "|1.8130|", 3), "latin-1")
    summary = detect_source(tmp_path)
    assert summary.um_per_px is None
    assert summary.um_per_px_from == ""
    assert any("differ in pixel size" in caution for caution in summary.cautions)
    assert [r.um_per_px for r in read_particles(tmp_path)] == [1.813] * 3 + [0.5545] * 9


def test_classes_of_the_cla_become_given_classes(tmp_path):
    draw_run(tmp_path)
    (tmp_path / "run ä1.cla").write_text("v3\n1\nby hand\n2\nJunk\nOR\n0\n1\n2\nAir bubble\nOR\n0\n1\n5\n")
    records = list(read_particles(tmp_path))
    assert [r.given for r in records] == [None] * 4 + ["air_bubble"] + [None] * 7
    assert records[1].columns["Class"] == "Junk"
    assert "Class" not in records[0].columns
    assert "Class" in detect_source(tmp_path).columns
    (tmp_path / "run ä1.cla").write_text("v3\n1\n")
    assert any("The classes in run ä1.cla cannot be read" in note for note in detect_source(tmp_path).notes)
    assert sum(r.rejected for r in read_particles(tmp_path)) == 0


def test_real_export_gives_the_same_particles_as_its_list(tmp_path, real_data):
    real = next((real_data / "flowcam_run").iterdir())
    for path in real.iterdir():
        if path.suffix != ".lst":
            shutil.copy(path, tmp_path)
    alone, listed = list(read_particles(tmp_path)), list(read_particles(real))
    assert len(alone) == detect_source(tmp_path).count == 1000
    assert not any(r.rejected for r in alone)
    assert detect_source(tmp_path).runs[0].volume_ml == detect_source(real).runs[0].volume_ml
    for a, b in zip(alone, listed, strict=True):
        assert np.array_equal(pixels_of(a), pixels_of(b))
        assert np.array_equal(mask_of(a), mask_of(b))
        assert a.name == b.name
        assert a.columns.items() <= {**b.columns, "Class": a.columns.get("Class")}.items()
        assert pixels_of(a).shape[2] == 3
        assert a.um_per_px == b.um_per_px
