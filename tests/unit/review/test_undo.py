"""Undo of decisions: itself a decision, one by one or a batch as a whole."""

import random

from svp_core.review import decision_log, store
from svp_core.review.current_labels import Decision, deciding_answer, effective_decisions
from tests.helpers.review_fixture import current_labels, event, new_review, record


def test_an_undo_is_a_decision_and_can_be_undone(lab):
    review = new_review()
    record(review, event(1, "p0"), event(2, "p0", label="silicone_oil"))
    assert record(review, event(3, "p0", "undo", undoes="tab1/2")) == ["saved"]
    assert current_labels(review).label("p0") == "air_bubble"
    assert record(review, event(4, "p0", "undo", undoes="tab1/1")) == ["saved"]
    assert current_labels(review).label("p0") == "protein"
    assert current_labels(review).is_open("p0")
    assert record(review, event(5, "p0", "undo", undoes="tab1/4")) == ["saved"]
    assert current_labels(review).label("p0") == "air_bubble"
    rows = decision_log.history(review.id)
    assert [(row.from_label, row.to_label) for row in rows[2:]] == [
        ("silicone_oil", "air_bubble"),
        ("air_bubble", "protein"),
        ("protein", "air_bubble"),
    ]
    assert len(rows) == 5


def test_undo_after_a_reload_goes_back_decision_by_decision(lab):
    review = new_review()
    record(review, event(1, "p0"), event(2, "p1", "keep"), event(1, "p5", tab="tab2", reviewer="Ben"))
    again = store.open_review(review.id)  # another process would open it like this
    # Z in a fresh tab, which knows nothing of the earlier decisions.
    undos = [event(n, "", "undo", tab="tab3") for n in (1, 2, 3)]
    outcomes = decision_log.record(again, undos)
    assert [o.state for o in outcomes] == ["saved", "saved", "refused"]
    assert "no decision that could be undone" in outcomes[2].message
    assert record(again, *undos[:2]) == ["known", "known"]
    assert [row.undoes for row in decision_log.history(review.id)[3:]] == ["tab1/2", "tab1/1"]
    assert set(current_labels(again).decided) == {"p5"}


def test_a_batch_is_undone_as_a_whole(lab):
    review = new_review()
    record(review, event(1, "p0"), *(event(n + 2, f"p{n + 1}", "keep", batch="page 7") for n in range(6)))
    now = current_labels(review)
    assert [o.state for o in decision_log.undo(review, now, "Anna")] == ["saved"] * 6
    now.add(decision_log.history(review.id, after=now.last_number))
    assert set(now.decided) == {"p0"}
    decision_log.undo(review, now, "Anna")
    now = current_labels(review)
    assert not now.decided
    assert decision_log.undo(review, now, "Anna") == []
    assert now.last_number == 14


def test_undos_that_are_refused(lab):
    review = new_review()
    record(review, event(1, "p0"), event(1, "p1", tab="b", reviewer="Ben"), event(2, "p2"), event(3, "p2", "unsure"))

    def outcome_of(*undo, **more):
        (outcome,) = decision_log.record(review, [event(undo[0], undo[1], "undo", undoes=undo[2], **more)])
        return outcome.state, outcome.message

    assert outcome_of(10, "p0", "tab9/1") == ("refused", "The decision to undo is not in this review.")
    assert outcome_of(11, "p1", "b/1")[1].startswith("Ben made this decision")
    assert outcome_of(12, "p2", "tab1/2")[1].startswith("Anna has decided this particle again since (unsure)")
    assert outcome_of(13, "p1", "b/1", again=True)[0] == "saved"
    assert outcome_of(14, "p0", "tab1/1")[0] == "saved"
    assert outcome_of(15, "p0", "tab1/1") == ("refused", "This decision is already undone.")


def test_effective_decisions_equal_the_literal_definition():
    """The definition taken literally: an undo counts when no later counting undo names it."""

    def counts(decision, decisions):
        later = decisions[decision.number :]
        return not any(d.undoes == decision.id and counts(d, decisions) for d in later)

    dice = random.Random(3)
    for _ in range(300):
        decisions = []
        for number in range(1, dice.randint(2, 12)):
            undoes = dice.choice(decisions).id if decisions and dice.random() < 0.6 else ""
            kind = "undo" if undoes else dice.choice(["label", "keep", "skip"])
            purpose = dice.choice(["queue", "late", "repeat"])
            decisions.append(
                Decision(
                    number,
                    "t",
                    number,
                    "p",
                    kind,
                    purpose,
                    "a",
                    f"b{number}",
                    "Anna",
                    None,
                    0.0,
                    "",
                    undoes,
                    "",
                    "{}",
                    "",
                    "",
                )
            )
        real = [d for d in decisions if d.kind != "undo" and counts(d, decisions)]
        assert effective_decisions(decisions) == real
        answers = [d for d in real if d.kind != "skip" and d.purpose == "queue"]
        assert deciding_answer(decisions) == (answers[-1] if answers else None)
