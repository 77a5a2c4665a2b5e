"""Which particles of a review come to whom next: pages of look-alikes, the most suspect first.

A page is of one pair of given and suggested label. Particles for a second look are mixed in without being told apart.
"""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from itertools import islice
from uuid import uuid4

import numpy as np

from svp_core.review.blind_repeats import hides_suggestion, repeats_due, second_reviews_due
from svp_core.review.current_labels import ANSWERS, COMPARISON_PURPOSES, effective_decisions
from svp_core.review.leases import lease, lease_holders
from svp_core.review.random_audit import last_audit

BATCH_SIZE = 40  # particles
MIN_BATCH = 12  # of one pair that make a page of their own
WINDOW = 400  # of the next particles, in which those of one pair are looked for
SECOND_LOOKS = 8  # on a page, where they are due
WHAT = ("open", "changed", "kept", "unsure", "not_a_particle", "skipped", "audit", "disagreements")
SIZES = ("ecd_um", "ecd_px")  # columns of a queue that are a particle's size, the first there is


@dataclass(frozen=True)
class QueueFilter:
    """What a reviewer wants to go through."""

    what: str = "open"  # one of WHAT
    pairs: tuple = ()  # of (given, suggested); all where empty
    runs: tuple = ()  # all where empty
    size: tuple | None = None  # (smallest, largest) in the unit of the size column
    score: float | None = None  # largest
    decided_by: str = ""  # a reviewer; anybody where empty


@dataclass(frozen=True)
class Batch:
    """Particles that come onto the screen together."""

    particles: tuple
    purposes: tuple  # of the decisions to come, one a particle
    since: int  # number of the last decision when the page was made: what came later was decided on it
    again: bool  # they were decided before, and are to be decided once more
    pair: tuple  # (given, suggested) of all of them, suggested "" where it is not shown; empty where they differ
    blind: bool = True  # suggestions may be kept back: nothing else on the screen gives them away
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    moved_up: int = 0  # particles that came up by a page or more since the page before, for what was decided there


def size_column(table):
    """Name of the queue's column that is the particles' size; None where there is none."""
    return next((name for name in SIZES if name in table and table[name].notna().any()), None)


def positions_of(review, wanted):
    """Positions in the queue, int (n,), of the particles that `wanted` asks for whatever was decided."""
    table, chosen = review.table, np.ones(len(review.table), bool)
    if wanted.pairs:
        suggested = table["suggested"] if "suggested" in table else [""] * len(table)
        asked = {tuple(pair) for pair in wanted.pairs}
        chosen &= np.array([pair in asked for pair in zip(table["given"], suggested, strict=True)])
    if wanted.runs:
        chosen &= table["run"].isin(wanted.runs).to_numpy()
    if wanted.size and (column := size_column(table)):
        chosen &= table[column].between(*wanted.size).to_numpy()
    if wanted.score is not None:
        chosen &= (table["score"] <= wanted.score).to_numpy()
    return np.flatnonzero(chosen)


def next_batch(review, standing, wanted, positions, *, reviewer, holder, seen=(), count=BATCH_SIZE):
    """The next Page for this reviewer, its particles handed out to `holder`; None where nothing is left.

    positions: as positions_of gives them. holder: the open browser tab. seen: particles that are on its other pages, or
    were looked at again already.
    """
    seen = set(seen)
    away = {particle for particle, (who, _) in lease_holders(review.id).items() if who != reviewer}
    waiting = (p for p in _waiting(review, standing, wanted, positions, reviewer) if p not in seen and p not in away)
    blind = not wanted.pairs
    window, again = list(islice(waiting, WINDOW)), wanted.what not in ("open", "audit", "skipped")
    while window:
        chosen, pair = (window, ()) if wanted.what == "audit" else _alike(review, window, blind)
        free = lease(review.id, chosen, count, holder=holder, reviewer=reviewer, again=again)
        if free:
            break
        window = [particle for particle in window if particle not in set(chosen)]  # with another tab of theirs
    if not window:
        return None
    purpose = {"audit": "audit", "disagreements": "settle"}.get(wanted.what, "queue")
    rows = [(particle, purpose) for particle in free]
    # Not among those that are all of one pair: what does not fit there would be known for what it is.
    if wanted.what == "open" and len(rows) >= MIN_BATCH and not (pair and pair[1]):
        rows = _with_second_looks(review, standing, reviewer, rows, seen)
    particles, purposes = zip(*rows, strict=True)
    return Batch(particles, purposes, standing.last, again, pair, blind)


