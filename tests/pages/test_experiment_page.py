"""The page Experiment without a browser: particles, balance, arms, a finished experiment."""

import sys

import numpy as np
import pandas as pd
import pytest

from svp_core.experiment import units
from svp_core.experiment.outcome import read_outcome
from svp_core.progress import Progress
from svp_core.workspace import datasets, jobs
from tests.helpers.app_pages import finish_job, open_page, page_text
from tests.helpers.drawn_labels import draw_shapes, embed_blocks

PAGE = "pages/experiment.py"
KEYS = ("protein", "silicone_oil", "air_bubble")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch, no_job_processes):
    def embed(tiles):
        yield Progress(len(tiles), len(tiles))
        return embed_blocks(tiles) if len(tiles) else np.zeros((0, 65), np.float32)

    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(units, "embed", embed)
    monkeypatch.setitem(sys.modules, "umap", None)  # t-SNE instead, which needs no compiling


def save_particles(counts=(40, 15, 15), kind="own"):
    tiles, labels = draw_shapes(counts, seed=0)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(len(labels))], "class": [KEYS[k] for k in labels]})
    return datasets.save_dataset("Ours", kind, tiles, table, {})


def test_without_a_choice_the_page_says_what_to_do():
    app = open_page(PAGE)
    assert not app.exception
    assert "Choose labelled particles" in page_text(app)


def test_from_particles_to_the_comparison():
    dataset = save_particles()
    app = open_page(PAGE)
    app.selectbox(key="experiment_source").set_value(f"dataset/{dataset}").run()
    assert not app.exception
    app.number_input(key=f"experiment_dose_{dataset}").set_value(20).run()
    app.segmented_control(key="experiment_preset").set_value("feature-forest").run()
    arms = next(box for box in app.multiselect if box.label == "Arms")
    arms.set_value(["real", "weights", "classical:20"]).run()
    app.pills(key="experiment_networks_feature-forest").set_value(["forest"]).run()
    assert not app.exception
    assert not app.error
    assert "trainings" in page_text(app)
    app.button(key="experiment_go").click().run()
    (job,) = jobs.recent()
    assert job.config["design"]["minority"] == ["silicone_oil", "air_bubble"]
    assert job.config["design"]["arms"] == ["real", "weights", "classical:20"]
    finish_job(job.id)
    app = open_page(PAGE, job=job.id)
    assert not app.exception
    outcome = read_outcome(jobs.job_folder(job.id))
    assert outcome.sentences[0] in page_text(app)
    for view in ("By amount", "What was added", "Map", "Errors"):
        app.session_state["experiment_view"] = view
        app.run()
        assert not app.exception, view


def test_generated_images_are_not_offered_and_one_class_is_a_sentence():
    save_particles(kind="synthetic")
    dataset = save_particles((20,))
    app = open_page(PAGE)
    assert len([o for o in app.selectbox(key="experiment_source").options if "data set" in o]) == 1
    app.selectbox(key="experiment_source").set_value(f"dataset/{dataset}").run()
    assert not app.exception
    assert "All particles are of one class" in app.error[0].value
