"""The task locate: what it writes, what it does when it is stopped, and what becomes of the particles it found."""

import csv

import numpy as np
import pytest
from sqlalchemy.exc import DatabaseError

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.frames.boxes import iou
from svp_core.images import encode_png
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.tasks import locate as task
from svp_core.tasks.locate import LocateRequest, locate
from svp_core.tasks.located import corrected_frame, events_of, read_located, save_events, undoable
from svp_core.workspace.box_decisions import write_events
from svp_core.workspace.database import box_decision, engine
from tests.helpers.drawn_frames import disc_box, draw_frame, write_frames

PX = 0.5


def run(folder, source, **settings):
    folder.mkdir(exist_ok=True)
    return list(locate(LocateRequest(str(source), um_per_px=PX, **settings), folder))


def table_of(folder):
    with (folder / "found" / "boxes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_boxes_of_all_frames_and_a_bad_frame_in_the_list(tmp_path):
    truth = write_frames(tmp_path / "frames", 3)
    (tmp_path / "frames" / "frame_2.png").write_bytes(b"no image")
    steps = run(tmp_path / "out", tmp_path / "frames", depth_um=100.0)
    located = read_located(tmp_path / "out")
    assert located.readable == ["frame_1.png", "frame_3.png"]
    assert located.frames["reason"].tolist()[1]
    for name in located.readable:
        found = np.array([box.box for box in located.boxes[name]])
        overlap = iou(np.array([disc_box(*disc[:3]) for disc in truth[name]]), found)
        assert len(found) == len(truth[name])
        assert overlap.max(1).min() > 0.7
    assert located.facts["volume_from"].startswith("2 frames, each 100 µm deep")
    # Two frames of 320 x 240 px at 0.5 µm, 100 µm deep: the one that was not read is not in the volume.
    assert located.facts["volume_ml"] == pytest.approx(2 * 320 * 240 * PX**2 * 100 * 1e-12)
    assert (steps[-1].step, steps[-1].total) == (3, 3)


def test_found_particles_are_a_source_whose_crops_are_the_frames_pixels(tmp_path):
    write_frames(tmp_path / "frames", 2)
    edge = draw_frame([(120, 3, 8, -0.3), (100, 150, 8, -0.3)], seed=9)
    (tmp_path / "frames" / "frame_3.png").write_bytes(encode_png(edge))
    run(tmp_path / "out", tmp_path / "frames", volume_ml=0.5)
    summary = detect_source(tmp_path / "out" / "found")
    assert (summary.kind, summary.um_per_px, summary.runs[0].volume_ml) == ("located", PX, 0.5)
    records = list(read_particles(tmp_path / "out" / "found"))
    assert len(records) == summary.count == 12
    cut = [record for record in records if record.reason]
    assert len(cut) == 1
    assert "cut by the border" in cut[0].reason
    (whole,) = [one for one in records if one.columns["frame"] == "frame_3.png" and not one.reason]
    top, left, bottom, right = (int(whole.columns[side]) for side in ("top", "left", "bottom", "right"))
    assert (whole.pixels == edge[top - 5 : bottom + 5, left - 5 : right + 5]).all()
    assert float(whole.columns["border_weight"]) == pytest.approx(
        320 * 240 / ((320 - (right - left) - 1) * (240 - (bottom - top) - 1)), abs=1e-4
    )


@pytest.mark.parametrize("stop_after", [0, 3, 4, 7, 9])
def test_a_stopped_job_goes_on_behind_its_last_block_and_ends_the_same(tmp_path, monkeypatch, stop_after):
    monkeypatch.setattr(task, "BLOCK_FRAMES", 4)
    write_frames(tmp_path / "frames", 9)
    run(tmp_path / "whole", tmp_path / "frames")
    (tmp_path / "out").mkdir()
    steps = locate(LocateRequest(str(tmp_path / "frames"), um_per_px=PX), tmp_path / "out")
    for progress in steps:
        if progress.step > stop_after:
            break
    steps.close()
    again = run(tmp_path / "out", tmp_path / "frames")
    searched = [progress.step for progress in again if progress.step and progress.step != progress.total]
    assert not searched or searched[0] == (stop_after + 1) // 4 * 4 + 1
    for name in ("found/boxes.csv", "frames.csv", "found/particles_00002_1.png", "found/run.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "out" / "parts").exists()


def test_a_folder_with_other_settings_is_not_taken_for_this_job(tmp_path):
    write_frames(tmp_path / "frames", 1)
    run(tmp_path / "out", tmp_path / "frames")
    with pytest.raises(LabError, match="other settings"):
        run(tmp_path / "out", tmp_path / "frames", threshold=0.05)
    write_json(tmp_path / "bad.json", {})
    with pytest.raises(LabError, match="not complete"):
        read_located(tmp_path)


def test_a_calibration_image_of_another_size_is_a_reason_and_a_missing_one_a_sentence(tmp_path):
    write_frames(tmp_path / "frames", 1)
    with pytest.raises(LabError, match="no calibration image"):
        run(tmp_path / "a", tmp_path / "frames", background="calibration")
    (tmp_path / "empty.png").write_bytes(encode_png(draw_frame([])[:200]))
    with pytest.raises(LabError, match="the background is 320 x 200 px"):
        run(tmp_path / "b", tmp_path / "frames", background="calibration", calibration=str(tmp_path / "empty.png"))
    (tmp_path / "empty.png").write_bytes(encode_png(draw_frame([])))
    run(tmp_path / "c", tmp_path / "frames", background="calibration", calibration=str(tmp_path / "empty.png"))
    assert len(table_of(tmp_path / "c")) == 5


def change(n, box, after, *, tab="t", reviewer="Ada", kind="move", frame="frame_1.png", **more):
    after = after and {"box": after, "label": ""}
    return {"tab": tab, "n": n, "frame": frame, "box": box, "kind": kind, "before": None, "after": after,
            "undoes": "", "reviewer": reviewer, "at": 1.0, **more}  # fmt: skip


def test_changes_are_kept_once_in_order_and_never_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    write_frames(tmp_path / "frames", 1)
    run(tmp_path / "out", tmp_path / "frames")
    located = read_located(tmp_path / "out", "a" * 32)
    drawn = change(1, "new", [5, 5, 25, 25], kind="draw")
    faults = save_events(
        located, [drawn, change(2, "new", [5, 5, 300, 25]), drawn, change(3, "p1", None, kind="delete")]
    )
    assert len(faults) == 1
    assert "beyond the frame" in faults[0]
    events = events_of(located)
    assert [(one.n, one.box, one.kind) for one in events] == [(1, "new", "draw"), (3, "p1", "delete")]
    assert [box.id for box in corrected_frame(located, "frame_1.png").boxes] == ["p2", "p3", "p4", "p5", "new"]
    save_events(
        located,
        [
            change(4, "new", None, kind="undo", undoes="t/1"),
            change(1, "p2", None, tab="u", kind="delete", reviewer="Bo"),
        ],
    )
    assert [one.n for one in undoable(events_of(located), "Ada")] == [3]
    assert [box.id for box in corrected_frame(located, "frame_1.png").boxes] == ["p3", "p4", "p5"]
    with pytest.raises(DatabaseError), engine().begin() as db:
        db.execute(box_decision.delete())
    with pytest.raises(ValueError, match="name of its reviewer"):
        write_events("a" * 32, [{**change(9, "p3", None), "reviewer": " "}])
