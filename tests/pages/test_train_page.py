"""The page Train without a browser: images in, settings, the job that was asked for, what it shows while and after."""

import io

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core import model_files
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.images import encode_png
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import datasets, jobs, models
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.app_pages import finish, opened, said
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_training import shorten_checks

PAGE = "pages/train.py"


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


def fail(job_id):
    """Do the work of a job that cannot be done, as its worker would."""
    job = jobs.get(job_id)
    with pytest.raises(LabError) as refused:
        list(run_task(job.kind, job.config, jobs.job_folder(job_id)))
    with engine().begin() as db:
        values = {"state": "failed", "error": str(refused.value), "started": job.created, "ended": job.created + 1}
        db.execute(job_table.update().where(job_table.c.id == job_id).values(**values))


def read_in(source):
    """The page after the images of this folder were brought in; one job of it, done or failed as it comes."""
    app = opened(PAGE)
    app.text_input(key="path_text").set_value(str(source))
    app.button(key="path_go").click().run()
    app.button(key="images_go").click().run()
    return app, jobs.active()[0].id


def keep(counts, tiles=None, *, name="Mine"):
    """Id of a data set with so many different images of each class, or with these tiles."""
    classes = [key for key, count in counts.items() for _ in range(count)]
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(len(classes))], "class": classes})
    return datasets.save_dataset(name, "own", draw_blocks(len(classes), seed=5) if tiles is None else tiles, table, {})


def chosen(own):
    app = opened(PAGE)
    app.multiselect(key="train_datasets").set_value([own]).run()
    return app


def test_nothing_here_says_what_to_do():
    app = opened(PAGE)
    assert not app.exception
    assert "Bring in images" in said(app)


