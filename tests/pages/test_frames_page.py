"""The page Frames without a browser: settings tried on a frame, the job, corrections, the way to Classify."""

from pathlib import Path

import numpy as np

from pages.ui.frames import settings_form
from svp_core.execution import ray_cluster
from svp_core.tasks.located import corrected_frame, events_of, open_located
from svp_core.workspace import jobs
from tests.helpers.app_pages import finish_job, open_page, page_text
from tests.helpers.drawn_frames import write_frames, write_video


def start_on(path, **settings):
    app = open_page("pages/frames.py")
    app.session_state["frames_path"] = path
    app.run()
    for key, value in settings.items():
        app.number_input(key=key).set_value(value).run()
    return app


def located_job(tmp_path):
    write_frames(tmp_path / "frames", 2)
    app = start_on(tmp_path / "frames", locate_um_per_px=0.5, locate_depth=100.0)
    assert not app.exception
    app.button(key="locate_go").click().run()
    (job,) = jobs.active()
    finish_job(job.id)
    return jobs.get(job.id)


def test_settings_show_at_once_what_they_find(tmp_path):
    write_frames(tmp_path / "frames", 2)
    app = start_on(tmp_path / "frames")
    assert "frame_1.png: 5 particles" in page_text(app)
    app.number_input(key="locate_threshold").set_value(60.0).run()
    assert "frame_1.png: 0 particles" in page_text(app)
    assert "choose another background" in page_text(app)
    app.number_input(key="locate_frame").set_value(2).run()
    assert "frame_2.png: 0 particles" in page_text(app)
    assert not app.exception


def test_a_folder_without_frames_is_named_in_the_message_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    app = start_on(tmp_path)
    assert app.error
    assert not app.subheader
    assert "frames_path" not in app.session_state
    assert not app.exception


def test_where_frames_are_searched_is_asked_only_where_a_cluster_is_there(tmp_path, monkeypatch):
    write_frames(tmp_path / "frames", 1)
    monkeypatch.setattr(ray_cluster, "has_ray", lambda: True)
    monkeypatch.setenv(ray_cluster.ADDRESS, "head:6379")
    app = start_on(tmp_path / "frames")
    app.selectbox(key="locate_engine").set_value("ray").run()
    app.button(key="locate_go").click().run()
    (job,) = jobs.active()
    assert job.config["engine"] == "ray"
    monkeypatch.setattr(ray_cluster, "has_ray", lambda: False)
    app = start_on(tmp_path / "frames")
    assert not app.exception
    assert "locate_engine" not in [box.key for box in app.selectbox]


def test_frames_are_located_corrected_and_classified(tmp_path):
    job = located_job(tmp_path)
    app = open_page("pages/frames.py", job=job.id, reviewer="Ada")
    assert not app.exception
    assert "10 particles in 2 frames" in page_text(app)
    event = {"tab": "t", "n": 1, "frame": "frame_1.png", "box": "p1", "kind": "delete", "before": None, "after": None,
             "undoes": "", "reviewer": "Ada", "at": 1.0}  # fmt: skip
    outside = {**event, "n": 2, "box": "d", "kind": "draw", "after": {"box": [0, 0, 9, 999], "label": ""}}
    app.session_state[f"boxes_{job.id}"] = {"unsaved": [outside, event]}
    app.run()
    located = open_located(job)
    assert [(one.n, one.reviewer) for one in events_of(located)] == [(1, "Ada")]
    assert len(corrected_frame(located, "frame_1.png").boxes) == 4
    app.button(key="frames_next").click().run()
    assert app.selectbox(key="frames_choice").value == "frame_2.png"
    app = open_page("pages/frames.py", job=located_job(tmp_path / "other").id)
    app.button(key="frames_classify").click().run()
    assert not app.exception
    assert "Camera frames frames" in page_text(app)
    assert app.session_state["classify_path"].name == "found"


def test_a_video_is_frames_and_what_is_none_is_a_sentence(tmp_path):
    frames = [np.asarray(frame) for frame in _frames(tmp_path)]
    write_video(tmp_path / "run.avi", frames)
    app = start_on(tmp_path / "run.avi")
    assert "run.avi#1: 5 particles" in page_text(app)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("nothing")
    app = start_on(tmp_path / "notes")
    assert "contains no camera frames" in app.error[0].value
    assert not app.exception


def test_a_single_frame_that_cannot_be_read_is_not_searched(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    app = start_on(tmp_path / "broken.png")
    assert "cannot be read" in app.warning[0].value
    assert app.button(key="locate_go").disabled
    write_frames(tmp_path / "frames", 2)
    (tmp_path / "frames" / "frame_0.png").write_bytes(b"nothing")
    app = start_on(tmp_path / "frames")
    assert "choose another one" in app.warning[0].value
    assert not app.button(key="locate_go").disabled


def test_a_frame_is_read_again_only_where_something_changed(tmp_path, monkeypatch):
    read, reads = settings_form.read_apart, []
    monkeypatch.setattr(settings_form, "read_apart", lambda path, *args: reads.append(args[0]) or read(path, *args))
    write_frames(tmp_path / "frames", 2)
    app = start_on(tmp_path / "frames")
    assert len(reads) == 2  # what the folder holds, and its first frame
    app.run()
    assert len(reads) == 2
    app.number_input(key="locate_threshold").set_value(60.0).run()
    assert len(reads) == 3
    assert "frame_1.png: 0 particles" in page_text(app)
    assert not app.exception


def _frames(tmp_path: Path):
    from svp_core.frames.reading import grey_frame, open_frames

    write_frames(tmp_path / "frames", 3)
    with open_frames(tmp_path / "frames") as source:
        yield from (grey_frame(frame) for frame in source.iter_frames())


def test_true_boxes_are_imported_compared_and_corrected_particles_cropped(tmp_path):
    job = located_job(tmp_path)
    located = open_located(job)
    app = open_page("pages/frames.py", job=job.id, reviewer="Ada")
    app.session_state["frames_part"] = "Import and export"
    app.run()
    names, line = b"speck\n", b"0 0.5 0.5 0.1 0.1\n0 0.98 0.5 0.1 0.1\n"
    app.file_uploader(key="frames_import").upload("obj.names", names).upload("frame_1.txt", line).run()
    assert not app.exception
    assert "beyond the frame" in page_text(app)
    app.selectbox(key="frames_class_speck").set_value("leave out").run()
    assert "0 boxes in 1 frame" in page_text(app)
    app.selectbox(key="frames_class_speck").set_value("keep its name").run()
    app.button(key="frames_truth").click().run()
    assert "1 true boxes" in page_text(app)
    app.button(key="frames_replace").click().run()
    assert [box.label for box in corrected_frame(located, "frame_1.png").boxes] == ["speck"]
    app.run()
    app.button(key="frames_crop").click().run()
    (crop,) = jobs.active()
    finish_job(crop.id)
    app.run()
    app.button(key="frames_classify").click().run()
    assert app.session_state["classify_path"] == jobs.job_folder(crop.id) / "found"
    assert not app.exception
