"""FlowCam runs: drawn runs with known pixels in both list variants, malformed lists, and real runs if available."""

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments import crops
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_run import FIELDS_57, FIELDS_65, draw_run
from tests.helpers.records import mask_of, pixels_of


def edit_list(folder, change):
    path = next(folder.glob("*.lst"))
    path.write_bytes(change(path.read_bytes().decode("latin-1")).encode("latin-1"))


def edit_row(folder, number, **values):
    """Write these values into the row with this number, counted from 1."""

    def change(text):
        lines = text.split("\n")
        row = lines[1 + 65 + number].split("|")
        for field, value in values.items():
            row[FIELDS_65.index(field)] = value
        lines[1 + 65 + number] = "|".join(row)
        return "\n".join(lines)

    edit_list(folder, change)


@pytest.mark.parametrize("fields", [FIELDS_57, FIELDS_65], ids=["57 fields", "65 fields"])
def test_every_particle_is_cropped_exactly(tmp_path, fields):
    assert len(fields) in (57, 65)
    truth = draw_run(tmp_path / "run", fields=fields)
    records = list(read_particles(tmp_path / "run"))
    assert [r.name for r in records] == [f"run ä1#{n}" for n in range(1, 13)]
    for record, (pixels, mask) in zip(records, truth, strict=True):
        assert np.array_equal(pixels_of(record), pixels)
        assert np.array_equal(mask_of(record), mask)
        assert record.um_per_px == 0.5545
        assert not record.rejected
        assert record.columns["raw_area"] == mask.sum()
    assert records[2].columns["Area (ABD)"] == "3.5000"


def test_fields_are_found_by_name_in_any_order(tmp_path):
    truth = draw_run(tmp_path, fields=FIELDS_57[::-1])
    records = list(read_particles(tmp_path))
    assert all(np.array_equal(pixels_of(r), pixels) for r, (pixels, _) in zip(records, truth, strict=True))


def test_summary_and_count(tmp_path):
    draw_run(tmp_path)
    summary = detect_source(tmp_path)
    assert (summary.kind, summary.title, summary.count) == ("flowcam", "FlowCam run run ä1", 12)
    assert (summary.um_per_px, summary.um_per_px_from) == (0.5545, "cal_const in run ä1.lst")
    recorded, volume = summary.notes
    assert recorded == "Recorded at 10x."
    assert "has no AcceptableLeft" in volume


def test_run_is_read_from_its_list_and_from_parent_folders(tmp_path):
    draw_run(tmp_path / "protein" / "deep" / "run")
    by_list = list(read_particles(tmp_path / "protein" / "deep" / "run" / "run ä1.lst"))
    from_above = list(read_particles(tmp_path))
    assert len(by_list) == len(from_above) == 12
    assert by_list[0].name == "run ä1#1"
    assert from_above[0].name == "protein/deep/run/run ä1#1"
    assert by_list[0].given is None
    assert from_above[0].given == "protein"
    assert np.array_equal(pixels_of(by_list[7]), pixels_of(from_above[7]))


def test_two_runs_and_loose_images_in_one_folder(tmp_path):
    draw_run(tmp_path / "a", count=3)
    draw_run(tmp_path / "b", count=4, cal_const="1.8")
    Image.new("L", (20, 20), 170).save(tmp_path / "loose.png")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.count == len(records) == 8
    assert summary.um_per_px is None
    assert {r.um_per_px for r in records} == {0.5545, 1.8, None}
    assert len({r.name for r in records}) == 8


def test_notes_name_their_runs_unless_they_hold_for_all(tmp_path):
    for name in "abc":
        draw_run(tmp_path / name, count=3, title=name)
    recorded, volume = detect_source(tmp_path).notes
    assert recorded == "Recorded at 10x."
    assert "volume imaged is unknown" in volume
    ctx = tmp_path / "b" / "b.ctx"
    ctx.write_bytes(ctx.read_bytes().replace(b"10", b"20"))
    recorded = [note for note in detect_source(tmp_path).notes if "Recorded" in note]
    assert recorded == ["a, c: Recorded at 10x.", "b: Recorded at 20x."]
    Image.new("L", (20, 20), 170).save(tmp_path / "loose.png")
    assert {"a, c: Recorded at 10x.", "b: Recorded at 20x."} < set(detect_source(tmp_path).notes)


def test_list_is_detected_by_content_in_any_encoding(tmp_path):
    draw_run(tmp_path)
    path = tmp_path / "run ä1.lst"
    text = path.read_bytes().decode("latin-1")
    path.unlink()
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), text.replace("\n", "\r\n").encode()):
        (tmp_path / "library.flb").write_bytes(data)
        assert sum(not r.rejected for r in read_particles(tmp_path)) == 12


def test_pixel_size_comes_from_the_ctx_if_the_list_has_none(tmp_path):
    draw_run(tmp_path, cal_const="0.0000")
    summary = detect_source(tmp_path)
    assert (summary.um_per_px, summary.um_per_px_from) == (0.7, "CalibrationConstant in run ä1.ctx")
    assert next(read_particles(tmp_path)).um_per_px == 0.7


