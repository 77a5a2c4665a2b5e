"""Progress of a review: counts per reviewer and per suggested change, hit rate, time per decision."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from svp_core.review.current_labels import OPEN, CurrentLabels, Decision
from svp_core.stats.intervals import Estimate, estimate_share

RECENT = 100  # decisions that the hit rate is taken from
PAUSE_S = 120.0  # a longer gap between two decisions is a pause, not time spent on the second
SAME_KEY_S = 0.015  # decisions of one reviewer no further apart come from one key press
_STATES = ("changed", "kept", "unsure", "not_a_particle")
_WRONG = ("changed", "not_a_particle")  # states of particles whose label before the review was wrong


@dataclass(frozen=True)
class ReviewProgress:
    """Progress of one reviewer, or of all."""

    reviewed: int  # particles with a counting decision
    changed: int
    kept: int
    unsure: int
    not_a_particle: int
    hit_rate: Estimate | None  # share of wrong labels in the last 100 answers from the queue; None without an answer
    seconds: float | None  # median time per decision without pauses; None where no time is known
    last_time: float | None  # when the last was written; s since 1970, UTC


def review_progress(current: CurrentLabels, reviewer: str | None = None) -> ReviewProgress:
    """Progress of one reviewer, or of all together."""
    rows = [
        (decision, current.state(particle))
        for particle, decision in list(current.decided.items())
        if reviewer is None or decision.reviewer == reviewer
    ]
    rows.sort(key=lambda row: row[0].number)
    count = Counter(state for _, state in rows)
    hits = _wrong_labels(rows)
    return ReviewProgress(
        len(rows),
        count["changed"],
        count["kept"],
        count["unsure"],
        count["not_a_particle"],
        hit_rate=estimate_share(hits[-RECENT:]) if hits else None,
        seconds=seconds_per_decision([decision for decision, _ in rows]),
        last_time=rows[-1][0].server_time if rows else None,
    )


def wrong_labels_in_order(current: CurrentLabels) -> list[bool]:
    """Whether the label before the review was wrong, for each decision from the queue, in their order.

    Unsure ones are left out: they count neither as wrong nor as right.
    """
    rows = [(decision, current.state(particle)) for particle, decision in list(current.decided.items())]
    return _wrong_labels(sorted(rows, key=lambda row: row[0].number))


def _wrong_labels(rows: Iterable[tuple[Decision, str]]) -> list[bool]:
    # Audited particles are drawn at random: they do not tell what comes next in the queue.
    return [state in _WRONG for decision, state in rows if decision.purpose == "queue" and state != "unsure"]


def progress_by_pair(current: CurrentLabels, suggested: Sequence[str]) -> pd.DataFrame:
    """Table of given, suggested, count, reviewed, changed, kept, unsure, not_a_particle: one row per pair of labels.

    Largest pair first. suggested: one per particle in the queue's order; particles without one or with the given label
    are left out.
    """
    rows = [
        (given, other, current.state(particle))
        for (particle, given), other in zip(current.given.items(), suggested, strict=True)
        if other and other != given
    ]
    pairs = pd.DataFrame(rows, columns=["given", "suggested", "state"])
    counts = {"count": pairs["state"].notna(), "reviewed": pairs["state"] != OPEN}
    counts |= {state: pairs["state"] == state for state in _STATES}
    labels = pd.DataFrame(pairs[["given", "suggested"]])
    table = pd.DataFrame(labels.assign(**counts).groupby(["given", "suggested"], sort=True).sum()).astype(int)
    return table.sort_values(by="count", ascending=False, kind="stable").reset_index()


def reviewers(current: CurrentLabels) -> list[str]:
    """All reviewers, in the order of their first decision."""
    first: dict[str, int] = {}
    for decisions in list(current.decisions.values()):
        for decision in decisions:
            first[decision.reviewer] = min(decision.number, first.get(decision.reviewer, decision.number))
    return sorted(first, key=lambda name: first[name])


def seconds_per_decision(decisions: Iterable[Decision]) -> float | None:
    """Median time per decision, s, from the gaps between one reviewer's key presses; None where none is known.

    decisions: in their order. n particles decided by one key t seconds after the reviewer's last key took t/n each. A
    gap of PAUSE_S or more is a pause and says nothing.
    """
    last_key: dict[str, float] = {}
    open_group: dict[str, tuple[float, int]] = {}  # reviewer -> (gap before the key, particles it decided)
    groups: list[tuple[float, int]] = []
    for decision in decisions:
        name, time = decision.reviewer, decision.browser_time or decision.server_time
        gap = time - last_key.get(name, -np.inf)
        if abs(gap) <= SAME_KEY_S:
            before, size = open_group[name]
            open_group[name] = before, size + 1
        else:
            if name in open_group:
                groups.append(open_group[name])
            open_group[name] = gap, 1
        last_key[name] = time
    groups += open_group.values()
    seconds = [gap / size for gap, size in groups if 0 < gap < PAUSE_S for _ in range(size)]
    return float(np.median(seconds)) if seconds else None
