"""Decision log: append-only rows of a review's history, each on disk before the reviewer is told that it is saved.

A decision names its particle by id and itself by (tab, n), which the browser counts: sent twice it is stored once, and
an undo can name it before the server has answered. current_labels says what follows from the log.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from svp_core.access.person import REVIEWER, require, require_own_name
from svp_core.errors import LabError
from svp_core.review.current_labels import CurrentLabels, Decision, effective_decisions
from svp_core.review.decision_rules import Outcome, decide, make_outcome, parse_event, sort_events
from svp_core.review.hash_chain import canonical_json, next_hash
from svp_core.review.queue_file import clean_text
from svp_core.review.seal import NOTED, is_noted, keep_head, kept_head, make_seal
from svp_core.review.store import Review
from svp_core.workspace import changes
from svp_core.workspace.database import decision as decision_row
from svp_core.workspace.database import engine, lasting
from svp_core.workspace.database import review as review_row
from svp_core.workspace.database_errors import DatabaseError

SQL_BATCH_SIZE = 500  # names in one SQL statement
_COLUMNS = sa.select(*(decision_row.c[name] for name in Decision._fields))


def record(review: Review, events: Sequence[Mapping[str, Any]], *, more_classes: Iterable[str] = ()) -> list[Outcome]:
    """Append decisions to an open review's log in one transaction; returns one Outcome per event, in the given order.

    events: dicts with tab, n, reviewer, particle, kind ("label" with label, "keep", "unsure", "not_a_particle", "skip",
    or "undo" with undoes = "tab/n"; particle and undoes empty: the reviewer's last one), and optionally at (s since
    1970, when the key was pressed), purpose ("queue" by default), from (the label that the screen showed), batch,
    reason, evidence (dict), again (True: decide although another reviewer has). They come from a browser: each is
    checked, and they may come in any order. more_classes: class keys allowed in addition to the review's. Raises
    LabError when nothing could be written; then all of them may be sent again.
    """
    person = require(REVIEWER, "decide")
    for event in events:
        require_own_name(str(event.get("reviewer") or "").strip(), "decide")
    login = person.login if person.is_signed_in else ""
    parsed = [parse_event(review, event, tuple(more_classes), login=login) for event in events]
    outcomes = {id(event): event for event in parsed if isinstance(event, Outcome)}
    valid = sort_events([event for event in parsed if not isinstance(event, Outcome)])
    with _open_log(review.id) as log:
        known = _known_keys(log.db, review.id, valid)
        past = decisions_on(log.db, review.id, [event["particle"] for event in valid])
        for event in valid:
            outcomes[id(event)] = _append(log, review, event, known, past)
    return [outcomes[id(event)] for event in parsed]


def _append(
    log: "_LogEnd",
    review: Review,
    event: dict[str, Any],
    known: dict[tuple[str, int], tuple[str, str]],
    past: defaultdict[str, list[Decision]],
) -> Outcome:
    key = (event["tab"], event["n"])
    if key in known:
        particle, kind = known[key]
        if kind == event["kind"] and event["particle"] in (particle, ""):
            return make_outcome(event, "known")
        message = f"Decision {key[1]} of this tab is already stored with other content; decide again."
        return make_outcome(event, "refused", message)
    if not event["particle"]:
        last = _last_decision(log, review.id, event["reviewer"], past)
        if last is None:
            return make_outcome(event, "refused", "You have no decision that could be undone.")
        event = event | {"particle": last.particle, "undoes": last.id}
    row = decide(review, event, past[event["particle"]])
    if isinstance(row, str):
        return make_outcome(event, "refused", row)
    message = row.pop("message", "")
    past[event["particle"]].append(log.add(row))
    known[key] = (event["particle"], event["kind"])
    return make_outcome(event, "late" if row["purpose"] == "late" else "saved", message)


def record_draw(review: Review, reviewer: str, evidence: Mapping[str, Any]) -> Decision:
    """Append which particles were drawn for an audit; returns the Decision. evidence: JSON-ready dict."""
    require_own_name(reviewer.strip(), "draw particles")
    with _open_log(review.id) as log:
        return log.add(
            {
                "tab": f"draw-{uuid4().hex}",
                "n": 1,
                "particle": "",
                "kind": "draw",
                "purpose": "audit",
                "from_label": "",
                "to_label": "",
                "reviewer": clean_text(reviewer),
                "browser_time": None,
                "batch": "",
                "undoes": "",
                "reason": "",
                "evidence": canonical_json(evidence),
            }
        )


def undo(review: Review, current: CurrentLabels, reviewer: str) -> list[Outcome]:
    """Undo the reviewer's last effective decision with all of its batch; Outcomes, empty when there is none.

    current: up to date. For a button, and after a reload; calling it again goes further back.
    """
    last = current.last_decision_of(reviewer)
    if last is None:
        return []
    batch = [last]
    if last.batch:
        effective = (d for decisions in list(current.decisions.values()) for d in effective_decisions(decisions))
        own = (d for d in effective if (d.batch, d.reviewer) == (last.batch, reviewer))
        batch = sorted(own, key=lambda decision: -decision.number)
    common = {"tab": f"undo-{uuid4().hex}", "reviewer": reviewer, "kind": "undo", "at": time.time()}
    return record(
        review,
        [
            {**common, "n": n, "particle": decision.particle, "undoes": decision.id}
            for n, decision in enumerate(batch, 1)
        ],
    )


def history(review_id: str, *, after: int = 0) -> list[Decision]:
    """The review's Decisions with a number above `after`, in order."""
    query = _COLUMNS.where(decision_row.c.review == review_id, decision_row.c.number > after)
    with engine().connect() as db:
        return [Decision(*row) for row in db.execute(query.order_by(decision_row.c.number))]