def test_images_are_brought_in_by_path_and_the_rest_has_reasons(tmp_path):
    source = tmp_path / "day *5*"
    for k, tile in enumerate(draw_blocks(30, seed=1)):
        (source / "Fat droplets").mkdir(parents=True, exist_ok=True)
        (source / "Fat droplets" / f"{k}.png").write_bytes(encode_png(tile))
    (source / "Fat droplets" / "broken.png").write_bytes(b"")
    app = opened(PAGE)
    app.text_input(key="path_text").set_value(str(source))
    app.button(key="path_go").click().run()
    assert "31 items" in said(app)
    assert "day \\*5\\*" in said(app)
    app.button(key="images_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "gather"
    assert job.config == {"source": str(source), "name": "day *5*", "class_name": None}
    finish(job.id)
    app.run()
    assert not app.exception
    assert "Fat droplets, 30" in app.button_group[0].options
    (meta,) = datasets.list_datasets()
    assert app.multiselect(key="train_datasets").value == [meta["id"]], "what was brought in is chosen"
    assert "1 left out" in said(app).replace("\\", "")
    assert app.dataframe[0].value["reason"].tolist() == ["the file is empty"]
    assert "needs at least 50" in said(app)
    assert app.button(key="train_go").disabled


def test_a_name_that_is_too_long_is_refused_and_one_from_before_is_cut(tmp_path, monkeypatch):
    (tmp_path / "specks").mkdir()
    for k, tile in enumerate(draw_blocks(3, seed=1)):
        (tmp_path / "specks" / f"{k}.png").write_bytes(encode_png(tile))
    app = opened(PAGE)
    app.text_input(key="path_text").set_value(str(tmp_path))
    app.button(key="path_go").click().run()
    app.text_input(key="images_name").set_value("Droplets " * 40)
    app.button(key="images_go").click().run()
    assert "cannot name a data set; use 1 to 60 letters" in app.error[0].value.replace("\\", "")
    assert not jobs.active()
    assert app.text_input(key="images_name")
    with monkeypatch.context() as before:
        before.setattr(datasets, "MAX_NAME", 400)
        keep({"speck": 3}, name="Droplets " * 40)
        jobs.start("gather", {"source": str(tmp_path), "name": "Droplets " * 40, "class_name": None})
    shown = [*opened(PAGE).multiselect(key="train_datasets").options, opened("pages/home.py").button[-1].label]
    assert all("Dropl…" in words and words.count("Droplets") == 6 for words in shown), shown


def test_a_flat_folder_asks_for_its_class_and_keeps_the_source(tmp_path):
    for k, tile in enumerate(draw_blocks(3, seed=1)):
        (tmp_path / f"{k}.png").write_bytes(encode_png(tile))
    job_id, _ = jobs.start("gather", {"source": str(tmp_path), "name": "x", "class_name": None})
    fail(job_id)
    app = opened(PAGE, images=job_id)
    assert "or say which class all of them are" in app.error[0].value
    assert str(tmp_path) not in app.error[0].value.replace("\\", ""), "where an upload lies helps nobody"
    app.button(key="images_again").click().run()
    app.text_input(key="images_kind").set_value("Fat droplets")
    app.button(key="images_go").click().run()
    (job,) = jobs.active()
    assert job.config["class_name"] == "Fat droplets"
    assert job.config["source"] == str(tmp_path)


def test_training_starts_as_it_was_asked_for(own):
    app = chosen(own)
    assert app.button_group[0].value == ["fat_droplet"], "three specks are too few, so they are not chosen"
    assert "60 images, a fifth of them held out" in said(app).replace("\\", "")
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
    assert "Cancelled" in said(app)


@pytest.mark.parametrize(
    ("counts", "classes", "says"),
    [
        ({"fat_droplet": 30}, None, "30 images chosen, and a generator needs at least 50: bring in more."),
        (
            {"fat_droplet": 60, "speck": 3},
            ["fat_droplet", "speck"],
            "Speck has 3 images, and a class needs at least 25",
        ),
        ({"speck": 3}, None, "Choose at least one class. Too few to learn from, 25 are needed: speck 3."),
        ({"fat_droplet": 60}, [], "Choose at least one class."),
    ],
)
def test_what_cannot_be_trained_on_is_said_before_the_start(counts, classes, says):
    app = chosen(keep(counts))
    if classes is not None:
        app.button_group[0].set_value(classes).run()
    assert says in said(app).replace("\\", "")
    assert app.button(key="train_go").disabled
    assert not app.exception
    (kept,) = datasets.list_datasets()
    assert kept["classes"] == counts


def test_a_class_with_three_images_is_left_out_by_name_and_one_class_is_enough():
    app = chosen(keep({"fat_droplet": 60, "speck": 3}))
    told = said(app).replace("\\", "")
    assert "Too few to learn from, 25 are needed: speck 3." in told
    assert "will make fat droplet only" in told
    assert not app.button(key="train_go").disabled


def test_identical_images_are_a_sentence_and_nothing_is_lost():
    own = keep({"dust": 60}, np.repeat(draw_blocks(1, seed=0), 60, 0))
    app = chosen(own)
    app.text_input(key="train_name").set_value("Dust").run()
    app.button(key="train_go").click().run()
    (job,) = jobs.active()
    fail(job.id)
    app.run()
    assert "All 60 images of dust show the same picture" in app.error[0].value
    assert not app.exception
    assert not models.list_models("generator")[1:]
    app.button(key="train_another").click().run()
    assert app.multiselect(key="train_datasets").value == [own], "what was chosen is still chosen"
    assert app.text_input(key="train_name").value == "Dust"
    assert len(datasets.open_dataset(own).tiles) == 60


def test_broken_files_among_good_ones_are_named_and_the_rest_is_trained_on(tmp_path):
    source = tmp_path / "day 5" / "Fat droplets"
    source.mkdir(parents=True)
    for k, tile in enumerate(draw_blocks(60, seed=1)):
        content = encode_png(tile)
        (source / f"{k:02}.png").write_bytes(content[:200] if k % 20 == 7 else content)
    app, job_id = read_in(tmp_path / "day 5")
    finish(job_id)
    app.run()
    left_out = app.dataframe[0].value
    assert left_out["image"].tolist() == [f"Fat droplets/{k}.png" for k in ("07", "27", "47")]
    assert left_out["reason"].str.len().min() > 10
    assert app.button_group[0].value == ["fat_droplets"]
    assert not app.button(key="train_go").disabled
    (kept,) = datasets.list_datasets()
    assert kept["classes"] == {"fat_droplets": 57}
    assert not app.exception


def test_nothing_but_broken_files_is_a_sentence_with_the_first_reason(tmp_path):
    source = tmp_path / "Fat droplets"
    source.mkdir()
    for k in range(3):
        (source / f"{k}.png").write_bytes(b"")
    app, job_id = read_in(source)
    fail(job_id)
    app.run()
    said_so = app.error[0].value.replace("\\", "")
    assert said_so == (
        "None of the 3 items in Fat droplets could be read as an image; the first is 0.png: the file is empty."
    )
    assert not datasets.list_datasets()


@pytest.mark.parametrize(("name", "says"), [("", "cannot name a model"), ("generator", "called 'generator' already")])
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
    app = opened(PAGE, job=job_id)
    assert not app.exception
    assert "48 images trained on, 12 held out" in said(app).replace("\\", "")
    finish(job_id)
    app = opened(PAGE, job=job_id)
    assert not app.exception
    assert "Fat is ready" in said(app)
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
    app = opened(PAGE, job=job_id)
    app.button(key="keep_best").click().run()
    assert not app.exception
    assert "Fat is ready" in said(app)
    assert "stopped by hand" in said(app)
    assert models.find_model("Fat").is_dir()


def test_a_checkpoint_that_is_none_is_refused_in_a_sentence(tmp_path):
    torch.save({"a": torch.zeros(3)}, path := tmp_path / "oil.pth")
    app = opened(PAGE)
    app.text_input(key="checkpoint_name").set_value("Paper")
    app.text_input(key="checkpoint_path").set_value(str(path))
    app.button(key="checkpoint_go").click().run()
    assert "neither of the published networks" in app.error[0].value
    assert not app.exception
    app.text_input(key="checkpoint_path").set_value("")
    app.button(key="checkpoint_go").click().run()
    assert "No checkpoint was given" in app.error[0].value


def test_a_published_checkpoint_becomes_a_model(monkeypatch):
    seen = {}

    def take(path, folder, *, class_key=None):
        seen.update(name=path.name, size=path.stat().st_size, folder=folder, class_key=class_key)
        return "published"

    monkeypatch.setattr("svp_core.model_import.import_published", take)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(5))
    app = opened(PAGE)
    app.file_uploader(key="checkpoint_file").upload("oil.pth", buffer.getvalue())
    app.text_input(key="checkpoint_name").set_value("Paper")
    app.selectbox(key="checkpoint_class").set_value("silicone_oil")
    app.button(key="checkpoint_go").click().run()
    assert not app.error, app.error[0].value
    assert not app.exception
    assert "Paper is a model of this workspace now" in app.success[0].value.replace("\\", "")
    assert seen == {
        "name": "oil.pth",
        "size": len(buffer.getvalue()),
        "folder": models.models_folder() / "Paper",
        "class_key": "silicone_oil",
    }
