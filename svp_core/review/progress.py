"""Who did how much in a review, what came of it, and how far each kind of suspicion has been worked off."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from svp_core.review.current_labels import OPEN
from svp_core.stats.intervals import Estimate, estimate_share

RECENT = 100  # decisions that the hit rate is taken from
PAUSE_S = 120.0  # a longer gap between two decisions is no time spent on the second
_STATES = ("changed", "kept", "unsure", "not_a_particle")


@dataclass(frozen=True)
class ReviewProgress:
    """How far a reviewer, or all of them, have come."""

    reviewed: int  # particles whose standing decision is theirs
    changed: int
    kept: int
    unsure: int
    not_a_particle: int
    hit_rate: Estimate | None  # share changed or no particle among the last 100 answers from the queue; None: no answer
    seconds: float | None  # median time a decision took, pauses left out; None below two decisions
    last_time: float | None  # when the last was written; s since 1970, UTC


def review_progress(standing, reviewer=None):
    """The Tally of one reviewer, or of all together."""
    rows = [
        (decision, standing.state(particle))
        for particle, decision in list(standing.decided.items())
        if reviewer is None or decision.reviewer == reviewer
    ]
    rows.sort(key=lambda row: row[0].number)
    count = Counter(state for _, state in rows)
    # Particles of an audit are drawn at random: they say nothing about what is next in the queue.
    hits = [state in ("changed", "not_a_particle") for d, state in rows if d.purpose == "queue" and state != "unsure"]
    return ReviewProgress(
        len(rows),
        count["changed"],
        count["kept"],
        count["unsure"],
        count["not_a_particle"],
        hit_rate=estimate_share(hits[-RECENT:]) if hits else None,
        seconds=_seconds([decision for decision, _ in rows]),
        last_time=rows[-1][0].server_time if rows else None,
    )


def progress_by_pair(standing, suggested):
    """DataFrame given, suggested, count, reviewed, changed, kept, unsure, not_a_particle: a row a pair, largest first.

    suggested: texts, one a particle in the queue's order; particles without one or with the given one are left out.
    """
    rows = [
        (given, other, standing.state(particle))
        for (particle, given), other in zip(standing.given.items(), suggested, strict=True)
        if other and other != given
    ]
    pairs = pd.DataFrame(rows, columns=["given", "suggested", "state"])
    counts = {"count": pairs["state"].notna(), "reviewed": pairs["state"] != OPEN}
    counts |= {state: pairs["state"] == state for state in _STATES}
    found = pairs[["given", "suggested"]].assign(**counts).groupby(["given", "suggested"], sort=True).sum()
    return found.astype(int).sort_values("count", ascending=False, kind="stable").reset_index()


def reviewers(standing):
    """Everybody who took part, in the order of their first decision."""
    first = {}
    for decisions in list(standing.all.values()):
        for decision in decisions:
            first[decision.reviewer] = min(decision.number, first.get(decision.reviewer, decision.number))
    return sorted(first, key=first.get)


def _seconds(decisions):
    """Median gap between one reviewer's decisions after one another, a batch being one decision."""
    times, gaps, batch = {}, [], {}
    for decision in decisions:
        at = decision.browser_time or decision.server_time
        gap = at - times.get(decision.reviewer, at)
        if 0 < gap < PAUSE_S and not (decision.batch and decision.batch == batch.get(decision.reviewer)):
            gaps.append(gap)
        times[decision.reviewer], batch[decision.reviewer] = at, decision.batch
    return float(np.median(gaps)) if gaps else None
