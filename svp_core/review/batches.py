"""Batches: which particles of a review a reviewer gets next; pages of similar ones, the most doubtful first.

A batch has one pair of given and suggested label. Particles for a second look are mixed in and not marked as such.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.review.blind_repeats import hides_suggestion, repeats_due, second_reviews_due
from svp_core.review.current_labels import ANSWERS, COMPARISON_PURPOSES, CurrentLabels, effective_decisions
from svp_core.review.leases import lease, lease_holders
from svp_core.review.random_audit import last_audit
from svp_core.review.store import Review

BATCH_SIZE = 40  # particles
MIN_BATCH = 12  # particles of one pair that make a batch of their own
WINDOW = 400  # next particles of the queue, among which those of one pair are searched
SECOND_LOOKS = 8  # in a batch, where they are due
WHAT = ("open", "changed", "kept", "unsure", "not_a_particle", "skipped", "audit", "disagreements")
SIZE_COLUMNS = ("ecd_um", "ecd_px")  # columns of a queue with the particles' size; the first that exists is used


@dataclass(frozen=True)
class QueueFilter:
    """What a reviewer wants to see. Stored in bookmarks under these names."""

    what: str = "open"  # one of WHAT
    pairs: tuple[tuple[str, str], ...] = ()  # of (given, suggested); empty: all
    runs: tuple[str, ...] = ()  # empty: all
    size: tuple[float, float] | None = None  # (smallest, largest) in the unit of the size column
    score: float | None = None  # largest label quality
    decided_by: str = ""  # reviewer; empty: any


@dataclass(frozen=True)
class Batch:
    """Particles that are shown together. Stored in bookmarks under these names."""

    particles: tuple[str, ...]
    purposes: tuple[str, ...]  # purpose of the decision on each particle
    since: int  # number of the last decision when the batch was made: later ones were made on it
    again: bool  # they are decided already, and are to be decided once more
    pair: tuple[str, ...]  # (given, suggested) of all, suggested "" where it is hidden; empty where they differ
    blind: bool = True  # suggestions may be hidden: nothing else on the screen reveals them
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    moved_up: int = 0  # particles that re-ranking has moved up by a batch or more since the batch before


def size_column(table: pd.DataFrame) -> str | None:
    """Name of the queue's column with the particles' size; None where there is none."""
    return next((name for name in SIZE_COLUMNS if name in table and bool(table[name].notna().any())), None)


def filtered_positions(review: Review, queue_filter: QueueFilter) -> NDArray[np.intp]:
    """Positions in the queue (n,) of the particles that pass the filter, whatever was decided."""
    table, passes = review.table, np.ones(len(review.table), bool)
    if queue_filter.pairs:
        suggested = table["suggested"] if "suggested" in table else [""] * len(table)
        pairs = {tuple(pair) for pair in queue_filter.pairs}
        passes &= np.array([pair in pairs for pair in zip(table["given"], suggested, strict=True)])
    if queue_filter.runs:
        passes &= table["run"].isin(queue_filter.runs).to_numpy()
    if queue_filter.size and (column := size_column(table)):
        passes &= table[column].between(*queue_filter.size).to_numpy()
    if queue_filter.score is not None:
        passes &= (table["score"] <= queue_filter.score).to_numpy()
    return np.flatnonzero(passes)


def next_batch(
    review: Review,
    current: CurrentLabels,
    queue_filter: QueueFilter,
    positions: Sequence[int] | NDArray[np.intp],
    *,
    reviewer: str,
    holder: str,
    seen: Collection[str] = (),
    count: int = BATCH_SIZE,
) -> Batch | None:
    """The next Batch for this reviewer, its particles leased to `holder`; None where nothing is left.

    positions: as filtered_positions gives them, in the order to review. holder: the open browser tab. seen: particles
    of its other batches, and those looked at again already.
    """
    seen = set(seen)
    taken = {particle for particle, (name, _) in lease_holders(review.id).items() if name != reviewer}
    matching = _matching(review, current, queue_filter, positions, reviewer)
    available = (particle for particle in matching if particle not in seen and particle not in taken)
    blind = not queue_filter.pairs
    window, again = list(islice(available, WINDOW)), queue_filter.what not in ("open", "audit", "skipped")
    leased: list[str] = []
    pair: tuple[str, ...] = ()
    while window:
        similar, pair = (window, ()) if queue_filter.what == "audit" else _one_pair(review, window, blind)
        leased = lease(review.id, similar, count, holder=holder, reviewer=reviewer, include_decided=again)
        if leased:
            break
        # Leased to another tab of this reviewer.
        window = [particle for particle in window if particle not in set(similar)]
    if not window:
        return None
    purpose = {"audit": "audit", "disagreements": "settle"}.get(queue_filter.what, "queue")
    rows = [(particle, purpose) for particle in leased]
    # Not in a batch of one pair: a particle of another pair would be recognised as a second look.
    if queue_filter.what == "open" and len(rows) >= MIN_BATCH and not (pair and pair[1]):
        rows = _with_second_looks(review, current, reviewer, rows, seen)
    particles, purposes = zip(*rows, strict=True)
    return Batch(particles, purposes, current.last_number, again, pair, blind)


def decisions_in(batch: Batch, current: CurrentLabels, reviewer: str) -> dict[str, tuple[str, str]]:
    """Particle -> (kind, label) of the decisions since the batch was made, as far as this reviewer may see them."""
    visible = {}
    for particle, purpose in zip(batch.particles, batch.purposes, strict=True):
        decision = current.decided.get(particle) if purpose not in COMPARISON_PURPOSES else None
        if decision and decision.number > batch.since:
            visible[particle] = decision.kind, decision.to_label
            continue
        effective = reversed(effective_decisions(current.decisions.get(particle, [])))
        for decision in (decision for decision in effective if decision.reviewer == reviewer):
            is_answer = decision.kind in ANSWERS and decision.purpose == purpose and purpose in COMPARISON_PURPOSES
            if decision.number > batch.since and (is_answer or decision.kind == "skip"):
                visible[particle] = decision.kind, "" if decision.kind == "skip" else decision.to_label
                break
    return visible


def encode_position(queue_filter: QueueFilter, batches: Sequence[Batch], holder: str) -> dict[str, Any]:
    """Dict for bookmarks.save_bookmark, from which decode_position brings these batches back."""
    return {"wanted": asdict(queue_filter), "pages": [asdict(batch) for batch in batches], "holder": holder}


def decode_position(position: Mapping[str, Any] | None) -> tuple[QueueFilter, list[Batch], str]:
    """(filter, batches, holder) of such a dict; empty ones for None and for a dict of another version."""
    try:
        stored: dict[str, Any] = json.loads(json.dumps(position or {}))
        queue_filter = QueueFilter(**{name: _as_tuples(value) for name, value in stored["wanted"].items()})
        batches = [Batch(**{name: _as_tuples(value) for name, value in batch.items()}) for batch in stored["pages"]]
        return queue_filter, batches, str(stored["holder"])
    except (KeyError, TypeError, AttributeError):
        return QueueFilter(), [], ""


def resume_batches(review: Review, batches: Sequence[Batch], *, reviewer: str, holder: str) -> list[Batch]:
    """The batches of an earlier visit with those of their particles that can be leased again."""
    resumed = []
    for batch in batches:
        known = [particle for particle in batch.particles if particle in review.positions]
        leased = set(lease(review.id, known, len(known), holder=holder, reviewer=reviewer, include_decided=True))
        rows = [row for row in zip(batch.particles, batch.purposes, strict=True) if row[0] in leased]
        if rows:
            particles, purposes = zip(*rows, strict=True)
            resumed.append(Batch(particles, purposes, batch.since, batch.again, batch.pair, batch.blind, batch.id))
    return resumed


def _matching(
    review: Review,
    current: CurrentLabels,
    queue_filter: QueueFilter,
    positions: Sequence[int] | NDArray[np.intp],
    reviewer: str,
) -> Iterator[str]:
    """Particles at these positions that pass the filter with the current decisions, in the order to review."""
    names, what = review.table["particle"].array, queue_filter.what
    if what == "audit":
        audit = last_audit(current)
        yield from audit.open_particles if audit else ()
        return
    if what == "disagreements":
        passing = {names[position] for position in positions}
        yield from (particle for particle in current.disagreements() if particle in passing)
        return
    skipped = current.skipped(reviewer)
    for position in positions:
        particle = names[position]
        if what in ("open", "skipped"):
            if current.is_open(particle) and (particle in skipped) == (what == "skipped"):
                yield particle
        elif current.state(particle) == what and (queue_filter.decided_by in ("", current.decided[particle].reviewer)):
            yield particle


def is_hidden(review: Review, particle: str, *, blind: bool) -> bool:
    """Whether the suggestion for this particle is hidden. blind: of the batch."""
    return blind and "suggested" in review.table and hides_suggestion(review.id, particle)


def _one_pair(review: Review, window: Sequence[str], blind: bool) -> tuple[list[str], tuple[str, ...]]:
    """Particles of the window with the pair of its first one, and the pair; the next ones of any where too few."""
    table, groups = review.table, defaultdict(list)
    suggested = table["suggested"].array if "suggested" in table else None
    for particle in window:
        is_shown = not is_hidden(review, particle, blind=blind)
        label = suggested[review.positions[particle]] if suggested is not None and is_shown else ""
        groups[review.given(particle), label].append(particle)
    pair, similar = next(iter(groups.items()))
    if len(similar) >= MIN_BATCH or len(groups) == 1:
        return similar, pair
    first = set(window[:BATCH_SIZE])
    return [particle for group in groups.values() for particle in group if particle in first], ()


def _with_second_looks(
    review: Review, current: CurrentLabels, reviewer: str, rows: Sequence[tuple[str, str]], seen: Collection[str]
) -> list[tuple[str, str]]:
    due = [(particle, "repeat") for particle in repeats_due(review.id, current, reviewer)]
    due += [(particle, "second") for particle in second_reviews_due(review.id, current, reviewer)]
    in_batch = {particle for particle, _ in rows}
    due = [row for row in due if row[0] not in seen and row[0] not in in_batch][:SECOND_LOOKS]
    rows = list(rows)
    rng = np.random.default_rng(current.last_number)
    for row in due:
        rows.insert(int(rng.integers(len(rows) + 1)), row)
    return rows


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
