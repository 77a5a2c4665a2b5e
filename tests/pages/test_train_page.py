"""The page Train without a browser: settings, the job that was asked for, what it shows while and after."""

import numpy as np
import pandas as pd
import pytest

from svp_core import model_files
from svp_core.generator import unet
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import datasets, jobs, models
from tests.helpers.app_pages import finish_job, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_training import shorten_checks
from tests.helpers.train_page import PAGE, fail_job, save_images


@pytest.fixture
def own():
    tiles = draw_blocks(63, seed=5)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(63)], "class": ["fat_droplet"] * 60 + ["speck"] * 3})
    return datasets.save_dataset("Droplets of <May>", "own", tiles, table, {})


@pytest.fixture
def quick(monkeypatch):
    """The model "tiny" to start from, few images made in few steps at a check."""
    shorten_checks(monkeypatch)
    config = unet.GeneratorConfig(("protein",), 0.3, 0.2, channels=(16, 32))
    tensors = unet.build_unet(config).state_dict()
    folder = models.new_model_folder("tiny")
    model_files.save_model(folder, config=unet.config_as_dict(config), tensors=tensors, card="", history=[])


def chosen(own):
    app = open_page(PAGE)
    app.multiselect(key="train_datasets").set_value([own]).run()
    return app


def test_training_starts_as_it_was_asked_for(own):
    app = chosen(own)
    assert app.button_group[0].value == ["fat_droplet"], "three specks are too few, so they are not chosen"
    assert "60 images, a fifth of them held out" in page_text(app)
    app.text_input(key="train_name").set_value("Fat")
    app.number_input(key="train_minutes").set_value(1)
    app.button(key="train_go").click().run()
    assert "got 1" in app.error[0].value
    assert not jobs.active()
    app.number_input(key="train_minutes").set_value(10).run()
    app.button(key="train_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "train"
    assert job.config == {
        "name": "Fat",
        "datasets": [own],
        "classes": ["fat_droplet"],
        "base": "generator",
        "minutes": 10,
    }
    assert not app.exception
    assert job.id in app.query_params["job"]
    app.button(key="pause_job").click().run()
    assert jobs.get(job.id).state == "paused"
    app.button(key="resume_job").click().run()
    assert jobs.get(job.id).state == "queued"
    assert jobs.active()[0].id == job.id
    app.button(key="cancel_job").click().run()
    assert jobs.get(job.id).state == "cancelled"
    assert "Cancelled" in page_text(app)


@pytest.mark.parametrize(
    ("counts", "classes", "says"),
    [
        ({"fat_droplet": 30}, None, "30 images chosen, but a generator needs at least 50."),
        (
            {"fat_droplet": 60, "speck": 3},
            ["fat_droplet", "speck"],
            "Speck has 3 images, but a class needs at least 25",
        ),
        ({"speck": 3}, None, "Choose at least one class. Fewer than 25 images: speck 3."),
        ({"fat_droplet": 60}, [], "Choose at least one class."),
    ],
)
def test_what_cannot_be_trained_on_is_said_before_the_start(counts, classes, says):
    app = chosen(save_images(counts))
    if classes is not None:
        app.button_group[0].set_value(classes).run()
    assert says in page_text(app)
    assert app.button(key="train_go").disabled
    assert not app.exception
    (kept,) = datasets.list_datasets()
    assert kept["classes"] == counts


def test_a_class_with_three_images_is_left_out_by_name_and_one_class_is_enough():
    app = chosen(save_images({"fat_droplet": 60, "speck": 3}))
    told = page_text(app)
    assert "Fewer than 25 images: speck 3." in told
    assert "will generate fat droplet only" in told
    assert not app.button(key="train_go").disabled


def test_identical_images_are_a_sentence_and_nothing_is_lost():
    own = save_images({"dust": 60}, np.repeat(draw_blocks(1, seed=0), 60, 0))
    app = chosen(own)
    app.text_input(key="train_name").set_value("Dust").run()
    app.button(key="train_go").click().run()
    (job,) = jobs.active()
    fail_job(job.id)
    app.run()
    assert "All 60 images of dust show the same picture" in app.error[0].value
    assert not app.exception
    assert not models.list_models("generator")[1:]
    app.button(key="train_another").click().run()
    assert app.multiselect(key="train_datasets").value == [own], "what was chosen is still chosen"
    assert app.text_input(key="train_name").value == "Dust"
    assert len(datasets.open_dataset(own).tiles) == 60


@pytest.mark.parametrize(
    ("name", "says"), [("", "is not a valid name"), ("generator", "already a model called 'generator'")]
)
def test_an_unfit_name_is_refused_before_the_start(own, name, says):
    app = chosen(own)
    app.text_input(key="train_name").set_value(name).run()
    app.button(key="train_go").click().run()
    assert says in app.error[0].value.replace("\\", "")
    assert not jobs.active()
    assert not app.exception


def test_under_way_it_shows_what_it_has_and_at_the_end_the_model(own, quick):
    config = {"name": "Fat", "datasets": [own], "classes": ["fat_droplet"], "base": "tiny", "images": 32 * 4}
    job_id, _ = jobs.start("train", config)
    steps = run_task("train", config, jobs.job_folder(job_id))
    next(progress for progress in steps if progress.step == 2 and progress.loss is not None)
    steps.close()
    app = open_page(PAGE, job=job_id)
    assert not app.exception
    assert "48 images trained on, 12 held out" in page_text(app)
    finish_job(job_id)
    app = open_page(PAGE, job=job_id)
    assert not app.exception
    assert "Fat is ready" in page_text(app)
    figures = app.dataframe[0].value
    assert figures["Class"].tolist() == ["Fat droplet"]
    assert figures["Held out"].tolist() == [12]
    assert {link.proto.query_string for link in app.get("page_link") if "model=" in link.proto.query_string} == {
        "model=Fat"
    }


def test_what_was_cancelled_can_be_kept(own, quick):
    config = {"name": "Fat", "datasets": [own], "classes": ["fat_droplet"], "base": "tiny", "images": 32 * 4}
    job_id, _ = jobs.start("train", config)
    steps = run_task("train", config, jobs.job_folder(job_id))
    next(progress for progress in steps if progress.step == 3 and progress.loss is not None)
    steps.close()
    jobs.cancel(job_id)
    app = open_page(PAGE, job=job_id)
    app.button(key="keep_best").click().run()
    assert not app.exception
    assert "Fat is ready" in page_text(app)
    assert "stopped by hand" in page_text(app)
    assert models.find_model("Fat").is_dir()
