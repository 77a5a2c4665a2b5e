"""Leases on particles, so that two reviewers of one queue do not get the same one.

A lease does not lock a decision: it keeps the particle from being handed out to another tab, and expires by itself.
Decisions of a reviewer who returns after that are still recorded (decision_log: "late").
"""

import time
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from svp_core.review.current_labels import deciding_answer
from svp_core.review.decision_log import SQL_BATCH_SIZE, decisions_on, lock_log
from svp_core.workspace.database import claim as claim_row
from svp_core.workspace.database import engine

LEASE_S = 60.0  # a lease ends this long after its tab was last heard of; an open tab renews it (renew)


def lease(
    review_id: str,
    particles: Sequence[str],
    count: int,
    *,
    holder: str,
    reviewer: str,
    include_decided: bool = False,
) -> list[str]:
    """Lease the first `count` of these particles that are open and not leased to others; returns them in order.

    particles: ids in the order of the queue, preferably without those known to be decided: all before the last one
    leased are looked up. holder: the browser tab, the same after a reload; what it holds already is leased again, and
    everything it holds is renewed for LEASE_S. include_decided: lease decided particles too, for a second look.
    """
    now, leased = time.time(), []
    with engine().begin() as db:
        lock_log(db, review_id)
        db.execute(claim_row.delete().where(claim_row.c.review == review_id, ~_runs(now)))
        held = {row.particle: row.holder for row in db.execute(_leases_of(review_id))}
        for start in range(0, len(particles), SQL_BATCH_SIZE):
            free = [p for p in particles[start : start + SQL_BATCH_SIZE] if held.get(p, holder) == holder]
            past = {} if include_decided else decisions_on(db, review_id, free)
            leased += [particle for particle in free if not deciding_answer(past.get(particle, ()))]
            if len(leased) >= count:
                break
        leased = list(dict.fromkeys(leased))[:count]
        new = [particle for particle in leased if particle not in held]
        until = {"until": now + LEASE_S}
        if new:
            common = {"review": review_id, "holder": holder, "reviewer": reviewer}
            db.execute(claim_row.insert(), [{**common, "particle": particle, **until} for particle in new])
        db.execute(claim_row.update().where(*_held_by(review_id, holder)).values(**until))
    return leased


def renew(review_id: str, holders: Iterable[str]) -> None:
    """Let all leases of these holders last for LEASE_S from now on, expired ones too where nobody has taken them.

    Raises LabError where the database does not answer in time.
    """
    with engine().begin() as db:
        for holder in holders:
            db.execute(claim_row.update().where(*_held_by(review_id, holder)).values(until=time.time() + LEASE_S))


def release(review_id: str, holder: str) -> None:
    """End all leases of this holder: its page is finished, or its tab is closed."""
    with engine().begin() as db:
        db.execute(claim_row.delete().where(*_held_by(review_id, holder)))


def lease_holders(review_id: str) -> dict[str, tuple[str, float]]:
    """Particle -> (reviewer, until) of the leases that run now; until in seconds since 1970, UTC."""
    with engine().connect() as db:
        rows = db.execute(_leases_of(review_id).where(_runs(time.time())))
        return {row.particle: (row.reviewer, row.until) for row in rows}


def _runs(now: float) -> sa.ColumnElement[bool]:
    """Whether a lease runs. One that ends later than any can was written while a clock was ahead."""
    return claim_row.c.until.between(now, now + 2 * LEASE_S)


def _leases_of(review_id: str) -> sa.Select:
    return sa.select(claim_row).where(claim_row.c.review == review_id)


def _held_by(review_id: str, holder: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return claim_row.c.review == review_id, claim_row.c.holder == holder
