"""The decision log: what is sent is stored once, in its order, as text, and never changed."""

import random
import sqlite3
import time

import pytest
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.review import decision_log, history_file, store
from svp_core.workspace import database, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record


def test_forty_decisions_at_once_are_forty_rows_in_their_order(lab):
    review = new_review(40)
    sent = [event(n + 1, f"p{39 - n}", label=("air_bubble", "silicone_oil")[n % 2]) for n in range(40)]
    shuffled = random.Random(1).sample(sent, 40)
    outcomes = decision_log.record(review, shuffled)
    assert [(o.n, o.particle, o.state) for o in outcomes] == [(e["n"], e["particle"], "saved") for e in shuffled]
    rows = decision_log.history(review.id)
    assert [row.number for row in rows] == [row.n for row in rows] == list(range(1, 41))
    assert [row.particle for row in rows] == [f"p{39 - n}" for n in range(40)]
    assert [row.to_label for row in rows] == ["air_bubble", "silicone_oil"] * 20
    assert {row.from_label for row in rows} == {"protein"}
    assert {row.reviewer for row in rows} == {"Anna"}
    assert [row.browser_time for row in rows] == [e["at"] for e in sent]
    assert all(abs(row.server_time - time.time()) < 60 for row in rows)


def test_within_one_tab_the_count_gives_the_order_not_the_clock(lab):
    review = new_review()
    back = event(2, "p0", label="silicone_oil") | {"at": 1_700_000_000}
    other = event(1, "p1", tab="tab0", reviewer="Ben") | {"at": 1_790_000_000}
    assert record(review, back, other, event(1, "p0")) == ["saved"] * 3
    assert [(d.tab, d.n) for d in decision_log.history(review.id)] == [("tab0", 1), ("tab1", 1), ("tab1", 2)]
    assert current_labels(review).label("p0") == "silicone_oil"


def test_an_event_sent_twice_is_stored_once(lab):
    review = new_review()
    sent = [event(n + 1, f"p{n}") for n in range(5)]
    assert record(review, *sent[:3]) == ["saved"] * 3
    # Everything not yet confirmed comes every time, after a reload from the beginning.
    assert record(review, *sent) == ["known"] * 3 + ["saved"] * 2
    assert record(review, *sent, sent[0]) == ["known"] * 6
    assert record(review, event(9, "p9"), event(9, "p9")) == ["saved", "known"]
    assert len(decision_log.history(review.id)) == 6
    (other,) = decision_log.record(review, [event(1, "p7")])
    assert other.state == "refused"
    assert other.message.startswith("Decision 1 of this tab is already stored")


def test_evidence_records_what_was_known_and_shown(lab):
    review = new_review(2, score=[0.123456789, float("nan")], rank=[1, 2], words=["not", "evidence"])
    record(review, event(1, "p0", evidence={"shown": False, "neighbours": ["p1"], "score": 0.5}), event(2, "p1"))
    first, second = (decision.evidence_dict for decision in decision_log.history(review.id))
    assert first == {
        "model": "resnet18",
        "suggested": "air_bubble",
        "rank": 1,
        "score": 0.5,
        "shown": False,
        "neighbours": ["p1"],
    }
    assert second == {"model": "resnet18", "suggested": "air_bubble", "rank": 2, "score": None}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (event(1, "p0", reviewer="  "), "A decision needs the name of its reviewer; enter yours."),
        (event(1, "p99"), "There is no particle 'p99' in this review."),
        (event(1, "p0", "delete"), "'delete' ('queue') is not a valid decision"),
        (event(1, "p0", purpose="late"), "'label' ('late') is not a valid decision"),
        (event(1, "p0", "draw"), "'draw' ('queue') is not a valid decision"),
        (event(1, "p0", label="glass"), "'glass' is not a class of this review"),
        (event(1, "p0", label=None), "'None' is not a class"),
        (event(1, "p0", reason="x" * 2001), "The reason is too long; the limit is 2,000"),
        (event(1, "p0", evidence={"x": "x" * 9000}), "The evidence of this decision is longer than 8,000"),
    ],
)
def test_invalid_events_are_refused_with_a_reason(tmp_path, monkeypatch, sent, message):
    databases(tmp_path, monkeypatch, "sqlite")
    review = new_review()
    outcomes = decision_log.record(review, [sent, event(2, "p1")])
    assert outcomes[0].state == "refused"
    assert outcomes[0].message.startswith(message)
    assert outcomes[1].state == "saved"
    assert len(decision_log.history(review.id)) == 1


