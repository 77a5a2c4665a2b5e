"""Random audit of the rest of a queue: particles drawn at random, and what the reviewers found in them.

The draw is a row of the decision log, so that nobody can draw until the result pleases without this being visible.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svp_core.errors import LabError
from svp_core.review.current_labels import OPEN, CurrentLabels, Decision
from svp_core.review.decision_log import history, record_draw
from svp_core.review.remaining_errors import RemainingErrors, Stratum, draw_audit, estimate_remaining
from svp_core.review.store import Review

DRAWS = 100


@dataclass(frozen=True)
class RandomAudit:
    """Present state of an audit. Its figures refer to the moment of the draw; draw again after further reviewing."""

    number: int  # of the draw in the decision log
    reviewer: str  # who made the draw
    open_particles: list[str]  # drawn particles without a decision, in the order to show them; purpose "audit"
    strata: list[Stratum]
    remaining: RemainingErrors | None  # None while a stratum has no answer to estimate from


def start_audit(
    review: Review,
    current: CurrentLabels,
    reviewer: str,
    *,
    order: Sequence[str] | None = None,
    draws: int = DRAWS,
) -> RandomAudit:
    """Draw particles for an audit from the open ones; returns the RandomAudit.

    current: gets the draw added. order: ids in the order in which they would be reviewed; the queue's order by default.
    Raises LabError where nothing is open.
    """
    undecided = [particle for particle in (order or current.given) if current.is_open(particle)]
    if not undecided:
        raise LabError("Every particle of this review is decided; there is nothing left to draw from.")
    # The seed follows from the log: the same moment gives the same draw.
    drawn = draw_audit(len(undecided), draws, seed=current.last_number)
    parts = [{"size": size, "particles": [undecided[position] for position in positions]} for size, positions in drawn]
    decision = record_draw(review, reviewer, {"parts": parts, "seed": current.last_number})
    return _audit(decision, current.add(history(review.id, after=current.last_number)))


def last_audit(current: CurrentLabels) -> RandomAudit | None:
    """The latest audit, or None where there was none."""
    return _audit(current.decisions[""][-1], current) if current.decisions.get("") else None


def _audit(draw: Decision, current: CurrentLabels) -> RandomAudit:
    parts = draw.evidence_dict["parts"]
    strata = []
    for part in parts:
        states = [current.state(particle) for particle in part["particles"]]
        decided = [state for state in states if state != OPEN]
        wrong = sum(state in ("changed", "not_a_particle") for state in decided)
        strata.append(Stratum(part["size"], len(decided), wrong, decided.count("unsure")))
    # Shuffled: stratum by stratum the reviewer would know how doubtful the next one is.
    drawn = [particle for part in parts for particle in part["particles"]]
    shuffled = [drawn[index] for index in np.random.default_rng(draw.number).permutation(len(drawn))]
    open_particles = [particle for particle in shuffled if current.is_open(particle)]
    try:
        remaining = estimate_remaining(strata)
    except ValueError:
        remaining = None
    return RandomAudit(draw.number, draw.reviewer, open_particles, strata, remaining)
