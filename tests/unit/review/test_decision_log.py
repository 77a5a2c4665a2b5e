"""Decision log: every decision stored once and in order; undo; refused events; concurrent writers."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.review import decision_log, history_file, store
from svp_core.review.current_labels import Decision, deciding_answer, effective_decisions
from svp_core.review.progress import progress_by_pair, review_progress, reviewers
from svp_core.workspace import database, jobs
from svp_core.workspace.paths import repo_root, workspace_root
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record

# Decides in its own tab; prints after each call what is on disk.
WRITER = """
import sys, time
from pathlib import Path
from svp_core.review import decision_log, store
from tests.helpers.review_fixture import event
review_id, tab, gate, count, at_once = sys.argv[1:4] + [int(text) for text in sys.argv[4:]]
review = store.open_review(review_id)
Path(gate + "." + tab).touch()
while not Path(gate).exists():
    time.sleep(0.001)
for start in range(0, count, at_once):
    sent = [event(n + 1, f"p{n}", tab=tab, reviewer=tab, purpose="settle") for n in range(start, start + at_once)]
    for outcome in decision_log.record(review, sent):
        print(outcome.state, outcome.tab, outcome.n, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def lab(tmp_path, monkeypatch, request):
    return databases(tmp_path, monkeypatch, request.param)


def start_writers(review, lab, tabs, count, at_once):
    gate = lab / "gate"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, review.id, tab, str(gate), str(count), str(at_once)],
            cwd=repo_root(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for tab in tabs
    ]
    while not all((lab / f"gate.{tab}").exists() for tab in tabs):
        assert all(writer.poll() is None for writer in writers)
        time.sleep(0.01)
    gate.touch()
    return writers


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

    def words(*undo, **more):
        (outcome,) = decision_log.record(review, [event(undo[0], undo[1], "undo", undoes=undo[2], **more)])
        return outcome.state, outcome.message

    assert words(10, "p0", "tab9/1") == ("refused", "The decision to undo is not in this review.")
    assert words(11, "p1", "b/1")[1].startswith("Ben made this decision")
    assert words(12, "p2", "tab1/2")[1].startswith("Anna has decided this particle again since (unsure)")
    assert words(13, "p1", "b/1", again=True)[0] == "saved"
    assert words(14, "p0", "tab1/1")[0] == "saved"
    assert words(15, "p0", "tab1/1") == ("refused", "This decision is already undone.")


def test_effective_decisions_equal_the_literal_definition():
    """The definition taken literally: an undo counts when no later counting undo names it."""

    def counts(decision, decisions):
        later = decisions[decision.number :]
        return not any(d.undoes == decision.id and counts(d, decisions) for d in later)

    dice = random.Random(3)
    for _ in range(300):
        made = []
        for number in range(1, dice.randint(2, 12)):
            undoes = dice.choice(made).id if made and dice.random() < 0.6 else ""
            kind = "undo" if undoes else dice.choice(["label", "keep", "skip"])
            purpose = dice.choice(["queue", "late", "repeat"])
            made.append(
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
        real = [d for d in made if d.kind != "undo" and counts(d, made)]
        assert effective_decisions(made) == real
        answers = [d for d in real if d.kind != "skip" and d.purpose == "queue"]
        assert deciding_answer(made) == (answers[-1] if answers else None)


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
    found = progress_by_pair(current_labels(review), review.table["suggested"])
    assert list(found.columns) == [
        "given",
        "suggested",
        "count",
        "reviewed",
        "changed",
        "kept",
        "unsure",
        "not_a_particle",
    ]
    assert found.to_numpy().tolist() == [
        ["protein", "air_bubble", 3, 2, 1, 1, 0, 0],
        ["", "air_bubble", 1, 1, 0, 0, 0, 1],
        ["silicone_oil", "air_bubble", 1, 1, 0, 0, 1, 0],
    ]
    assert progress_by_pair(current_labels(review), [""] * 6).empty


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


def test_processes_writing_at_once_make_one_chain(lab):
    review = new_review(25)
    tabs = [f"w{number}" for number in range(4)]
    writers = start_writers(review, lab, tabs, 25, 1)
    said = [line for writer in writers for line in writer.communicate(timeout=120)[0].splitlines()]
    assert len(said) == 100
    assert all(line.startswith("saved") for line in said)
    rows = decision_log.history(review.id)
    assert [row.number for row in rows] == list(range(1, 101))
    for tab in tabs:
        assert [row.n for row in rows if row.tab == tab] == list(range(1, 26))
    verdict = history_file.verify(review.id)
    assert verdict.sound
    assert verdict.count == 100


def test_threads_writing_at_once_make_one_chain(lab):
    review, states = new_review(50), []

    def write(tab):
        for n in range(50):
            states.extend(record(review, event(n + 1, f"p{n}", tab=tab)))

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states == ["saved"] * 200
    assert history_file.verify(review.id).count == 200


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_process_loses_nothing_that_it_reported_as_saved(lab):
    review, tab = new_review(4000), "w" * 40  # so long that the pipe is full before the writer comes to its end
    (writer,) = start_writers(review, lab, [tab], 4000, 4)
    said = [writer.stdout.readline() for _ in range(60)]
    writer.send_signal(signal.SIGKILL)
    said = [line for line in "".join([*said, writer.stdout.read()]).splitlines() if line.count(" ") == 2]
    writer.wait()
    kept = {f"saved {row.tab} {row.n}" for row in decision_log.history(review.id)}
    assert 60 <= len(said) < 4000
    assert set(said[:-1]) <= kept
    # Whole calls only, and the history goes on from there.
    assert len(kept) % 4 == 0
    assert history_file.verify(review.id).sound
    assert record(review, event(1, "p0", tab=tab, reviewer=tab, purpose="settle"), event(1, "p1")) == ["known", "late"]


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


def test_a_database_that_stays_locked_raises_an_error_and_nothing_is_written(tmp_path, monkeypatch):
    databases(tmp_path, monkeypatch, "sqlite")
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.2)
    review = new_review()
    other = sqlite3.connect(workspace_root() / "lab.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LabError, match="could not be written .*locked.*sent again"):
        decision_log.record(review, [event(1, "p0")])
    other.execute("ROLLBACK")
    other.close()
    assert record(review, event(1, "p0")) == ["saved"]


def test_an_unknown_review_raises_an_error(lab):
    review = new_review()
    unknown = store.Review("0" * 12, review.header, review.table, None, None, "Unknown")
    with pytest.raises(LabError, match="There is no review '000000000000'"):
        decision_log.record(unknown, [event(1, "p0")])


def test_a_decision_without_its_key_is_a_defect(lab):
    for broken in ({"tab": ""}, {"n": 0}, {"n": "1"}, {"n": True}):
        with pytest.raises(ValueError, match="needs a tab"):
            decision_log.record(new_review(1), [event(1, "p0") | broken])
