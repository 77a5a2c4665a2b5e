"""Heads trained on checked frames of a location split touching particles in the next one."""

import json

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.frames.box_record import FrameBox
from svp_core.frames.boxes import iou
from svp_core.images import encode_png
from svp_core.tasks import train_heads as task
from svp_core.tasks.box_exchange import save_truth
from svp_core.tasks.job_kinds import start
from svp_core.tasks.locate import LocateRequest, locate
from svp_core.tasks.located import open_located, read_located, save_events
from svp_core.tasks.train_heads import RESULT_FILE, HeadsRequest, train_heads, true_boxes
from svp_core.workspace import jobs
from svp_core.workspace.models import list_models
from tests.helpers.app_pages import finish_job
from tests.helpers.drawn_frames import disc_box, draw_frame


@pytest.fixture
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    return tmp_path


def write_pairs(folder, count, seed=0):
    """Frames with pairs of touching discs; returns {name: true boxes}."""
    folder.mkdir()
    truth = {}
    for k in range(count):
        rng, discs = np.random.default_rng(seed + k), []
        for row in (50, 120, 190):
            for column in (60, 160, 260):
                radius = int(rng.integers(6, 10))
                discs += [(row, column, radius, -0.3), (row, column + radius + 9, 7, -0.35)]
        name = f"f{k + 1}.png"
        truth[name] = [disc_box(*disc[:3]) for disc in discs]
        (folder / name).write_bytes(encode_png(draw_frame(discs, seed=seed + k)))
    return truth


def as_frame_boxes(boxes):
    return [FrameBox(f"i{k}", box) for k, box in enumerate(boxes)]


def test_heads_from_true_boxes_split_the_particles_of_other_frames(lab):
    truth = write_pairs(lab / "frames", 7)
    job, _ = start(LocateRequest(str(lab / "frames"), um_per_px=0.5))
    finish_job(job)
    located = open_located(jobs.get(job))
    save_truth(located, {name: as_frame_boxes(boxes) for name, boxes in truth.items()}, source="drawn", reviewer="")
    (lab / "run").mkdir()
    list(train_heads(HeadsRequest("Touching", (job,)), lab / "run"))
    result = json.loads((lab / "run" / RESULT_FILE).read_text())
    assert (result["frames"], result["held_out"]) == (7, 2)
    assert result["figures"]["both"]["recall"][0] > result["figures"]["rule"]["recall"][0] + 0.2
    assert [model.name for model in list_models("box_heads")] == ["Touching"]
    list(train_heads(HeadsRequest("Touching", (job,)), lab / "run"))
    assert len(list_models("box_heads")) == 1

    others = write_pairs(lab / "others", 2, seed=50)
    (lab / "out").mkdir()
    list(locate(LocateRequest(str(lab / "others"), um_per_px=0.5, heads="Touching"), lab / "out"))
    found = read_located(lab / "out").boxes
    recall = np.mean(
        [
            (iou(np.array(boxes), np.array([box.box for box in found[name]])).max(1) >= 0.5).mean()
            for name, boxes in others.items()
        ]
    )
    assert recall > 0.8
    assert all(0 <= box.score <= 1 for boxes in found.values() for box in boxes)


def test_checked_frames_are_true_and_too_few_are_a_sentence(lab):
    write_pairs(lab / "frames", 2)
    job, _ = start(LocateRequest(str(lab / "frames"), um_per_px=0.5))
    finish_job(job)
    located = open_located(jobs.get(job))
    assert true_boxes(located) == {}
    event = {"tab": "t", "n": 1, "frame": "f1.png", "box": "", "kind": "check", "before": {"checked": False},
             "after": {"checked": True}, "undoes": "", "reviewer": "Ada", "at": 1.0}  # fmt: skip
    assert save_events(located, [event]) == []
    assert list(true_boxes(located)) == ["f1.png"]
    (lab / "run").mkdir()
    with pytest.raises(LabError, match=f"1 frames are checked or have true boxes; {task.MIN_FRAMES} are needed"):
        list(train_heads(HeadsRequest("Touching", (job,)), lab / "run"))
    with pytest.raises(LabError, match="Choose located frames"):
        HeadsRequest("Touching", ()).check()
