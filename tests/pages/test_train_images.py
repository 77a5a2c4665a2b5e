"""Images are brought in on the page Train, without a browser; what cannot be read has reasons."""

import numpy as np
from PIL import Image

from svp_core.images import encode_png
from svp_core.workspace import datasets, jobs
from tests.helpers.app_pages import finish_job, open_page, page_markdown, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.train_page import PAGE, fail_job, save_images


def read_in(source):
    """The page after the images of this folder were brought in; one job of it, done or failed as it comes."""
    app = open_page(PAGE)
    app.text_input(key="path_text").set_value(str(source))
    app.button(key="path_go").click().run()
    app.button(key="images_go").click().run()
    return app, jobs.active()[0].id


def test_nothing_here_says_what_to_do():
    app = open_page(PAGE)
    assert not app.exception
    assert "Import images" in page_text(app)


def test_images_are_brought_in_by_path_and_the_rest_has_reasons(tmp_path):
    source = tmp_path / "day *5*"
    for k, tile in enumerate(draw_blocks(30, seed=1)):
        (source / "Fat droplets").mkdir(parents=True, exist_ok=True)
        (source / "Fat droplets" / f"{k}.png").write_bytes(encode_png(tile))
    (source / "Fat droplets" / "broken.png").write_bytes(b"")
    app = open_page(PAGE)
    app.text_input(key="path_text").set_value(str(source))
    app.button(key="path_go").click().run()
    assert "31 items" in page_text(app)
    assert "day \\*5\\*" in page_markdown(app)
    app.button(key="images_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "gather"
    assert job.config == {"source": str(source), "name": "day *5*", "class_name": None}
    finish_job(job.id)
    app.run()
    assert not app.exception
    assert "Fat droplets, 30" in app.button_group[0].options
    (meta,) = datasets.list_datasets()
    assert app.multiselect(key="train_datasets").value == [meta["id"]], "what was brought in is chosen"
    assert "1 excluded" in page_text(app)
    assert app.dataframe[0].value["reason"].tolist() == ["the file is empty; copy it again"]
    assert "needs at least 50" in page_text(app)
    assert app.button(key="train_go").disabled


def test_a_name_that_is_too_long_is_refused_and_one_from_before_is_cut(tmp_path, monkeypatch):
    (tmp_path / "specks").mkdir()
    for k, tile in enumerate(draw_blocks(3, seed=1)):
        (tmp_path / "specks" / f"{k}.png").write_bytes(encode_png(tile))
    app = open_page(PAGE)
    app.text_input(key="path_text").set_value(str(tmp_path))
    app.button(key="path_go").click().run()
    app.text_input(key="images_name").set_value("Droplets " * 40)
    app.button(key="images_go").click().run()
    assert "a data set's name has 1 to 60" in app.error[0].value.replace("\\", "")
    assert not jobs.active()
    assert app.text_input(key="images_name")
    with monkeypatch.context() as before:
        before.setattr(datasets, "MAX_NAME", 400)
        save_images({"speck": 3}, name="Droplets " * 40)
        jobs.start("gather", {"source": str(tmp_path), "name": "Droplets " * 40, "class_name": None})
    shown = [*open_page(PAGE).multiselect(key="train_datasets").options, open_page("pages/home.py").button[-1].label]
    assert all("Dropl…" in words and words.count("Droplets") == 6 for words in shown), shown


def test_a_flat_folder_asks_for_its_class_and_keeps_the_source(tmp_path):
    for k, tile in enumerate(draw_blocks(3, seed=1)):
        (tmp_path / f"{k}.png").write_bytes(encode_png(tile))
    job_id, _ = jobs.start("gather", {"source": str(tmp_path), "name": "x", "class_name": None})
    fail_job(job_id)
    app = open_page(PAGE, images=job_id)
    assert "name the one class of all images" in app.error[0].value
    assert str(tmp_path) not in app.error[0].value.replace("\\", ""), "where an upload lies helps nobody"
    app.button(key="images_again").click().run()
    app.text_input(key="images_kind").set_value("Fat droplets")
    app.button(key="images_go").click().run()
    (job,) = jobs.active()
    assert job.config["class_name"] == "Fat droplets"
    assert job.config["source"] == str(tmp_path)


def test_broken_files_among_good_ones_are_named_and_the_rest_is_trained_on(tmp_path):
    source = tmp_path / "day 5" / "Fat droplets"
    source.mkdir(parents=True)
    for k, tile in enumerate(draw_blocks(60, seed=1)):
        content = encode_png(tile)
        (source / f"{k:02}.png").write_bytes(content[:200] if k % 20 == 7 else content)
    app, job_id = read_in(tmp_path / "day 5")
    finish_job(job_id)
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
    fail_job(job_id)
    app.run()
    said_so = app.error[0].value.replace("\\", "")
    assert said_so == (
        "None of the 3 items in Fat droplets could be read as an image; the first is 0.png: the file is empty; copy it "
        "again."
    )
    assert not datasets.list_datasets()


def test_what_seems_wrong_with_images_is_said_before_they_are_read_in(tmp_path):
    for k, tile in enumerate(draw_blocks(3, seed=1)):
        Image.fromarray(tile.astype(np.uint16) * 16).save(tmp_path / f"{k}.tif")
    app = open_page(PAGE)
    app.text_input(key="path_text").set_value(str(tmp_path))
    app.button(key="path_go").click().run()
    assert not app.exception
    assert "12 bits" in app.warning[0].value
    question = app.selectbox(key="choice_brightness:integer")
    question.set_value("14 bits").run()
    app.text_input(key="images_kind").set_value("Specks")
    app.button(key="images_go").click().run()
    (job,) = jobs.active()
    assert job.config["choices"] == {"brightness:integer": "14 bits"}
    finish_job(job.id)
    (meta,) = datasets.list_datasets()
    tiles = datasets.open_dataset(meta["id"]).tiles
    assert tiles.max() <= draw_blocks(3, seed=1).max() / 4 + 1


def test_a_folder_without_images_cannot_be_read_in(tmp_path):
    (tmp_path / "stack.czi").write_bytes(b"ZISRAWFILE")
    app = open_page(PAGE)
    app.text_input(key="path_text").set_value(str(tmp_path))
    app.button(key="path_go").click().run()
    assert not app.exception
    assert app.button(key="images_go").disabled
