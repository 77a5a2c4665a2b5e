"""The page Review without a browser: starting, annotating, history, exports, retraining."""

import io
import zipfile
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pages.ui.review import review_data, review_exports
from pages.ui.review.retraining import COLUMN_DIFFERENCE
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.review import bookmarks, decision_log, store
from svp_core.review.blind_repeats import hides_suggestion
from svp_core.review.embedding_store import save_embedding
from svp_core.review.leases import lease_holders
from svp_core.workspace import datasets, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.finished_jobs import confident_probs, make_job, run_facts
from tests.helpers.review_fixture import current_labels, event, new_review, record

PAGE = "pages/review.py"


def reviewing(review, **query):
    """The page with this review open for Anna."""
    return open_page(PAGE, review=review.id, reviewer="Anna", desk="d1", **query)


def press(app, label):
    """Press the button of a form, which has no key of its own."""
    next(button for button in app.button if button.label == label).click().run()


def batches_of(app, review):
    return app.session_state[f"annotation_{review.id}_state"].batches


def decide(app, review, *events, finished=()):
    """Send these events as the browser does."""
    app.session_state[f"annotation_{review.id}"] = {"unsaved": list(events), "finished": list(finished)}
    return app.run()


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


def test_a_classifiers_own_predictions_have_no_suggestion():
    job_id, _ = jobs.start("classify", {"source": "/lab/run", "weights": "resnet18", "um_per_px": None})
    probs = np.tile([0.49, 0.37, 0.14], (30, 1))
    make_job(jobs.job_folder(job_id), probs, [5.0] * 30, weights="resnet18", source="/lab/run")
    mark_done(job_id, step=30, total=30)
    app = open_page(PAGE, of=job_id)
    app.button(key="review_of_job").click().run()
    review = store.open_review(store.list_reviews()[0]["review"])
    app = reviewing(review)
    (batch,) = app.session_state[f"annotation_{review.id}_state"].grid_data.values()
    assert {item["suggested"] for item in batch["items"]} == {""}
    words = "Classified as protein, probability 0.49; next silicone oil 0.37."
    assert {item["lines"][0] for item in batch["items"]} == {words}
    assert "Protein · 30 particles" in batch["title"]
    assert "Classified by resnet18" in app.title[0].help.replace("\\", "")
    record(review, event(1, "day 5.lst#1", label="silicone_oil"))
    app = reviewing(review, look="History")
    assert "By suggested change" not in page_text(app)
    assert not app.exception
    app = reviewing(review, look="Decide")
    app.selectbox(key=f"{review.id}_Anna_what").set_value("changed").run()
    (batch,) = app.session_state[f"annotation_{review.id}_state"].grid_data.values()
    assert batch["items"][0]["lines"][0] == "Labelled silicone oil."  # by Anna, not by the classifier


def test_a_label_without_doubt_has_no_suggestion():
    review = new_review(40, suggested="protein")
    app = reviewing(review)
    batches = app.session_state[f"annotation_{review.id}_state"].grid_data.values()
    assert {item["suggested"] for batch in batches for item in batch["items"]} == {""}


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


def test_decisions_are_written_with_what_was_shown_and_the_page_turns(monkeypatch):
    monkeypatch.setattr(review_data, "MAX_TIME_SHARE", 1e9)  # recounted at every run, however slow the machine
    review = new_review(100, score=np.linspace(0, 1, 100), reason="8 of 9")
    app = reviewing(review)
    first, second, *_ = batches_of(app, review)
    assert not set(first.particles) & set(second.particles)
    assert set(lease_holders(review.id)) == {p for page in batches_of(app, review) for p in page.particles}
    events = [
        event(n, particle, **{"from": "protein", "shown": True, "purpose": "queue", "again": False})
        for n, particle in enumerate(first.particles, 1)
    ]
    app = decide(app, review, *events[:3])
    assert [d.particle for d in decision_log.history(review.id)] == list(first.particles[:3])
    assert decision_log.history(review.id)[0].evidence_dict["shown"] is True
    app = decide(app, review, *events[1:], finished=[first.id])
    assert len(decision_log.history(review.id)) == len(events)
    assert [page.id for page in batches_of(app, review)][:2] == [first.id, second.id]
    assert f"**{len(events)}** of 100 reviewed" in page_text(app)


def test_a_new_visit_resumes_the_same_page():
    review = new_review(100)
    app = reviewing(review)
    pages = [page.particles for page in batches_of(app, review)]
    decide(app, review, event(1, pages[0][0], **{"from": "protein", "shown": True}))
    again = reviewing(review)
    assert [page.particles for page in batches_of(again, review)][: len(pages)] == pages
    assert bookmarks.load_bookmark(review.id, "Anna")["holder"] == "d1 Anna"


def test_two_reviewers_get_different_particles():
    review = new_review(100)
    one = reviewing(review)
    two = open_page(PAGE, review=review.id, reviewer="Bert", desk="d2")
    annas, berts = ({p for page in batches_of(app, review) for p in page.particles} for app in (one, two))
    assert annas
    assert berts
    assert not annas & berts


