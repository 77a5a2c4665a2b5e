"""IFCB samples written in the documented layout of both versions, and malformed ones."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.ifcb_files import write_sample
from tests.helpers.records import pixels_of


@pytest.mark.parametrize(("version", "extra"), [(15, 0), (24, 0), (24, 2)])
def test_every_region_is_read_exactly(tmp_path, version, extra):
    pixels = write_sample(tmp_path, version=version, extra=extra)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title) == ("ifcb", "IFCB sample D20240401T101010_IFCB102")
    assert summary.count == len(records) == 3
    assert summary.um_per_px is None
    assert len(summary.columns) == version + extra
    assert np.array_equal(pixels_of(records[0]), pixels[0])
    assert np.array_equal(pixels_of(records[2]), pixels[2])
    assert records[1].reason == "the trigger took no image (its region is 0 px)"
    assert [r.name.rpartition("#")[2] for r in records] == ["1", "2", "3"]
    assert records[2].columns["roi_x"] == "7"
    assert records[2].columns["trigger"] == "3"
    facts = summary.runs[0]
    assert facts.settings["Temperature"] == "24.7"
    assert ("first" in facts.instrument) == (version == 15)
    assert facts.volume_ml is None
    assert {r.run for r in records} == {facts.name}


def test_several_samples_in_one_folder_and_a_single_one(tmp_path):
    write_sample(tmp_path, version=24, title="A")
    write_sample(tmp_path, version=15, title="B", shapes=[(9, 8)])
    summary = detect_source(tmp_path)
    assert summary.title == f"2 IFCB samples in {tmp_path.name}"
    assert [r.count for r in summary.runs] == [3, 1]
    assert [r.run for r in read_particles(tmp_path)] == ["A"] * 3 + ["B"]
    for name in ("B.adc", "B.roi", "B.hdr"):
        assert [r.name for r in read_particles(tmp_path / name)] == ["B#1"]


def test_unreadable_rows_are_rejected_with_a_reason(tmp_path):
    write_sample(tmp_path, version=24, shapes=[(4, 4)] * 5)
    path = next(tmp_path.glob("*.adc"))
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(",4,4,", ",4,four,")
    lines[2] = lines[2].rpartition(",")[0]
    lines[3] = lines[3].replace(",4,4,", ",4,400,")
    path.write_text("\n".join(lines))
    reasons = [r.reason for r in read_particles(tmp_path)]
    assert reasons[0] == reasons[4] == ""
    assert "is not a whole number" in reasons[1]
    assert reasons[2] == "its row in the .adc has 23 values, the first row 24"
    assert "4 x 400 px from byte 49" in reasons[3]


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        (".roi", None, "has no D20240401T101010_IFCB102.roi with the pixels beside it; add that file"),
        (".adc", "", "contains no particles"),
        (".adc", "hello\n", "does not start with a row of 15, 24 or more numbers"),
    ],
)
def test_unusable_sample_raises_a_lab_error(tmp_path, ending, content, message):
    write_sample(tmp_path, version=15)
    path = next(tmp_path.glob(f"*{ending}"))
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(LabError, match=message):
        detect_source(tmp_path)


def test_missing_header_is_noted_and_unreadable_roi_rejects_all(tmp_path):
    write_sample(tmp_path, version=15)
    next(tmp_path.glob("*.hdr")).unlink()
    assert any(".hdr with the settings is missing" in note for note in detect_source(tmp_path).notes)
    roi = next(tmp_path.glob("*.roi"))
    roi.unlink()
    roi.symlink_to(tmp_path / "gone")
    assert all("cannot be read: the file cannot be opened" in r.reason for r in read_particles(tmp_path))


def test_table_of_numbers_without_a_roi_is_not_a_sample(tmp_path):
    (tmp_path / "numbers.csv").write_text(",".join("1" * 15) + "\n")
    assert detect_source(tmp_path).kind == "folder"
