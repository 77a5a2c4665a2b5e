"""What reviewers decided: rows that only ever join a review's history, each on disk before anybody is told so.

A decision names its particle by id and itself by (tab, n), which the browser counts: sent twice it is there once, and
an undo can name it before the server has answered. What follows from the history stands in workspace.standing.
"""

import time
from collections import defaultdict
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.review.current_labels import Decision, effective_decisions
from svp_core.review.decision_rules import Outcome, clean, decide, in_order, outcome, read
from svp_core.review.hash_chain import canonical_json, next_hash
from svp_core.workspace.database import decision as decision_row
from svp_core.workspace.database import engine, lasting
from svp_core.workspace.database import review as review_row

MAX_BATCH = 500  # names in one SQL statement
_COLUMNS = sa.select(*(decision_row.c[name] for name in Decision._fields))


def record(review, events, *, more_classes=()):
    """Add decisions to the history of an open reviews.Review, all in one transaction; an Outcome for each, as given.

    events: dicts with tab, n, reviewer, particle, kind ("label" with label, "keep", "unsure", "not_a_particle", "skip",
    or "undo" with undoes = "tab/n"; particle and undoes empty: the reviewer's last one), and optionally at (s since
    1970, when the key was pressed), purpose ("queue" unless given), from (what the screen showed as the label), batch,
    reason, evidence (dict), again (True: decide although another reviewer has). They come from a browser: each is
    checked, and they may come in any order. more_classes: class keys allowed beside the review's. Raises LabError when
    nothing could be written; then all of them may be sent again.
    """
    sent = [read(review, event, more_classes) for event in events]
    outcomes = {id(event): event for event in sent if isinstance(event, Outcome)}
    fit = in_order([event for event in sent if not isinstance(event, Outcome)])
    with _history(review.id) as end:
        known = _known(end.db, review.id, fit)
        past = decisions_on(end.db, review.id, [event["particle"] for event in fit])
        for event in fit:
            outcomes[id(event)] = _join(end, review, event, known, past)
    return [outcomes[id(event)] for event in sent]


def _join(end, review, event, known, past):
    key = (event["tab"], event["n"])
    if key in known:
        particle, kind = known[key]
        same = kind == event["kind"] and event["particle"] in (particle, "")
        words = f"Decision {key[1]} of this tab is there already and says something else; decide again."
        return outcome(event, "known") if same else outcome(event, "refused", words)
    if not event["particle"]:
        last = _last_of(end, review.id, event["reviewer"], past)
        if last is None:
            return outcome(event, "refused", "There is no decision of yours that could be taken back.")
        event = event | {"particle": last.particle, "undoes": last.id}
    row = decide(review, event, past[event["particle"]])
    if isinstance(row, str):
        return outcome(event, "refused", row)
    words = row.pop("words", "")
    past[event["particle"]].append(end.add(row))
    known[key] = (event["particle"], event["kind"])
    return outcome(event, "late" if row["purpose"] == "late" else "saved", words)


def record_draw(review, reviewer, evidence):
    """Add to the history which particles were drawn for an audit; returns the Decision. evidence: JSON-ready dict."""
    with _history(review.id) as end:
        return end.add(
            {
                "tab": f"draw-{uuid4().hex}",
                "n": 1,
                "particle": "",
                "kind": "draw",
                "purpose": "audit",
                "from_label": "",
                "to_label": "",
                "reviewer": clean(reviewer),
                "browser_time": None,
                "batch": "",
                "undoes": "",
                "reason": "",
                "evidence": canonical_json(evidence),
            }
        )


def undo(review, standing, reviewer):
    """Take back the reviewer's last effective decision, with all of its batch; Outcomes, empty when there is none.

    standing: the review's Standing, up to date. For a button, and after a reload; calling it again goes further back.
    """
    last = standing.last_of(reviewer)
    if last is None:
        return []
    batch = [last]
    if last.batch:
        own = (d for decisions in list(standing.all.values()) for d in effective_decisions(decisions))
        batch = sorted((d for d in own if (d.batch, d.reviewer) == (last.batch, reviewer)), key=lambda d: -d.number)
    tab = f"undo-{uuid4().hex}"
    return record(
        review,
        [
            {
                "tab": tab,
                "n": n,
                "reviewer": reviewer,
                "particle": d.particle,
                "kind": "undo",
                "undoes": d.id,
                "at": time.time(),
            }
            for n, d in enumerate(batch, 1)
        ],
    )