def test_a_decision_of_another_reviewer_is_noted_on_the_tile():
    review = new_review(20)
    app = reviewing(review)
    page = batches_of(app, review)[0]
    record(review, event(1, page.particles[0], tab="other", reviewer="Bert"))
    decide(app, review, event(1, page.particles[0], **{"from": "protein", "shown": True}))
    (words,) = app.session_state[f"annotation_{review.id}_notes"].values()
    assert words.startswith("Bert has already decided this particle")


def test_an_undo_on_a_new_visit_reverses_the_last_decision():
    review = new_review(20)
    app = reviewing(review)
    first = batches_of(app, review)[0].particles[0]
    decide(app, review, event(1, first, **{"from": "protein", "shown": True}))
    decide(reviewing(review), review, {**event(1, "", "undo", tab="tab2"), "undoes": "", "label": ""})
    assert current_labels(review).is_open(first)
    assert len(decision_log.history(review.id)) == 2


@pytest.fixture
def downloads(monkeypatch):
    """Label of each download on the page -> (file name, bytes)."""
    files = {}

    def download(label, name, _mime, content):
        files[label] = name, content() if callable(content) else content

    monkeypatch.setattr(review_exports, "_download", download)
    return files


def test_history_shows_counts_and_exports_the_labels(downloads):
    review = new_review(20, names=[f"<script>{k}.png" for k in range(20)])
    names = review.table["particle"]
    record(review, event(1, names[0]), event(2, names[1], "keep"), event(3, names[2], "not_a_particle"))
    app = reviewing(review, look="History")
    reviewers = next(frame.value for frame in app.dataframe if "Wrong labels" in frame.value)
    assert reviewers.iloc[0][["Reviewer", "Reviewed", "Changed", "Kept"]].tolist() == ["Anna", 3, 1, 1]
    times = next(frame.value for frame in app.dataframe if "Purpose" in frame.value)
    assert [column for column in times if column.startswith("Time (")]
    table = pd.read_csv(io.BytesIO(downloads["Labels as CSV"][1]))
    assert table["label"].tolist()[:3] == ["air_bubble", "protein", "not_a_particle"]
    archive = zipfile.ZipFile(io.BytesIO(downloads["Tiles by class"][1]))
    assert len(archive.namelist()) == 19
    assert sum(name.startswith("air_bubble/") for name in archive.namelist()) == 1
    assert Image.open(archive.open(archive.namelist()[0])).size == (64, 64)
    assert len(downloads["Whole history"][1].splitlines()) == 1 + 20 + 3 + 1
    today = f"{datetime.now(UTC).astimezone():%Y-%m-%d}"
    assert downloads["Labels as CSV"][0] == f"A _b__labels_{today}.csv"
    app.button(key="history_verify").click().run()
    assert "Audit trail intact: 3 decisions" in app.success[0].value.replace("\\", "")
    app.button(key="cleaned_save").click().run()
    assert datasets.list_datasets()[0]["classes"] == {"protein": 18, "air_bubble": 1}
    assert not app.error
    assert not app.exception


def test_the_last_decision_is_undone_by_a_button():
    review = new_review(20)
    record(review, event(1, "p0"), event(2, "p1"))
    app = reviewing(review, look="History")
    app.button(key="history_undo").click().run()
    assert current_labels(review).is_open("p1")
    assert not current_labels(review).is_open("p0")


def test_a_random_check_is_drawn_and_shown_without_suggestions():
    review = new_review(300)
    app = reviewing(review)
    app.selectbox(key=f"{review.id}_Anna_what").set_value("audit").run()
    app.button(key="audit_draw").click().run()
    page = batches_of(app, review)[0]
    assert set(page.purposes) == {"audit"}
    assert "100 particles of the last draw" in page_text(app)
    batch = app.session_state[f"annotation_{review.id}_state"].grid_data[page.id]
    assert not any(item["suggested"] or item["probabilities"] for item in batch["items"])


def test_the_queue_is_reranked_after_each_page():
    count = 400
    review = new_review(count, score=np.linspace(0.1, 0.9, count))
    while hides_suggestion(review.id, "p0"):  # then the first page would be one of hidden suggestions, and shorter
        review = new_review(count, score=np.linspace(0.1, 0.9, count))
    coordinates = np.random.default_rng(0).normal(0, 0.3, (count, 6)).astype(np.float32)
    odd = np.arange(300, 340)  # like one another, and like a few of the first
    coordinates[odd] += 6
    coordinates[:40] += 6
    save_embedding(
        review.id, review.table["particle"].tolist(), np.full((count, 1), -1), coordinates, coordinates[:, :2]
    )
    app = reviewing(review)
    first = batches_of(app, review)[0]
    events = [
        event(n, particle, label="silicone_oil", **{"from": "protein", "shown": True})
        for n, particle in enumerate(first.particles, 1)
    ]
    app = decide(app, review, *events, finished=[first.id])
    ranks = app.session_state[f"ranks_{review.id}"][1]
    assert ranks[odd].mean() < 250 < odd.mean()
    assert sorted(ranks) == list(range(count))
    standing_pages = [page for page in batches_of(app, review) if page.id != first.id]
    assert len(standing_pages) >= 2
    assert all(page.moved_up >= 0 for page in standing_pages)


