"""Who has which particle on the screen, so that two reviewers of one queue do not decide the same one.

A claim is no lock on a decision: it keeps the particle from being handed to somebody else, and ends by itself. Whoever
comes back later still has what was decided kept (decisions: "late").
"""

import time

import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.review.current_labels import deciding_answer
from svp_core.review.decision_log import MAX_BATCH, decisions_on, lock_log
from svp_core.workspace.database import claim as claim_row
from svp_core.workspace.database import engine

LEASE_S = 900.0  # a page of particles is out for so long after it was last asked for


def lease(review_id, particles, count, *, holder, reviewer, again=False):
    """Hand out the first `count` of these particles that are open and with nobody else; a list of them, in order.

    particles: ids in the order of the queue, best without those known to be decided: all before the last one handed
    out are looked up. holder: the one open browser tab, kept over its reload; what it has already is handed out again
    and for another CLAIM_S. again: hand out decided ones too, for a second look.
    """
    now, out = time.time(), []
    try:
        with engine().begin() as db:
            lock_log(db, review_id)
            db.execute(claim_row.delete().where(claim_row.c.review == review_id, claim_row.c.until < now))
            held = {row.particle: row.holder for row in db.execute(_claims(review_id))}
            for start in range(0, len(particles), MAX_BATCH):
                free = [p for p in particles[start : start + MAX_BATCH] if held.get(p, holder) == holder]
                past = {} if again else decisions_on(db, review_id, free)
                out += [particle for particle in free if not deciding_answer(past.get(particle, ()))]
                if len(out) >= count:
                    break
            out = list(dict.fromkeys(out))[:count]
            new = [particle for particle in out if particle not in held]
            until = {"until": now + LEASE_S}
            if new:
                who = {"review": review_id, "holder": holder, "reviewer": reviewer}
                db.execute(claim_row.insert(), [{**who, "particle": particle, **until} for particle in new])
            db.execute(claim_row.update().where(*_of(review_id, holder)).values(**until))
    except sa.exc.OperationalError as error:
        raise LabError(f"The database did not answer in time ({error.orig}); try again.") from None
    return out


def release(review_id, holder):
    """Give back everything that this holder has; to be called when a page is done or left."""
    with engine().begin() as db:
        db.execute(claim_row.delete().where(*_of(review_id, holder)))


def lease_holders(review_id):
    """Particle -> (reviewer, until): what is out now; until in seconds since 1970, UTC."""
    with engine().connect() as db:
        found = db.execute(_claims(review_id).where(claim_row.c.until >= time.time()))
        return {row.particle: (row.reviewer, row.until) for row in found}


def _claims(review_id):
    return sa.select(claim_row).where(claim_row.c.review == review_id)


def _of(review_id, holder):
    return claim_row.c.review == review_id, claim_row.c.holder == holder
