"""An audit of what is left of a queue: particles drawn at random, and what the reviewers found in them.

The draw is a row of the history, so that nobody can draw until the result pleases without its being seen.
"""

from dataclasses import dataclass

import numpy as np

from svp_core.errors import LabError
from svp_core.review.current_labels import OPEN
from svp_core.review.decision_log import history, record_draw
from svp_core.review.remaining_errors import RemainingErrors, Stratum, draw_audit, estimate_remaining

DRAWS = 100


@dataclass(frozen=True)
class RandomAudit:
    """An audit as it stands. The figures are of the moment it was drawn; draw anew after going on with the queue."""

    number: int  # of the draw in the history
    reviewer: str  # who had it drawn
    to_do: list  # drawn particles that are still open, in the order in which to show them; purpose "audit"
    parts: list  # label_audit.Part of each part of the queue
    remaining: RemainingErrors | None  # None as long as a part has nothing to go by


def start_audit(review, standing, reviewer, *, order=None, draws=DRAWS):
    """Draw particles for an audit from those that are open; returns the Audit.

    standing: the review's Standing, brought up to date with the draw. order: ids as they would come up next; the
    review's own order unless given. Raises LabError where nothing is open.
    """
    waiting = [particle for particle in (order or standing.given) if standing.is_open(particle)]
    if not waiting:
        raise LabError("Every particle of this review is decided; there is nothing left to draw from.")
    # The seed follows from the history: the same moment gives the same draw.
    drawn = draw_audit(len(waiting), draws, seed=standing.last)
    parts = [{"size": size, "particles": [waiting[position] for position in positions]} for size, positions in drawn]
    decision = record_draw(review, reviewer, {"parts": parts, "seed": standing.last})
    return _audit(decision, standing.take(history(review.id, after=standing.last)))


def last_audit(standing):
    """The latest Audit, or None where there was none."""
    return _audit(standing.all[""][-1], standing) if standing.all.get("") else None


def _audit(decision, standing):
    parts = []
    for part in decision.known["parts"]:
        states = [standing.state(particle) for particle in part["particles"]]
        found = [state for state in states if state != OPEN]
        wrong = sum(state in ("changed", "not_a_particle") for state in found)
        parts.append(Stratum(part["size"], len(found), wrong, found.count("unsure")))
    # Mixed: part by part the reviewer would know how suspect the next one is.
    drawn = [particle for part in decision.known["parts"] for particle in part["particles"]]
    mixed = np.random.default_rng(decision.number).permutation(len(drawn))
    to_do = [drawn[place] for place in mixed if standing.is_open(drawn[place])]
    try:
        remaining = estimate_remaining(parts)
    except ValueError:
        remaining = None
    return RandomAudit(decision.number, decision.reviewer, to_do, parts, remaining)
