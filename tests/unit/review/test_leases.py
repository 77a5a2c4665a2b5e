"""Leases: two reviewers of one queue get different particles, no page is lost, and a lease expires."""

import subprocess
import sys
import time

import pytest

from svp_core.errors import LabError
from svp_core.review import bookmarks, decision_log, leases
from svp_core.workspace.paths import repo_root
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record

# Reviews the queue batch by batch, as a browser tab does, until it has decided its share.
REVIEWER = """
import sys, time
from pathlib import Path
from svp_core.review import decision_log, leases, store
from tests.helpers.review_fixture import event
review_id, tab, gate, share = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
review = store.open_review(review_id)
Path(gate + "." + tab).touch()
while not Path(gate).exists():
    time.sleep(0.001)
now, n = review.current_labels(), 0
while n < share:
    now.add(decision_log.history(review_id, after=now.last_number))
    waiting = [particle for particle in review.positions if now.is_open(particle)]
    page = leases.lease(review_id, waiting, 7, holder=tab, reviewer=sys.argv[5])
    for particle in page[: share - n]:
        n += 1
        print(decision_log.record(review, [event(n, particle, tab=tab, reviewer=sys.argv[5])])[0].state, particle)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def lab(tmp_path, monkeypatch, request):
    return databases(tmp_path, monkeypatch, request.param)


def lease(review, count, holder="tab1", reviewer="Anna", particles=None, **options):
    return leases.lease(
        review.id, list(particles or review.positions), count, holder=holder, reviewer=reviewer, **options
    )


@pytest.mark.parametrize("names", [("Anna", "Ben"), ("Anna", "Anna")])
def test_two_browsers_decide_200_times_and_no_particle_twice(lab, names):
    review, gate = new_review(230), lab / "gate"
    browsers = [
        subprocess.Popen(
            [sys.executable, "-c", REVIEWER, review.id, f"tab{n}", str(gate), "100", name],
            cwd=repo_root(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for n, name in enumerate(names)
    ]
    while not all((lab / f"gate.tab{n}").exists() for n in range(2)):
        assert all(browser.poll() is None for browser in browsers)
        time.sleep(0.01)
    gate.touch()
    printed = [line.split() for browser in browsers for line in browser.communicate(timeout=120)[0].splitlines()]
    assert len(printed) == 200
    assert {state for state, _ in printed} == {"saved"}
    rows = decision_log.history(review.id)
    assert len(rows) == len({row.particle for row in rows}) == 200
    # Both went through the worst 200 or so, not each through a half of the queue.
    assert max(review.positions[row.particle] for row in rows) < 220


def test_leased_particles_go_to_nobody_else_and_are_leased_again_after_a_reload(lab):
    review = new_review()
    assert lease(review, 3) == ["p0", "p1", "p2"]
    assert lease(review, 3, "tab2", "Ben") == ["p3", "p4", "p5"]
    assert lease(review, 3) == ["p0", "p1", "p2"]  # the same tab, reloaded
    assert lease(review, 5) == ["p0", "p1", "p2", "p6", "p7"]
    assert lease(review, 2, particles=["p9", "p1", "p4"]) == ["p9", "p1"]  # in the order in which it was asked for
    assert {who for who, _ in leases.lease_holders(review.id).values()} == {"Anna", "Ben"}
    assert leases.lease_holders(review.id)["p4"][0] == "Ben"
    leases.release(review.id, "tab2")
    assert lease(review, 1, "tab3", "Cleo") == ["p3"]
    assert "p4" not in leases.lease_holders(review.id)


def test_decided_particles_are_leased_only_on_request(lab):
    review = new_review(4)
    record(review, event(1, "p0"), event(2, "p1"), event(3, "p2", "skip"), event(4, "p1", "undo", undoes="tab1/2"))
    assert lease(review, 9) == ["p1", "p2", "p3"]
    assert lease(review, 9, include_decided=True) == ["p0", "p1", "p2", "p3"]
    assert lease(review, 9, "tab2", "Ben", include_decided=True) == []
    assert lease(review, 0) == []
    assert leases.lease(review.id, [], 5, holder="t", reviewer="A") == []


def test_a_lease_expires_and_the_late_answer_is_stored(lab, monkeypatch):
    review = new_review(3)
    monkeypatch.setattr(leases, "LEASE_S", 0.2)
    assert lease(review, 2) == ["p0", "p1"]
    time.sleep(0.3)
    assert leases.lease_holders(review.id) == {}
    assert lease(review, 2, "tab2", "Ben") == ["p0", "p1"]
    assert record(review, event(1, "p0", tab="tab2", reviewer="Ben")) == ["saved"]
    assert record(review, event(1, "p0", "keep")) == ["late"]
    assert current_labels(review).label("p0") == "air_bubble"


def test_a_long_queue_is_looked_up_in_batches(lab):
    review = new_review(1300)
    record(review, *(event(n + 1, f"p{n}") for n in range(1200)))
    assert lease(review, 60) == [f"p{n}" for n in range(1200, 1260)]


def test_an_unknown_review_raises_an_error(lab):
    with pytest.raises(LabError, match="There is no review 'nowhere'"):
        leases.lease("nowhere", ["p0"], 1, holder="t", reviewer="A")


def test_each_reviewer_has_a_bookmark(lab):
    review = new_review()
    assert bookmarks.load_bookmark(review.id, "Anna") is None
    for position in ({"particle": "p3", "filter": {"pair": ["protein", "air_bubble"]}}, {"particle": "p7 ü"}):
        bookmarks.save_bookmark(review.id, "Anna", position)
        assert bookmarks.load_bookmark(review.id, "Anna") == position
    bookmarks.save_bookmark(review.id, "Ben", {"particle": "p1"})
    assert bookmarks.load_bookmark(review.id, "Anna") == {"particle": "p7 ü"}


def test_a_renewed_lease_lasts_and_a_silent_one_ends_within_a_minute(lab, monkeypatch):
    review = new_review(20)
    assert leases.LEASE_S <= 60
    now = time.time()
    lease(review, 5, "silent")
    lease(review, 5, "alive", "Ben")
    for passed in (20, 40, 60, 80):
        monkeypatch.setattr(leases.time, "time", lambda passed=passed: now + passed)
        leases.renew(review.id, ["alive"])
    assert {who for who, _ in leases.lease_holders(review.id).values()} == {"Ben"}
    assert lease(review, 5, "next", "Cy") == ["p0", "p1", "p2", "p3", "p4"]
    leases.release(review.id, "next")
    monkeypatch.setattr(leases.time, "time", lambda: now + 80 + 61)  # a minute after the last renewal
    assert leases.lease_holders(review.id) == {}
    assert lease(review, 10, "last", "Di") == [f"p{n}" for n in range(10)]