def decided_on(page, standing, reviewer):
    """Particle -> (kind, label) of what was decided since the page was made, as the reviewer may see it."""
    found = {}
    for particle, purpose in zip(page.particles, page.purposes, strict=True):
        stands = standing.decided.get(particle) if purpose not in COMPARISON_PURPOSES else None
        if stands and stands.number > page.since:
            found[particle] = stands.kind, stands.to_label
            continue
        own = (d for d in reversed(effective_decisions(standing.all.get(particle, []))) if d.reviewer == reviewer)
        for decision in own:
            is_answer = decision.kind in ANSWERS and decision.purpose == purpose and purpose in COMPARISON_PURPOSES
            if decision.number > page.since and (is_answer or decision.kind == "skip"):
                found[particle] = decision.kind, "" if decision.kind == "skip" else decision.to_label
                break
    return found


def encode_position(wanted, pages, holder):
    """Dict for bookmarks.put_bookmark: what brings these pages back."""
    return {"wanted": asdict(wanted), "pages": [asdict(page) for page in pages], "holder": holder}


def decode_position(place):
    """(Wanted, Pages, holder) of such a dict; empty ones of one that is of another making."""
    try:
        place = json.loads(json.dumps(place))
        wanted = QueueFilter(**{name: _tuples(value) for name, value in place["wanted"].items()})
        pages = [Batch(**{name: _tuples(value) for name, value in page.items()}) for page in place["pages"]]
        return wanted, pages, str(place["holder"])
    except (KeyError, TypeError, AttributeError):
        return QueueFilter(), [], ""


def resume_batch(review, pages, *, reviewer, holder):
    """Those of the pages of an earlier visit that can be gone on with, handed out again."""
    found = []
    for page in pages:
        there = [particle for particle in page.particles if particle in review.place]
        free = set(lease(review.id, there, len(there), holder=holder, reviewer=reviewer, again=True))
        rows = [row for row in zip(page.particles, page.purposes, strict=True) if row[0] in free]
        if rows:
            particles, purposes = zip(*rows, strict=True)
            found.append(Batch(particles, purposes, page.since, page.again, page.pair, page.blind, page.id))
    return found


def _waiting(review, standing, wanted, positions, reviewer):
    """Particles that are as wanted now, in the order in which they come."""
    names = review.table["particle"].array
    if wanted.what == "audit":
        audit = last_audit(standing)
        yield from audit.to_do if audit else ()
        return
    if wanted.what == "disagreements":
        asked = {names[position] for position in positions}
        yield from (particle for particle in standing.disagreements() if particle in asked)
        return
    put_off = standing.skipped(reviewer)
    for position in positions:
        particle = names[position]
        if wanted.what in ("open", "skipped"):
            if standing.is_open(particle) and (particle in put_off) == (wanted.what == "skipped"):
                yield particle
        elif standing.state(particle) == wanted.what and (
            wanted.decided_by in ("", standing.decided[particle].reviewer)
        ):
            yield particle


def is_hidden(review, particle, *, blind):
    """Whether the suggestion for this particle is kept back. blind: of the page."""
    return blind and "suggested" in review.table and hides_suggestion(review.id, particle)


def _alike(review, window, blind):
    """Those of the window that are of its first one's pair, and the pair; all of them where that are too few."""
    table, groups = review.table, defaultdict(list)
    suggested = table["suggested"].array if "suggested" in table else None
    for particle in window:
        hidden = suggested is None or is_hidden(review, particle, blind=blind)
        groups[review.given(particle), "" if hidden else suggested[review.place[particle]]].append(particle)
    pair, alike = next(iter(groups.items()))
    if len(alike) >= MIN_BATCH or len(groups) == 1:
        return alike, pair
    first = set(window[:BATCH_SIZE])
    return [particle for group in groups.values() for particle in group if particle in first], ()


def _with_second_looks(review, standing, reviewer, rows, seen):
    due = [(particle, "repeat") for particle in repeats_due(review.id, standing, reviewer)]
    due += [(particle, "second") for particle in second_reviews_due(review.id, standing, reviewer)]
    on_page = {particle for particle, _ in rows}
    due = [row for row in due if row[0] not in seen and row[0] not in on_page][:SECOND_LOOKS]
    rows = list(rows)
    rng = np.random.default_rng(standing.last)
    for row in due:
        rows.insert(int(rng.integers(len(rows) + 1)), row)
    return rows


def _tuples(value):
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