def test_more_classes_can_be_allowed_than_the_review_has(lab):
    review = new_review()
    assert record(review, event(1, "p0", label="glass_flake"), more_classes=["glass_flake"]) == ["saved"]
    assert current_labels(review).label("p0") == "glass_flake"


def test_names_and_texts_of_any_kind_are_stored_as_text(lab):
    names = [
        "<script>alert(1)</script>.png",
        "x" * 300,
        "NA",
        "null",
        "日本/ü 🫧.png",
        "a\udce4.png",
        "a\nb",
        "'; DROP",
    ]
    review = new_review(names=names, given=["NA", "", "protein", "nan", "None", "protein", "protein", "protein"])
    assert list(review.positions) == [*names[:5], "a\\udce4.png", *names[6:]]
    assert [review.given(particle) for particle in list(review.positions)[:5]] == ["NA", "", "protein", "nan", "None"]
    sent = [
        event(n, particle, reviewer="Ö\0'<b>", reason="\ud800 lone") for n, particle in enumerate(review.positions, 1)
    ]
    assert record(review, *sent) == ["saved"] * len(names)
    rows = decision_log.history(review.id)
    assert [row.particle for row in rows] == list(review.positions)
    assert rows[0].reason == "? lone"
    assert rows[0].reviewer == "Ö�'<b>"
    assert history_file.verify(review.id).sound


def test_the_database_itself_refuses_to_change_a_decision(lab):
    review = new_review()
    record(review, event(1, "p0"))
    row = database.decision
    for change in (row.update().values(to_label="protein"), row.delete()):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added"), database.engine().begin() as db:
            db.execute(change)
    assert current_labels(review).label("p0") == "air_bubble"


def test_a_workspace_of_an_earlier_version_gets_the_new_tables(tmp_path, monkeypatch):
    databases(tmp_path, monkeypatch, "sqlite")
    with sqlite3.connect(workspace_root() / "lab.sqlite") as old:
        old.execute(
            "CREATE TABLE job (id VARCHAR(32) PRIMARY KEY, kind VARCHAR(40), config JSON, same_as TEXT, "
            "state VARCHAR(10), cancel BOOLEAN, worker VARCHAR(32), slot INTEGER, step INTEGER, total INTEGER, "
            "message TEXT, error TEXT, created FLOAT, started FLOAT, ended FLOAT, heartbeat FLOAT)"
        )
        old.execute(
            "INSERT INTO job (id, kind, config, state, step, message, error, created, heartbeat) "
            "VALUES ('a', 'walk', '{}', 'done', 3, '', '', 1, 1)"
        )
    old.close()
    review = new_review()
    assert record(review, event(1, "p0")) == ["saved"]
    assert [job.id for job in jobs.recent()] == ["a"]


def test_an_unknown_review_raises_an_error(lab):
    review = new_review()
    unknown = store.Review("0" * 12, review.header, review.table, None, None, "Unknown")
    with pytest.raises(LabError, match="There is no review '000000000000'"):
        decision_log.record(unknown, [event(1, "p0")])


def test_a_decision_without_its_key_is_a_defect(lab):
    for broken in ({"tab": ""}, {"n": 0}, {"n": "1"}, {"n": True}):
        with pytest.raises(ValueError, match="needs a tab"):
            decision_log.record(new_review(1), [event(1, "p0") | broken])
