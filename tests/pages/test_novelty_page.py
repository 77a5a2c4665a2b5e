"""The page Novelty without a browser: the form, a finished search, teaching, what cannot be is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from pages.ui.novelty.judged_sample import JudgedSample
from pages.ui.novelty.rebuilt_view import draw_roc, roc_caption
from svp_core.classification.results import read_results_folder
from svp_core.execution import ray_cluster
from svp_core.images import encode_png
from svp_core.tasks.novelty_table import read_table
from svp_core.workspace import jobs
from tests.helpers.app_pages import finish_job, open_page, page_text

SAMPLE = Path(__file__).parents[2] / "sample_data" / "tiles.npy"


@pytest.fixture
def folders(tmp_path):
    """A folder of 120 normal images and one of 24 others, of which 8 are upside down in brightness."""
    tiles = np.random.default_rng(2).permutation(np.load(SAMPLE))
    sets = {"normal": tiles[:120], "sample": [*tiles[120:136], *(255 - tiles[136:144])]}
    for name, images in sets.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            (tmp_path / name / f"{number:03}.png").write_bytes(encode_png(np.asarray(image)))
    return tmp_path


def open_form(folders):
    app = open_page("pages/novelty.py")
    app.text_input(key="path_text").set_value(str(folders / "sample"))
    app.button(key="path_go").click().run()
    return app


def test_a_sample_that_is_not_there_leaves_the_choice_of_another(tmp_path):
    app = open_form(tmp_path)
    assert "check the path" in app.error[0].value
    assert app.text_input(key="path_text")
    assert not app.run().error


def test_a_sample_is_searched_against_a_folder_and_taught(folders):
    app = open_form(folders)
    app.selectbox(key="novelty_normal").set_value("path").run()
    app.button(key="novelty_go").click().run()
    assert "No normal set was given" in app.error[0].value
    app = open_form(folders)
    app.selectbox(key="novelty_normal").set_value("path").run()
    app.text_input(key="normal_path").set_value(str(folders / "not there")).run()
    app.button(key="novelty_go").click().run()
    assert "check the path" in app.error[0].value
    assert not jobs.active()
    app = open_form(folders)
    app.selectbox(key="novelty_normal").set_value("path").run()
    app.text_input(key="normal_path").set_value(str(folders / "normal")).run()
    app.button(key="novelty_go").click().run()
    (job,) = jobs.active()
    assert job.config == {
        "source": str(folders / "sample"), "normal": str(folders / "normal"), "weights": "resnet18",
    }  # fmt: skip
    finish_job(job.id)
    app = open_page("pages/novelty.py", job=job.id)
    assert not app.exception
    verdict = read_results_folder(jobs.job_folder(job.id)).summary["verdict"]
    assert "known particles" in page_text(app)
    assert verdict["sentences"][0] in page_text(app)
    assert app.button(key="teach_strangers").disabled
    app.session_state[f"novelty_picks_{job.id}"] = list(range(16, 22))
    app.run()
    app.button(key="teach_strangers").click().run()
    assert not app.exception
    sample = JudgedSample(read_results_folder(jobs.job_folder(job.id)), read_table(jobs.job_folder(job.id)))
    assert sample.alike[16:22].all()
    assert sample.surely_alike[16:22].all()
    assert set(sample.by_taught[:6].tolist()) == set(range(16, 22))
    taught = sample.numbers("taught_p")[sample.by_taught]
    assert (np.diff(taught) >= 0).all()
    assert (np.diff(sample.numbers("novelty_p")[sample.by_unusual]) >= 0).all()
    assert "by taught p" in page_text(app)
    assert f"taught p {taught[0]:.3f}" in sample.captions(sample.by_taught[:1])[0]
    app.button(key="forget_strangers").click().run()
    assert json.loads((jobs.job_folder(job.id) / "summary.json").read_text("utf-8"))["novelty"].get("taught") is None


def test_a_search_runs_on_a_cluster_that_is_there(folders, monkeypatch):
    monkeypatch.setattr(ray_cluster, "has_ray", lambda: True)
    monkeypatch.setenv(ray_cluster.ADDRESS, "head:6379")
    app = open_form(folders)
    app.selectbox(key="novelty_engine").set_value("ray").run()
    app.button(key="novelty_go").click().run()
    (job,) = jobs.active()
    assert job.config["engine"] == "ray"


def test_the_marks_of_the_roc_are_named_under_it():
    threshold = {"found": 0.3, "false_alarms": 0.05}
    roc = {"strangers": 40, "auc": 0.7, "false_alarms": [0, 1], "found": [0, 1], "conformal": threshold,
           "youden": {"found": 0.6, "false_alarms": 0.2}}  # fmt: skip
    symbols = {trace.name: trace.marker.symbol for trace in draw_roc(roc).data if trace.mode == "markers"}
    assert list(symbols.values()) == ["circle", "diamond"]
    caption = roc_caption(roc)
    assert caption.index("●") < caption.index("30") < caption.index("◆") < caption.index("60")


def test_a_link_to_another_job_is_refused_in_a_sentence(folders):
    app = open_page("pages/novelty.py", job="0" * 32)
    assert len(app.error) == 1
    assert not app.exception