def test_the_result_of_a_random_check_is_shown():
    review = new_review(40)
    app = reviewing(review)
    app.selectbox(key=f"{review.id}_Anna_what").set_value("audit").run()
    app.button(key="audit_draw").click().run()
    drawn = batches_of(app, review)[0].particles
    record(review, *(event(n, p, "keep", purpose="audit") for n, p in enumerate(drawn, 1)))
    app.run()
    assert "0 of 40 labels wrong" in page_text(app)


def test_the_result_of_a_retraining_is_shown():
    tiles = draw_blocks(60, seed=1)
    tiles[30:] = 255 - tiles[30:]
    given = ["protein"] * 30 + ["air_bubble"] * 30
    review = new_review(60, given=given)
    np.save(workspace_root() / "reviews" / review.id / "tiles.npy", tiles)
    record(review, event(1, "p0"))
    app = open_page(PAGE, review=review.id, reviewer="Anna", desk="d1", look="Retrain")
    app.button(key="retrain_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "retrain"
    assert job.config["decisions"] == 1
    finish_job(job.id)
    app.run()
    table = next(frame.value for frame in app.dataframe if COLUMN_DIFFERENCE in frame.value)
    assert table["Class"].tolist() == ["All", "Protein", "Air bubble"]
    assert "trained on protein" in page_text(app)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("runs", [("day 5",), ("day 5", "day 6")])
def test_a_run_without_labels_is_exported_as_a_labelled_cla(tmp_path, runs, downloads):
    source = tmp_path / "source"
    source.mkdir()
    (source / "notes.txt").write_text("no list of classes yet")
    config = {"source": str(source), "weights": "resnet18", "um_per_px": None}
    job_id, _ = jobs.start("classify", config)
    make_job(
        jobs.job_folder(job_id),
        confident_probs("protein", "air_bubble", "?", "protein"),
        [5.0] * 4,
        source=str(source),
        instrument={"id": [11, 12, 13, 14]},
        runs=[run_facts(run) for run in runs],
        run_of=[runs[0]] * 3 + [runs[-1]],
    )
    mark_done(job_id, step=4, total=4)
    app = open_page(PAGE, of=job_id)
    app.button(key="review_of_job").click().run()
    review = store.open_review(store.list_reviews()[0]["review"])
    least_sure, *_ = review.table["particle"]
    assert least_sure == "day 5.lst#3"
    record(review, event(1, least_sure), event(2, "day 5.lst#1", "not_a_particle"))
    app = reviewing(review, look="History")
    assert not app.error
    assert not app.exception
    (classification,) = read_cla(downloads["Classes as .cla"][1])
    labels = {"12": "Air bubble", "13": "Air bubble"} | ({"14": "Protein"} if len(runs) == 1 else {})
    assert {particle: name for particle, name in classification.label_of().items() if particle != "11"} == labels


ODD = {
    "five images": (5, lambda k: ("protein", "air_bubble")[k % 2]),
    "a class of one": (20, lambda k: "speck" if k == 7 else "protein"),
    "a hundred classes": (200, lambda k: f"kind_{k % 100}"),
    "identical images": (30, lambda k: ("protein", "air_bubble")[k % 2]),
    "one class": (12, lambda k: "protein"),
}


@pytest.mark.parametrize("odd", ODD)
def test_every_view_opens_for_unusual_sets(odd):
    count, label = ODD[odd]
    tiles = draw_blocks(count, seed=3)
    if odd == "identical images":
        tiles[:] = tiles[0]
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(count)], "class": [label(k) for k in range(count)]})
    source = datasets.save_dataset(odd, "own", tiles, table, {})
    job_id, _ = jobs.start("suspect", {"kind": "dataset", "source": source, "name": odd})
    finish_job(job_id)
    (header,) = store.list_reviews()
    review = store.open_review(header["review"])
    assert len(review.table) == count
    for view in ("Decide", "Map", "History", "Retrain"):
        app = reviewing(review, look=view)
        assert not app.exception, (view, page_text(app))
        assert not app.error, (view, page_text(app))


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


def test_the_advice_follows_the_run_of_kept_labels():
    review = new_review(300, score=np.linspace(0, 1, 300))
    names = review.table["particle"].tolist()
    record(
        review,
        *(event(n, name) for n, name in enumerate(names[:14], 1)),
        *(event(15 + n, name, "keep") for n, name in enumerate(names[14:60])),
    )
    assert "46 labels in a row were kept since the last wrong one" in page_text(reviewing(review))
