"""Annotating on the page Review without a browser: batches, decisions, random checks, re-ranking, advice."""

import numpy as np
import pandas as pd
import pytest

from pages.ui.review import review_data
from svp_core.review import bookmarks, decision_log, store
from svp_core.review.blind_repeats import hides_suggestion
from svp_core.review.embedding_store import save_embedding
from svp_core.review.leases import lease_holders
from svp_core.workspace import datasets, jobs
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.finished_jobs import make_job
from tests.helpers.review_fixture import current_labels, event, new_review, record
from tests.helpers.review_page import PAGE, batches_of, decide, reviewing

ODD = {
    "five images": (5, lambda k: ("protein", "air_bubble")[k % 2]),
    "a class of one": (20, lambda k: "speck" if k == 7 else "protein"),
    "a hundred classes": (200, lambda k: f"kind_{k % 100}"),
    "identical images": (30, lambda k: ("protein", "air_bubble")[k % 2]),
    "one class": (12, lambda k: "protein"),
}


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
    assert "Classified by ResNet-18" in app.title[0].help.replace("\\", "")
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


def test_the_advice_follows_the_run_of_kept_labels():
    review = new_review(300, score=np.linspace(0, 1, 300))
    names = review.table["particle"].tolist()
    record(
        review,
        *(event(n, name) for n, name in enumerate(names[:14], 1)),
        *(event(15 + n, name, "keep") for n, name in enumerate(names[14:60])),
    )
    assert "46 labels in a row were kept since the last wrong one" in page_text(reviewing(review))
