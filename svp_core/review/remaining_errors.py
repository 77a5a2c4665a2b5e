"""Wrong labels that remain among the particles nobody has reviewed, estimated from a random sample of them.

A queue is ordered by doubt, so its rest is sampled in strata: the next tenth, the next fifth, the remainder. The model
has no say in it: only what a reviewer found in the drawn particles counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRATA = ((0.1, 0.5), (0.2, 0.25), (0.7, 0.25))  # share of the rest, share of the draws
SIMULATIONS = 10_000


@dataclass(frozen=True)
class Stratum:
    """A part of the rest of the queue, and what was found in the particles drawn from it."""

    size: int  # particles, the drawn ones included
    drawn: int  # of those, reviewed
    wrong: int  # of those, with a wrong label
    unsure: int = 0  # of those, undecidable for the reviewer


@dataclass(frozen=True)
class RemainingErrors:
    """Wrong labels among the unreviewed particles, without the drawn ones."""

    value: float
    low: float  # 95 % interval; where reviewers were unsure it covers both extremes
    high: float
    at_most: float  # upper 95 % bound, counting every unsure one as wrong
    size: int  # unreviewed particles
    drawn: int
    wrong: int
    unsure: int


def draw_audit(undecided: int, draws: int, *, seed: int) -> list[tuple[int, NDArray[np.intp]]]:
    """Random positions among the `undecided` particles of a queue: a list of (size of the stratum, positions in it).

    Positions are in random order, all different; all of them where there are no more than draws.
    """
    rng = np.random.default_rng(seed)
    if undecided <= draws:
        return [(undecided, rng.permutation(undecided))] if undecided else []
    edges = np.round(np.cumsum([0, *(size for size, _ in STRATA)]) * undecided).astype(int)
    goals = np.round(np.cumsum([share for _, share in STRATA]) * draws).astype(int)
    strata, total = [], 0
    for start, end, goal in zip(edges, edges[1:], goals, strict=False):
        if end > start:
            # What a small stratum cannot give is drawn from the next.
            count = min(max(1, goal - total), end - start)
            total += count
            strata.append((int(end - start), start + rng.choice(end - start, count, replace=False)))
    return strata


def estimate_remaining(strata: Sequence[Stratum], *, seed: int = 0) -> RemainingErrors:
    """Wrong labels that remain. Each stratum not drawn entirely needs at least one drawn particle with an answer.

    The estimate is the sum of rate x size over the strata. The interval melds the exact intervals of the strata (Fay,
    Proschan and Brittain 2015): for one stratum it is Clopper and Pearson's; for several it is far narrower than the
    sum of theirs, and still valid. That the rest is a finite number is simulated.
    """
    answered = [stratum.drawn - stratum.unsure for stratum in strata]
    if any(s.size > s.drawn and count < 1 for s, count in zip(strata, answered, strict=True)):
        raise ValueError("every stratum that was not drawn entirely needs at least one drawn particle with an answer")
    rest = [stratum.size - stratum.drawn for stratum in strata]
    rng = np.random.default_rng(seed)
    fewest, most = np.zeros(SIMULATIONS), np.zeros(SIMULATIONS)
    for stratum, count in zip(strata, rest, strict=True):
        # Beta(0, n) is 0 and Beta(n, 0) is 1; numpy has neither.
        right, maybe = stratum.drawn - stratum.wrong, stratum.wrong + stratum.unsure
        low = rng.beta(stratum.wrong, right + 1, SIMULATIONS) if stratum.wrong else np.zeros(SIMULATIONS)
        high = (
            rng.beta(maybe + 1, stratum.drawn - maybe, SIMULATIONS) if maybe < stratum.drawn else np.ones(SIMULATIONS)
        )
        fewest += rng.binomial(count, low)
        most += rng.binomial(count, high)
    value = sum(n * stratum.wrong / count for stratum, count, n in zip(strata, answered, rest, strict=True) if n)
    return RemainingErrors(
        value=value,
        low=float(min(value, np.quantile(fewest, 0.025))),
        high=float(max(value, np.quantile(most, 0.975))),
        at_most=float(max(value, np.quantile(most, 0.95))),
        size=sum(rest),
        drawn=sum(stratum.drawn for stratum in strata),
        wrong=sum(stratum.wrong for stratum in strata),
        unsure=sum(stratum.unsure for stratum in strata),
    )


def clean_draws(rate: float) -> int:
    """How many draws without an error bound the share of errors by `rate` with 95 % confidence (about 3/rate)."""
    return math.ceil(math.log(0.05) / math.log1p(-rate))


def describe_remaining(remaining: RemainingErrors) -> str:
    """One sentence about the remaining errors, for the screen and the report."""
    sample = f"Random sample: {remaining.wrong} of {remaining.drawn:,} labels wrong"
    sample += f", {remaining.unsure} unsure" if remaining.unsure else ""
    if not remaining.size:
        return f"{sample}; no particle is left unreviewed."
    if not remaining.wrong and not remaining.unsure:
        return f"{sample}; up to {remaining.at_most:,.0f} of the other {remaining.size:,} may still be wrong."
    interval = f"{remaining.value:,.0f} ({remaining.low:,.0f} to {remaining.high:,.0f})"
    return f"{sample}; about {interval} of the other {remaining.size:,} are wrong."