def test_missing_and_damaged_collages_reject_only_their_particles(tmp_path):
    draw_run(tmp_path)
    (tmp_path / "run ä1_000001.tif").unlink()
    (tmp_path / "run ä1_000003.tif").write_bytes(b"II*\x00broken")
    records = list(read_particles(tmp_path))
    assert len(records) == detect_source(tmp_path).count == 12
    assert [r.rejected for r in records] == [True] * 5 + [False] * 5 + [True] * 2
    assert "run ä1_000001.tif is missing" in records[0].reason
    assert "cannot be read" in records[11].reason
    assert records[0].columns["raw_area"] == 14
    assert "1 of 3 collages are missing" in " ".join(detect_source(tmp_path).cautions)


def test_missing_masks_are_noted_and_reject_nothing(tmp_path):
    draw_run(tmp_path)
    (tmp_path / "run ä1_000002_bin.tif").unlink()
    records = list(read_particles(tmp_path))
    assert [r.mask is None for r in records] == [False] * 5 + [True] * 5 + [False] * 2
    assert any("1 of 3 collages have no mask" in caution for caution in detect_source(tmp_path).cautions)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"image_x": "390"}, "extends beyond the collage of 400 x 80 px"),
        ({"image_y": "-1"}, "extends beyond"),
        ({"image_w": "0"}, "is empty (0 x 24 px)"),
        ({"image_h": "ten"}, "image_h in the list is 'ten', not a whole number"),
        ({"collage_file": "other.tif"}, "its collage other.tif is missing"),
        ({"collage_file": "../../secret.tif"}, "is missing from the run folder"),
        ({"timestamp": "a|b"}, "has 66 values but the header names 65"),
    ],
)
def test_invalid_row_is_a_rejected_record(tmp_path, values, reason):
    draw_run(tmp_path)
    edit_row(tmp_path, 4, **values)
    records = {r.name: r for r in read_particles(tmp_path)}
    assert len(records) == 12
    assert sum(r.rejected for r in records.values()) == 1
    assert reason in records["run ä1#4"].reason


def test_truncated_last_row_is_rejected(tmp_path):
    draw_run(tmp_path)
    edit_list(tmp_path, lambda text: text[:-150])
    records = list(read_particles(tmp_path))
    assert len(records) == 12
    assert [r.name for r in records if r.rejected] == ["run ä1#12"]
    assert "but the header names 65" in next(r.reason for r in records if r.rejected)
    assert not any("missing" in note for note in detect_source(tmp_path).notes)  # it names no collage


def test_duplicate_ids_keep_both_particles(tmp_path):
    draw_run(tmp_path)
    edit_row(tmp_path, 4, id="3")
    names = [r.name for r in read_particles(tmp_path)]
    assert len(set(names)) == 12
    assert "run ä1#3 (2)" in names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.index("\n1|")] + "\n", "contains no particles"),
        (lambda text: text.replace("num-fields|65", "num-fields|70"), "announces 70 columns but names 65"),
        (lambda text: text.replace("image_w|", "picture_w|"), "has no column image_w"),
    ],
)
def test_unusable_list_raises_a_lab_error(tmp_path, change, message):
    draw_run(tmp_path)
    edit_list(tmp_path, change)
    for read in (detect_source, lambda path: list(read_particles(path))):
        with pytest.raises(LabError, match=message):
            read(tmp_path)


def test_unusable_list_beside_a_valid_one_is_a_rejected_record(tmp_path):
    draw_run(tmp_path / "a", count=3)
    draw_run(tmp_path / "b", count=3)
    edit_list(tmp_path / "a", lambda text: text[: text.index("\n1|")] + "\n")
    records = list(read_particles(tmp_path))
    assert detect_source(tmp_path).count == len(records) == 4
    assert [r.name for r in records if r.rejected] == ["a/run ä1.lst"]


def test_each_collage_is_decoded_once_even_if_the_list_is_shuffled(tmp_path, monkeypatch):
    truth = draw_run(tmp_path)

    def shuffle(text):
        lines = text.rstrip("\n").split("\n")
        return "\n".join(lines[:67] + lines[67::2] + lines[68::2])

    edit_list(tmp_path, shuffle)
    decoded = []
    decode = crops.decode_images
    monkeypatch.setattr(crops, "decode_images", lambda *args: decoded.append(1) or decode(*args))
    records = list(read_particles(tmp_path))
    assert len(decoded) == 6  # three collages, three masks
    for record in records:
        assert np.array_equal(pixels_of(record), truth[record.columns["id"] - 1][0])


@pytest.mark.parametrize(("name", "count", "scale"), [("flowcam_run", 1000, 0.5544), ("flowcam_library", 506, 1.813)])
def test_real_runs_are_read_completely(name, count, scale, real_data):
    records = list(read_particles(real_data / name))
    assert len(records) == detect_source(real_data / name).count == count
    assert not any(r.rejected for r in records)
    assert {r.um_per_px for r in records} == {scale}
    for r in records:
        # The cropped mask has exactly the particle's own number of pixels: the crop is correct.
        assert pixels_of(r).shape[:2] == mask_of(r).shape == (r.columns["image_h"], r.columns["image_w"])
        assert mask_of(r).sum() == r.columns["raw_area"]
