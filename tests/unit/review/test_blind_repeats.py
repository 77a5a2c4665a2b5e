"""Blind repeats, second reviews, hidden suggestions and random audits of a review."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.review import blind_repeats, decision_log, history_file, random_audit
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def test_five_percent_are_repeated_blind_and_each_once(lab):
    review = new_review(2000)
    record(review, *(event(n + 1, f"p{n}") for n in range(2000)))
    now = current_labels(review)
    due = blind_repeats.repeats_due(review.id, now, "Anna")
    # 5 % of the 1,950 that were decided 50 or more decisions ago, in no order that could be recognised.
    assert 65 <= len(due) <= 135
    assert all(int(particle[1:]) < 1950 for particle in due)
    assert [int(particle[1:]) for particle in due] != sorted(int(particle[1:]) for particle in due)
    assert due == blind_repeats.repeats_due(review.id, current_labels(review), "Anna")
    record(review, *(event(5000 + n, particle, purpose="repeat") for n, particle in enumerate(due[:30])))
    assert blind_repeats.repeats_due(review.id, current_labels(review), "Anna") == due[30:]
    assert (
        blind_repeats.repeats_due(review.id, now, "Ben")
        == []
        == blind_repeats.second_reviews_due(review.id, now, "Anna")
    )
    # The same ones for every second reviewer; others than come back to the first.
    second = blind_repeats.second_reviews_due(review.id, now, "Ben")
    assert second == blind_repeats.second_reviews_due(review.id, now, "Cleo")
    assert 65 <= len(second) <= 140
    assert len(set(second) & set(due)) < 30
    assert len(blind_repeats.repeats_due(review.id, now, "Anna", share=1, apart=0)) == 2000


def test_a_tenth_has_its_suggestion_hidden(lab):
    hidden = [blind_repeats.hides_suggestion("r1", f"p{n}") for n in range(5000)]
    assert 0.085 < np.mean(hidden) < 0.115
    assert hidden == [blind_repeats.hides_suggestion("r1", f"p{n}") for n in range(5000)]
    assert hidden != [blind_repeats.hides_suggestion("r2", f"p{n}") for n in range(5000)]


def test_agreement_pairs_the_right_reviewers_and_splits_by_size(lab):
    review = new_review(40)
    ben = {"tab": "b", "reviewer": "Ben", "purpose": "second"}
    record(review, *(event(n + 1, f"p{n}", label="air_bubble" if n % 2 else "silicone_oil") for n in range(40)))
    # Of the small ones Ben sees half otherwise, of the large ones none; Anna repeats herself but once.
    record(
        review,
        *(
            event(n + 1, f"p{n}", label="silicone_oil" if n < 10 or n % 2 == 0 else "air_bubble", **ben)
            for n in range(40)
        ),
    )
    again = ["air_bubble" if n % 2 or n == 8 else "silicone_oil" for n in range(30)]
    record(review, *(event(100 + n, f"p{n}", label=again[n], purpose="repeat") for n in range(30)))
    # Not one of these may count: undone, late, on one that was never decided.
    record(review, event(900, "p0", "unsure", purpose="repeat"), event(901, "p0", "undo", undoes="tab1/900"))
    record(review, event(1, "p1", "unsure", tab="c", reviewer="Cleo"))
    sizes = {f"p{n}": 4.0 if n < 10 else 12.0 for n in range(40)}
    own, other = blind_repeats.blind_repeats(current_labels(review), sizes)
    assert (own.first, own.second, own.overall.n) == ("Anna", "Anna", 30)
    assert own.overall.same.value == 29 / 30
    assert (other.first, other.second, other.overall.n) == ("Anna", "Ben", 40)
    assert other.overall.same.value == 35 / 40
    small, large = (agreement for _, _, agreement in other.by_size)
    assert (small.n, small.same.value, large.n, large.same.value) == (10, 0.5, 30, 1.0)
    assert other.overall.table.tolist() == [[15, 5], [0, 20]]
    assert blind_repeats.blind_repeats(current_labels(review))[0].by_size == []
    assert blind_repeats.blind_repeats(review.current_labels()) == []


def test_a_repeat_is_compared_with_the_answer_before_it(lab):
    review = new_review(2)
    record(review, event(1, "p0", label="silicone_oil"), event(2, "p0", label="air_bubble", purpose="repeat"))
    record(review, event(3, "p0", label="air_bubble"))
    (own,) = blind_repeats.blind_repeats(current_labels(review))
    assert own.overall.same.value == 0
    assert not current_labels(review).disagreements()


def test_anchoring_is_measured_from_the_evidence(lab):
    review = new_review(400)
    sent = []
    for n in range(400):
        shown = n % 4 != 0
        follows = n % 8 != 1 if shown else n % 8 == 0
        more = {"label": "air_bubble"} if follows else {}
        sent.append(event(n + 1, f"p{n}", "label" if follows else "keep", evidence={"shown": shown}, **more))
    record(review, *sent)
    anchoring = blind_repeats.anchoring_of(current_labels(review))
    assert (anchoring.shown.n, anchoring.hidden.n) == (300, 100)
    assert anchoring.shown.value == pytest.approx(250 / 300)
    assert anchoring.hidden.value == 0.5
    assert blind_repeats.anchoring_of(current_labels(review), "Ben") is None


def test_an_audit_draws_open_particles_and_counts_wrong_labels(lab):
    review = new_review(1000)
    record(review, *(event(n + 1, f"p{n}") for n in range(100)))
    now = current_labels(review)
    assert random_audit.last_audit(now) is None
    audit = random_audit.start_audit(review, now, "Anna", draws=90)
    assert [(part.size, part.drawn) for part in audit.strata] == [(90, 0), (180, 0), (630, 0)]
    assert audit.remaining is None
    assert len(audit.open_particles) == 90
    assert all(now.is_open(particle) for particle in audit.open_particles)
    # Mixed: the first ten shown come from all over the queue.
    assert (
        max(int(particle[1:]) for particle in audit.open_particles[:10])
        > 300
        > min(int(p[1:]) for p in audit.open_particles[:10])
    )
    positions = {particle: int(particle[1:]) for particle in audit.open_particles}
    wrong = [particle for particle, position in positions.items() if position < 130]
    kinds = {particle: "label" if particle in wrong else "keep" for particle in positions}
    unsure = next(particle for particle in positions if positions[particle] > 400)
    kinds[unsure] = "unsure"
    record(review, *(event(200 + n, p, kinds[p], purpose="audit") for n, p in enumerate(audit.open_particles[:-1])))
    half = random_audit.last_audit(current_labels(review))
    assert half.open_particles == audit.open_particles[-1:]
    assert half.number == audit.number
    record(review, event(900, audit.open_particles[-1], kinds[audit.open_particles[-1]], purpose="audit"))
    done = random_audit.last_audit(now.add(decision_log.history(review.id, after=now.last_number)))
    assert done.open_particles == []
    assert [part.drawn for part in done.strata] == [45, 23, 22]
    assert done.strata[0].wrong == len(wrong)
    assert done.strata[2].unsure == 1
    assert done.remaining.size == 810
    assert done.remaining.value == pytest.approx(45 * len(wrong) / 45)
    # The draw itself is in the history, and says which it was.
    draw = decision_log.history(review.id)[100]
    assert draw.kind == "draw"
    assert len(draw.evidence_dict["parts"]) == 3
    assert history_file.verify(review.id).sound
    assert current_labels(review).labels()["state"].eq("open").sum() == 810


def test_a_second_draw_differs_and_nothing_can_be_drawn_at_the_end(lab):
    review = new_review(5)
    now = current_labels(review)
    first, second = (random_audit.start_audit(review, now, "Anna", draws=2).open_particles for _ in range(2))
    assert random_audit.last_audit(now).number == 2
    assert len(first) == len(second) == 3
    assert sorted(random_audit.start_audit(review, now, "Anna", order=["p4", "p3"]).open_particles) == ["p3", "p4"]
    record(review, *(event(n + 1, f"p{n}") for n in range(5)))
    with pytest.raises(LabError, match="Every particle of this review is decided"):
        random_audit.start_audit(review, current_labels(review), "Anna")
