"""Starting, naming, renaming, deleting and leaving reviews without a browser."""

import numpy as np
import pandas as pd
import pytest

from svp_core.review import store
from svp_core.review.leases import lease_holders
from svp_core.workspace import datasets, jobs
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.finished_jobs import make_job
from tests.helpers.review_fixture import event, new_review, record
from tests.helpers.review_page import PAGE, batches_of, press, reviewing


@pytest.fixture
def own():
    tiles = draw_blocks(30, seed=5)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(30)], "class": ["fat_droplet"] * 20 + ["speck"] * 10})
    return datasets.save_dataset("Droplets of <May>", "own", tiles, table, {})


def test_a_data_set_is_searched_and_its_review_asks_for_the_reviewer(own):
    app = open_page(PAGE)
    app.button_group(key="review_way").set_value("Data set").run()
    app.button(key="review_of_dataset").click().run()
    (job,) = jobs.active()
    assert job.config == {"kind": "dataset", "source": own, "name": "Droplets of <May>"}
    finish_job(job.id)
    app.run()
    assert "30 labels" in page_text(app)
    app.button(key="search_go").click().run()
    (header,) = store.list_reviews()
    assert header["name"] == "Droplets of <May>"
    assert header["particles"] == 30
    app.text_input(key="reviewer_name").set_value(" Anna ")
    press(app, "Start reviewing")
    assert "Anna" in app.query_params["reviewer"]
    assert "Reviewer: Anna" in page_text(app)
    review = store.open_review(header["review"])
    page, *_ = batches_of(app, review)
    batch = app.session_state[f"annotation_{review.id}_state"].grid_data[page.id]
    item = batch["items"][0]
    assert item["neighbours"]
    assert item["id"] in review.positions
    assert review.table["reason"].iloc[0]
    assert {label for _, label in item["neighbours"]} <= {"fat_droplet", "speck"}


def test_labels_that_cannot_be_scored_are_reviewed_in_source_order():
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(9)], "class": "speck"})
    source = datasets.save_dataset("One class", "own", draw_blocks(9, seed=1), table, {})
    job_id, _ = jobs.start("suspect", {"kind": "dataset", "source": source, "name": "One class"})
    finish_job(job_id)
    app = open_page(PAGE, search=job_id)
    assert "could not be scored" in page_text(app)
    assert store.list_reviews()[0]["particles"] == 9


def test_a_classified_run_starts_with_the_least_certain():
    rng = np.random.default_rng(0)
    config = {"source": "/lab/run", "weights": "resnet18", "um_per_px": None}
    job_id, _ = jobs.start("classify", config)
    make_job(jobs.job_folder(job_id), rng.dirichlet([1, 1, 1], 60), [5.0] * 60, weights="resnet18", source="/lab/run")
    mark_done(job_id, step=60, total=60)
    app = open_page(PAGE)
    app.button(key="review_of_job").click().run()
    review = store.open_review(store.list_reviews()[0]["review"])
    assert len(review.table) == 60
    assert review.table["score"].is_monotonic_increasing


def test_a_link_selects_the_classification():
    ids = []
    for name in ("/lab/run", "/lab/other"):
        config = {"source": name, "weights": "resnet18", "um_per_px": None}
        job_id, _ = jobs.start("classify", config)
        probs = np.tile([0.5, 0.3, 0.2], (9, 1))
        make_job(jobs.job_folder(job_id), probs, [5.0] * 9, weights="resnet18", source=name)
        mark_done(job_id, step=9, total=9)
        ids.append(job_id)
    for job_id in ids:
        app = open_page(PAGE, of=job_id)
        assert app.selectbox(key=f"review_job_{job_id}").value == job_id
    app.button(key="review_of_job").click().run()
    header, *_ = store.list_reviews()
    assert header["source"]["job"] == ids[1]
    assert "of" not in app.query_params


def test_without_a_name_nothing_is_decided():
    review = new_review()
    app = open_page(PAGE, review=review.id)
    press(app, "Start reviewing")
    assert "enter yours" in page_text(app)
    assert not lease_holders(review.id)


def test_an_unknown_review_is_reported():
    app = open_page(PAGE, review="0" * 12)
    assert "There is no review" in page_text(app)
    assert app.title[0].value == "Review"


def test_a_review_is_renamed_deleted_and_restored_on_the_page():
    review = new_review(5)
    record(review, event(1, "p0"))
    app = open_page(PAGE)
    app.session_state[f"edit_{review.id}"] = True
    app.run()
    app.text_input(key=f"name_{review.id}").set_value("Run 7 again").run()
    app.button(key=f"rename_{review.id}").click().run()
    assert store.list_reviews()[0]["name"] == "Run 7 again"
    app.session_state[f"edit_{review.id}"] = True
    app.run()
    assert "1 decision" in page_text(app)
    app.button(key=f"delete_{review.id}").click().run()
    assert store.list_reviews() == []
    app.button(key=f"restore_{review.id}").click().run()
    assert store.list_reviews()[0]["decisions"] == 1
    assert not app.exception


def test_the_name_that_this_browser_remembers_is_filled_in():
    review = new_review()
    app = open_page(PAGE, review=review.id)
    app.session_state["reviewer_memory"] = {"stored": "Anna"}
    app.run()
    assert app.text_input(key="reviewer_name").value == "Anna"
    press(app, "Start reviewing")
    assert "Anna" in app.query_params["reviewer"]


def test_leaving_a_review_returns_its_particles():
    review = new_review(100)
    app = reviewing(review)
    assert lease_holders(review.id)
    app.button(key="review_leave").click().run()
    assert not lease_holders(review.id)
