"""Current labels after a history of decisions: late and blind ones, keep, states, progress."""

import pytest

from svp_core.review import decision_log
from svp_core.review.progress import progress_by_pair, review_progress, reviewers
from tests.helpers.review_fixture import current_labels, event, new_review, record


def test_a_late_decision_is_stored_as_a_second_opinion(lab):
    review = new_review()
    record(review, event(1, "p0"))
    (late,) = decision_log.record(review, [event(1, "p0", tab="b", reviewer="Ben", label="silicone_oil")])
    assert late.state == "late"
    assert late.message.startswith("Anna has already decided this particle (air_bubble)")
    now = current_labels(review)
    assert now.label("p0") == "air_bubble"
    assert len(now.decisions["p0"]) == 2
    assert [[d.to_label for d in ds] for ds in now.disagreements().values()] == [["air_bubble", "silicone_oil"]]
    # Asked to decide again, or to settle: then the new one stands.
    assert record(review, event(2, "p0", tab="b", reviewer="Ben", label="silicone_oil", again=True)) == ["saved"]
    assert current_labels(review).label("p0") == "silicone_oil"
    assert not current_labels(review).disagreements()
    assert record(review, event(2, "p0", label="air_bubble", purpose="settle")) == ["saved"]
    assert current_labels(review).label("p0") == "air_bubble"
    assert not current_labels(review).disagreements()
    assert record(review, event(3, "p0", "undo", undoes="tab1/2")) == ["saved"]
    assert current_labels(review).label("p0") == "silicone_oil"


def test_blind_answers_change_no_label(lab):
    review = new_review()
    ben = {"tab": "b", "reviewer": "Ben", "purpose": "second"}
    record(review, event(1, "p0"), event(2, "p0", label="silicone_oil", purpose="repeat"))
    record(review, event(1, "p0", "unsure", **ben), event(2, "p1", **ben))
    now = current_labels(review)
    assert now.label("p0") == "air_bubble"
    assert now.is_open("p1")
    assert [d.purpose for d in now.disagreements()["p0"]] == ["queue", "repeat", "second"]


def test_keep_means_the_label_shown_on_the_screen(lab):
    review = new_review(3, given=["protein", "", "protein"])
    record(review, event(1, "p0", "keep"), event(2, "p1", "keep"), event(3, "p2"))
    assert [(d.particle, d.to_label) for d in decision_log.history(review.id)] == [
        ("p0", "protein"),
        ("p2", "air_bubble"),
    ]
    (nothing,) = decision_log.record(review, [event(4, "p1", "keep")])
    assert "no label to keep" in nothing.message
    # The other tab of the same person still shows protein.
    record(review, event(1, "p2", "keep", tab="old", **{"from": "protein"}))
    assert current_labels(review).state("p2") == "kept"
    assert current_labels(review).label("p2") == "protein"
    (invented,) = decision_log.record(review, [event(5, "p2", "keep", **{"from": "<b>"})])
    assert invented.message == "'<b>' was never a label of this particle."


def test_labels_states_and_progress(lab):
    review = new_review(6, given=["protein", "protein", "protein", "protein", "", "protein"])
    record(review, event(1, "p0"), event(2, "p1", "keep"), event(3, "p2", "unsure"), event(4, "p3", "not_a_particle"))
    record(review, event(5, "p4", label="protein", reason="round"), event(6, "p5", "skip", tab="b", reviewer="Ben"))
    now = current_labels(review)
    labels = now.labels()
    assert list(labels["label"]) == ["air_bubble", "protein", "unsure", "not_a_particle", "protein", "protein"]
    assert list(labels["state"]) == ["changed", "kept", "unsure", "not_a_particle", "changed", "open"]
    assert list(labels["reviewer"]) == ["Anna"] * 5 + [""]
    assert labels["reason"][4] == "round"
    everyone = review_progress(now)
    assert (everyone.reviewed, everyone.changed, everyone.kept) == (5, 2, 1)
    assert (everyone.unsure, everyone.not_a_particle) == (1, 1)
    assert everyone.hit_rate.value == 3 / 4
    assert everyone.hit_rate.n == 4
    assert everyone.seconds == pytest.approx(0.02, abs=0.001)
    assert review_progress(now, "Ben").reviewed == 0
    assert reviewers(now) == ["Anna", "Ben"]
    assert now.skipped("Ben") == {"p5"}
    assert not now.skipped("Anna")
    assert review_progress(review.current_labels()).hit_rate is None
    assert review_progress(review.current_labels()).last_time is None


def test_every_suggested_change_is_counted_separately(lab):
    review = new_review(6, given=["protein", "protein", "protein", "silicone_oil", "air_bubble", ""])
    record(review, event(1, "p0"), event(2, "p1", "keep"), event(3, "p3", "unsure"), event(4, "p5", "not_a_particle"))
    table = progress_by_pair(current_labels(review), review.table["suggested"])
    assert list(table.columns) == [
        "given",
        "suggested",
        "count",
        "reviewed",
        "changed",
        "kept",
        "unsure",
        "not_a_particle",
    ]
    assert table.to_numpy().tolist() == [
        ["protein", "air_bubble", 3, 2, 1, 1, 0, 0],
        ["", "air_bubble", 1, 1, 0, 0, 0, 1],
        ["silicone_oil", "air_bubble", 1, 1, 0, 0, 1, 0],
    ]
    assert progress_by_pair(current_labels(review), [""] * 6).empty