class _LogEnd:
    """The end of a review's log while this transaction alone may append to it."""

    def __init__(self, db: sa.Connection, review_id: str, count: int, head: str) -> None:
        self.db, self.review_id, self.count, self.head = db, review_id, count, head
        self._rows: list[dict[str, Any]] = []

    def add(self, columns: Mapping[str, Any]) -> Decision:
        """Append one decision; returns it. columns: Decision's without number, server_time and hashes."""
        row = {"number": self.count + 1, "server_time": round(time.time(), 3), "previous": self.head, **columns}
        row["hash"] = next_hash(self.head, {**row, "evidence": Decision(**row, hash="").evidence_dict})
        self.count, self.head = row["number"], row["hash"]
        self._rows.append({"review": self.review_id, **row})
        return Decision(**row)

    def write(self) -> None:
        """Insert what was added; it is permanent once the transaction ends."""
        if self._rows:
            self.db.execute(decision_row.insert(), self._rows)
        self._rows = []


@contextmanager
def _open_log(review_id: str) -> Iterator[_LogEnd]:
    row, key = review_row.c.id == review_id, changes.trail_key()
    columns = (review_row.c.count, review_row.c.head, review_row.c.seal, review_row.c.closed)
    kept = kept_head(review_id, key)
    try:
        with lasting() as db:
            lock_log(db, review_id)
            count, head, seal, closed = db.execute(sa.select(*columns).where(row)).one()
            if closed is not None:
                raise LabError("This review was closed with a signature; a keeper can open it again under History.")
            if seal is None:  # of a version without seals: the trail notes from where on there is one
                changes.add_entry_in(db, "seal", changes.REVIEW, review_id, decisions=count, head=head)
            log = _LogEnd(db, review_id, count, head)
            yield log
            if log.count > count and kept and kept[1] != _hash_of(db, review_id, kept[0]):
                # The log has lost its end; noted in the trail, as what is kept is replaced below.
                changes.add_entry_in(db, NOTED, changes.REVIEW, review_id, decisions=kept[0], head=kept[1])
            log.write()
            if is_noted(count, log.count):
                changes.add_entry_in(db, NOTED, changes.REVIEW, review_id, decisions=log.count, head=log.head)
            sealed = make_seal(review_id, log.count, log.head, key)
            db.execute(review_row.update().where(row).values(count=log.count, head=log.head, seal=sealed))
        if log.count > count:
            keep_head(key, review_id, log.count, log.head)
    except DatabaseError as error:
        reason = str(error).rstrip(".")
        raise LabError(
            f"The decisions could not be written ({reason}); none of them was, and they can be sent again."
        ) from None


def _hash_of(db: sa.Connection, review_id: str, number: int) -> str | None:
    column = decision_row.c
    return db.scalar(sa.select(column.hash).where(column.review == review_id, column.number == number))


def lock_log(db: sa.Connection, review_id: str) -> None:
    """Make other writers to this review wait until this transaction ends; its first statement.

    Raises LabError where there is no such review.
    """
    if not db.execute(review_row.update().where(review_row.c.id == review_id).values(id=review_id)).rowcount:
        raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")


def decisions_on(db: sa.Connection, review_id: str, particles: Iterable[str]) -> defaultdict[str, list[Decision]]:
    """Particle -> its Decisions so far, in order; an empty list for any other particle."""
    found, names = defaultdict(list), sorted(set(particles))
    for start in range(0, len(names), SQL_BATCH_SIZE):
        is_named = decision_row.c.particle.in_(names[start : start + SQL_BATCH_SIZE])
        rows = db.execute(_COLUMNS.where(decision_row.c.review == review_id, is_named))
        # With ORDER BY, SQLite would read the whole review instead of the index of particles.
        for row in sorted(rows, key=lambda row: row.number):
            found[row.particle].append(Decision(*row))
    return found


def _last_decision(
    log: _LogEnd, review_id: str, reviewer: str, past: defaultdict[str, list[Decision]]
) -> Decision | None:
    """The reviewer's last effective Decision, or None; the log of its particle is put into past."""
    log.write()
    own = _COLUMNS.where(decision_row.c.review == review_id, decision_row.c.reviewer == reviewer)
    own = own.where(decision_row.c.kind.not_in(("undo", "draw"))).order_by(decision_row.c.number.desc())
    start = 0
    while True:
        page = [Decision(*row) for row in log.db.execute(own.offset(start).limit(SQL_BATCH_SIZE))]
        on_particles = decisions_on(log.db, review_id, [decision.particle for decision in page])
        for decision in page:
            if decision in effective_decisions(on_particles[decision.particle]):
                past[decision.particle] = on_particles[decision.particle]
                return decision
        if len(page) < SQL_BATCH_SIZE:
            return None
        start += SQL_BATCH_SIZE


def _known_keys(
    db: sa.Connection, review_id: str, events: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, int], tuple[str, str]]:
    """(tab, n) -> (particle, kind) of the stored decisions that could be one of these events."""
    first = {event["tab"]: event["n"] for event in reversed(events)}  # within one tab they are in order
    known, column = {}, decision_row.c
    for tab, n in first.items():
        is_later = sa.and_(column.review == review_id, column.tab == tab, column.n >= n)
        rows = db.execute(sa.select(column.n, column.particle, column.kind).where(is_later))
        known |= {(tab, row.n): (row.particle, row.kind) for row in rows}
    return known
