"""Frames come in order, whatever holds them; what cannot be read is named with its reason."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from svp_core.errors import LabError
from svp_core.frames import reading
from svp_core.frames.reading import grey_frame, open_frames, read_frame
from svp_core.images import encode_png
from tests.helpers.drawn_frames import draw_frame, write_video


def frames_of(count):
    return [draw_frame([(60 + 5 * k, 80, 8, -0.3)], seed=k) for k in range(count)]


def names_and_reasons(path, **options):
    with open_frames(path) as source:
        return source.count, [(frame.index, frame.name, frame.reason) for frame in source.iter_frames(**options)]


def test_a_folder_is_read_in_natural_order_and_a_bad_file_does_not_stop_it(tmp_path):
    for k, pixels in enumerate(frames_of(11), 1):
        (tmp_path / f"f{k}.png").write_bytes(encode_png(pixels))
    (tmp_path / "f3.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "f4.png").write_bytes(encode_png(np.full((64, 64), 7, np.uint8)))
    (tmp_path / "f5.png").write_bytes(encode_png(np.full((20, 64), 7, np.uint8)))
    (tmp_path / "notes.txt").write_text("frames of lot 7")
    count, found = names_and_reasons(tmp_path)
    assert count == 11
    assert [name for _, name, _ in found] == [f"f{k}.png" for k in range(1, 12)]
    reasons = [reason for _, _, reason in found if reason]
    assert len(reasons) == 3
    assert "blank" in reasons[1]
    assert "at least 32 px" in reasons[2]
    assert [index for index, _, _ in names_and_reasons(tmp_path, start=4, step=3)[1]] == [4, 7, 10]


@pytest.mark.parametrize("limit", [0, 1024**3], ids=["page by page", "whole"])
def test_pages_of_a_tiff_are_frames_and_deep_ones_share_a_scale(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(reading, "LARGE_TIFF_BYTES", limit)
    deep = np.stack(frames_of(5)).astype(np.uint16) * 16
    deep[3] //= 2  # a darker frame stays darker
    tifffile.imwrite(tmp_path / "stack.tif", deep, photometric="minisblack")
    with open_frames(tmp_path / "stack.tif") as source:
        pages = [grey_frame(frame) for frame in source.iter_frames()]
        assert source.count == 5
        assert [frame.name for frame in source.iter_frames(3)] == ["stack.tif#4", "stack.tif#5"]
    assert np.median(pages[3]) / np.median(pages[2]) == pytest.approx(0.5, abs=0.02)
    assert (grey_frame(read_frame(tmp_path / "stack.tif", 4)) == pages[4]).all()


def test_a_video_gives_the_frames_that_went_in(tmp_path):
    frames = frames_of(7)
    write_video(tmp_path / "run.avi", frames)
    with open_frames(tmp_path / "run.avi") as source:
        assert source.count == 7
        read = {frame.index: grey_frame(frame) for frame in source.iter_frames(2, 2)}
    assert list(read) == [2, 4, 6]
    for index, pixels in read.items():
        nearest = min(range(7), key=lambda k: np.abs(pixels.astype(int) - frames[k]).mean())
        assert nearest == index
    cut = (tmp_path / "run.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(cut[: len(cut) // 2])
    count, found = names_and_reasons(tmp_path / "cut.avi")
    assert 0 < len(found) <= count


@pytest.mark.parametrize(
    "content", [b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd\n", b"", b"ffconcat version"]
)
def test_a_playlist_that_is_called_a_video_is_refused(tmp_path, content):
    (tmp_path / "run.avi").write_bytes(content)
    with pytest.raises(LabError, match="not an AVI"), open_frames(tmp_path / "run.avi"):
        pass


def test_raw_frames_of_a_run_come_with_their_calibration_image(tmp_path):
    for k, pixels in enumerate(frames_of(3), 1):
        (tmp_path / f"rawfile_00000{k}.png").write_bytes(encode_png(pixels))
    (tmp_path / "cal_image_000001.png").write_bytes(encode_png(draw_frame([])))
    (tmp_path / "run_000001.png").write_bytes(encode_png(draw_frame([])[:100, :100]))
    with open_frames(tmp_path) as source:
        assert [frame.name for frame in source.iter_frames()] == [f"rawfile_00000{k}.png" for k in (1, 2, 3)]
        assert source.calibration is not None
        assert source.calibration().shape == (240, 320)


def test_sources_without_frames_are_a_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(LabError, match="no camera frames"), open_frames(tmp_path):
        pass
    (tmp_path / "run.lst").write_text("001")
    (tmp_path / "run_000001.png").write_bytes(encode_png(draw_frame([])))
    with pytest.raises(LabError, match="already cut out"), open_frames(tmp_path):
        pass
    (tmp_path / "one.png").write_bytes(encode_png(draw_frame([])))
    with pytest.raises(LabError, match="no frame 9"):
        read_frame(tmp_path / "one.png", 8)


def test_settings_beside_the_frames_state_the_pixel_size_unless_they_differ(tmp_path):
    for k, pixels in enumerate(frames_of(2), 1):
        (tmp_path / f"rawfile_{k}.png").write_bytes(encode_png(pixels))
    (tmp_path / "lot 7.ctx").write_text("[Fluid]\nFlowCellDepth=80\n[CaptureParameters]\nCalibrationConstant=0,7\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.ctx").write_text("CalibrationConstant=9")
    with open_frames(tmp_path) as source:
        assert (source.count, source.um_per_px) == (2, 0.7)
        assert "lot 7.ctx" in source.um_per_px_from
    (tmp_path / "lot 8.ctx").write_text("CalibrationConstant=0.5545")
    with open_frames(tmp_path) as source:
        assert source.um_per_px is None
        assert sum("differ" in note for note in source.notes) == 1


def test_the_sample_frames_carry_the_pixel_size_of_their_true_boxes():
    folder = Path(__file__).parents[3] / "sample_data" / "frames"
    stated = {float(row["um_per_px"]) for row in csv.DictReader((folder / "boxes.csv").open(encoding="utf-8"))}
    with open_frames(folder) as source:
        assert {source.um_per_px} == stated
