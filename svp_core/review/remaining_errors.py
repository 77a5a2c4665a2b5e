"""How many wrong labels remain among those that nobody looked at, from a few of them drawn at random.

A queue is worst first, so what is left of it is drawn from in parts: its next tenth, the next fifth, the rest. The
model has no say in it: only what a reviewer found in the drawn ones counts.
"""

import math
from dataclasses import dataclass

import numpy as np

STRATA = ((0.1, 0.5), (0.2, 0.25), (0.7, 0.25))  # share of what is left, share of the draws
RECENT, FEW_CHANGES = 100, 2  # of the last 100 decisions at most 2 changed a label: nothing much comes any more
SIMULATED = 10_000


@dataclass(frozen=True)
class Stratum:
    """A part of what is left, and what was found in those drawn from it."""

    size: int  # particles in it, the drawn ones included
    drawn: int  # of those, looked at
    wrong: int  # of those, with a wrong label
    unsure: int = 0  # of those, that could not be told


@dataclass(frozen=True)
class RemainingErrors:
    """Wrong labels among the particles that nobody looked at, those drawn not counted any more."""

    value: float
    low: float  # 95 % interval; where reviewers were unsure it spans both extremes
    high: float
    at_most: float  # with 95 % certainty, taking every unsure one for wrong
    size: int  # particles that nobody looked at
    drawn: int
    wrong: int
    unsure: int


def draw_audit(undecided, draws, *, seed):
    """Positions to look at among the `undecided` particles of a queue: a list of (size of the part, positions in it).

    Positions are int arrays in random order, no two the same; all of them where there are no more than draws.
    """
    rng = np.random.default_rng(seed)
    if undecided <= draws:
        return [(undecided, rng.permutation(undecided))] if undecided else []
    edges = np.round(np.cumsum([0, *(size for size, _ in STRATA)]) * undecided).astype(int)
    goals = np.round(np.cumsum([share for _, share in STRATA]) * draws).astype(int)
    found, given = [], 0
    for start, end, goal in zip(edges, edges[1:], goals, strict=False):
        if end > start:
            # What a small part cannot give is taken from the next.
            count = min(max(1, goal - given), end - start)
            given += count
            found.append((int(end - start), start + rng.choice(end - start, count, replace=False)))
    return found


def estimate_remaining(parts, *, seed=0):
    """The Left of these Parts. Each that was not drawn whole needs at least one drawn particle that could be told.

    The estimate is the sum of rate x size over the parts. The interval melds the exact intervals of the parts (Fay,
    Proschan and Brittain 2015): of one part it is Clopper and Pearson's; of several it is far closer than the sum of
    theirs, and still holds. That what is left is a limited number is simulated.
    """
    told = [part.drawn - part.unsure for part in parts]
    if any(part.size > part.drawn and count < 1 for part, count in zip(parts, told, strict=True)):
        raise ValueError("every part that was not drawn whole needs at least one drawn particle that could be told")
    rest = [part.size - part.drawn for part in parts]
    rng = np.random.default_rng(seed)
    fewest, most = np.zeros(SIMULATED), np.zeros(SIMULATED)
    for part, count in zip(parts, rest, strict=True):
        # Beta(0, n) is 0 and Beta(n, 0) is 1; numpy has neither.
        right, maybe = part.drawn - part.wrong, part.wrong + part.unsure
        low = rng.beta(part.wrong, right + 1, SIMULATED) if part.wrong else np.zeros(SIMULATED)
        high = rng.beta(maybe + 1, part.drawn - maybe, SIMULATED) if maybe < part.drawn else np.ones(SIMULATED)
        fewest += rng.binomial(count, low)
        most += rng.binomial(count, high)
    value = sum(n * part.wrong / count for part, count, n in zip(parts, told, rest, strict=True) if n)
    return RemainingErrors(
        value=value,
        low=float(min(value, np.quantile(fewest, 0.025))),
        high=float(max(value, np.quantile(most, 0.975))),
        at_most=float(max(value, np.quantile(most, 0.95))),
        size=sum(rest),
        drawn=sum(part.drawn for part in parts),
        wrong=sum(part.wrong for part in parts),
        unsure=sum(part.unsure for part in parts),
    )


def clean_draws(rate):
    """How many draws, all of them right, it takes to say with 95 % certainty that no larger share is wrong (3/rate)."""
    return math.ceil(math.log(0.05) / math.log1p(-rate))


def describe_remaining(found):
    """One sentence about a Left, for the screen and the report."""
    of = f"Of {found.drawn:,} drawn at random {found.wrong} had a wrong label"
    of += f" and {found.unsure} could not be told" if found.unsure else ""
    if not found.size:
        return f"{of}; nothing is left that nobody looked at."
    if not found.wrong and not found.unsure:
        return f"{of}: among the {found.size:,} others up to {found.at_most:,.0f} may still be wrong."
    about = f"{found.value:,.0f} ({found.low:,.0f} to {found.high:,.0f})"
    return f"{of}: about {about} of the {found.size:,} others are wrong."


@dataclass(frozen=True)
class StopHint:
    """Whether going on is likely to be worth it; the reviewer decides."""

    stop: bool
    message: str  # why, in one or two sentences


def stop_hint(changed, remaining=None, *, tolerated):
    """A StopHint from the measured hit rate and an audit.

    changed: bool (N,), whether each decision changed the label, in their order. remaining: Left of an audit, or None.
    tolerated: how many wrong labels one can live with.
    """
    recent = np.asarray(changed, bool)[-RECENT:]
    rate = f"Of the last {len(recent)} decisions {int(recent.sum())} changed a label"
    if len(recent) < RECENT or recent.sum() > FEW_CHANGES:
        return StopHint(False, f"{rate}: go on." if len(recent) else "Nothing is decided yet.")
    if remaining is None:
        return StopHint(False, f"{rate}. Draw some of the rest at random to learn how many wrong labels remain.")
    if remaining.at_most > tolerated:
        if not remaining.wrong and not remaining.unsure:
            needed = clean_draws(max(tolerated, 0.5) / remaining.size)
            more = f" To bound it by {tolerated:,.0f} it takes {needed:,} draws without a wrong one."
            return StopHint(False, f"{rate}. {describe_remaining(remaining)}{more if needed <= remaining.size else ''}")
        return StopHint(
            False, f"{rate}. {describe_remaining(remaining)} That may be more than {tolerated:,.0f}: go on."
        )
    return StopHint(
        True, f"{rate}. {describe_remaining(remaining)} With 95 % certainty that is no more than {tolerated:,.0f}."
    )