def history(review_id, *, after=0):
    """The review's Decisions with a number above `after`, in order."""
    these = _COLUMNS.where(decision_row.c.review == review_id, decision_row.c.number > after)
    with engine().connect() as db:
        return [Decision(*row) for row in db.execute(these.order_by(decision_row.c.number))]


class _History:
    """The end of a review's history, while nobody else may add to it."""

    def __init__(self, db, review_id, count, head):
        self.db, self.review_id, self.count, self.head = db, review_id, count, head
        self._rows = []

    def add(self, columns):
        """Put one more decision behind the last; returns it. columns: Decision's without number, time and hashes."""
        row = {"number": self.count + 1, "server_time": round(time.time(), 3), "previous": self.head, **columns}
        row["hash"] = next_hash(self.head, {**row, "evidence": Decision(**row, hash="").known})
        self.count, self.head = row["number"], row["hash"]
        self._rows.append({"review": self.review_id, **row})
        return Decision(**row)

    def write(self):
        """Give the database what was added; it is there for good once the transaction ends."""
        if self._rows:
            self.db.execute(decision_row.insert(), self._rows)
        self._rows = []


@contextmanager
def _history(review_id):
    this = review_row.c.id == review_id
    try:
        with lasting() as db:
            lock_log(db, review_id)
            end = _History(
                db, review_id, *db.execute(sa.select(review_row.c.count, review_row.c.head).where(this)).one()
            )
            yield end
            end.write()
            db.execute(review_row.update().where(this).values(count=end.count, head=end.head))
    except sa.exc.OperationalError as error:
        raise LabError(
            f"The decisions could not be written ({error.orig}); nothing of them was, and they can be sent again."
        ) from None


def lock_log(db, review_id):
    """Let other writers to this review wait until this transaction ends; its first statement.

    Raises LabError where there is no such review.
    """
    if not db.execute(review_row.update().where(review_row.c.id == review_id).values(id=review_id)).rowcount:
        raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")


def decisions_on(db, review_id, particles):
    """Particle -> its Decisions so far, in order: a dict that gives an empty list for any other."""
    found, names = defaultdict(list), sorted(set(particles))
    for start in range(0, len(names), MAX_BATCH):
        these = decision_row.c.particle.in_(names[start : start + MAX_BATCH])
        rows = db.execute(_COLUMNS.where(decision_row.c.review == review_id, these))
        # Asked for an order, SQLite would read the whole review instead of the index of particles.
        for row in sorted(rows, key=lambda row: row.number):
            found[row.particle].append(Decision(*row))
    return found


def _last_of(end, review_id, reviewer, past):
    """The reviewer's last effective Decision, or None; what is known of its particle is put into past."""
    end.write()
    own = _COLUMNS.where(decision_row.c.review == review_id, decision_row.c.reviewer == reviewer)
    own = own.where(decision_row.c.kind.not_in(("undo", "draw"))).order_by(decision_row.c.number.desc())
    start, some = 0, None
    while some is None or len(some) == MAX_BATCH:
        some = [Decision(*row) for row in end.db.execute(own.offset(start).limit(MAX_BATCH))]
        on = decisions_on(end.db, review_id, [decision.particle for decision in some])
        for decision in some:
            if decision in effective_decisions(on[decision.particle]):
                past[decision.particle] = on[decision.particle]
                return decision
        start += MAX_BATCH
    return None


def _known(db, review_id, events):
    """(tab, n) -> (particle, kind) of what is in the history, where it could be one of these events."""
    first = {event["tab"]: event["n"] for event in reversed(events)}  # in one tab they are in order
    found, row = {}, decision_row.c
    for tab, n in first.items():
        these = sa.and_(row.review == review_id, row.tab == tab, row.n >= n)
        found |= {(tab, n): this for n, *this in db.execute(sa.select(row.n, row.particle, row.kind).where(these))}
    return found
