"""How far do two looks at the same particles agree, and how much does a suggestion on the screen pull?

Answers are texts, one a particle: class keys, "unsure", "not_a_particle". Nothing here says which answer is right.
"""

from dataclasses import dataclass

import numpy as np

from svp_core.stats.intervals import Estimate, estimate_share, interval_from_resamples

SMALL_UM = 8.0  # below this diameter experts agree poorly (J. Pharm. Sci. 2023, label consistency for flow imaging)
RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """Two looks at the same particles."""

    same: Estimate  # share of equal answers, Wilson's interval
    kappa: Estimate | None  # Cohen's kappa, bootstrap interval; None where one answer is all there is
    answers: tuple  # what was answered, in alphabetical order
    table: np.ndarray  # int (K, K): rows the first look, columns the second, in the order of answers

    @property
    def n(self):
        """How many particles were looked at twice."""
        return self.same.n


def measure_agreement(first, second, *, seed=0):
    """The Agreement of two looks at the same particles, or None when there is none.

    first, second: texts (N,), a particle at the same place in both. Cohen's kappa (Cohen 1960) is the agreement beyond
    what the two shares of each answer give by chance: 1 complete, 0 chance. Where one class dominates it is low even
    for careful reviewers: read it beside the share and the table.
    """
    if len(first) != len(second):
        raise ValueError(f"agreement needs two answers a particle; got {len(first)} and {len(second)}")
    if not len(first):
        return None
    answers, codes = np.unique([list(first), list(second)], return_inverse=True)
    rows, columns = codes.reshape(2, -1)
    table = np.zeros((len(answers), len(answers)), int)
    np.add.at(table, (rows, columns), 1)
    return Agreement(estimate_share(rows == columns), _kappa_estimate(table, seed), tuple(map(str, answers)), table)


def agreement_by_size(first, second, sizes_um, *, edges_um=(SMALL_UM,), seed=0):
    """Agreement below, between and above these diameters: a list of (at least, below, Agreement or None), sizes in um.

    sizes_um: float (N,), NaN where unknown; those come last as (None, None, ...) where there are any.
    """
    first, second, sizes = np.asarray(first, object), np.asarray(second, object), np.asarray(sizes_um, float)
    bins = [
        (low, high, (sizes >= low) & (sizes < high))
        for low, high in zip((0.0, *edges_um), (*edges_um, np.inf), strict=True)
    ]
    if np.isnan(sizes).any():
        bins.append((None, None, np.isnan(sizes)))
    return [(low, high, measure_agreement(first[inside], second[inside], seed=seed)) for low, high, inside in bins]


@dataclass(frozen=True)
class Anchoring:
    """What seeing a suggestion does to the answer."""

    shown: Estimate  # share of answers equal to the suggestion, where it was on the screen
    hidden: Estimate  # the same where it was hidden
    difference: Estimate  # shown less hidden; above 0: reviewers lean on the suggestion


def measure_anchoring(follows, shown):
    """The Anchoring, or None where the suggestion was always shown, or never.

    follows: bool (N,), whether the answer is the suggested label. shown: bool (N,). Only particles whose suggestion
    differs from their label say anything. Holds as far as it was left to chance where the suggestion is hidden. The
    difference's interval is Newcombe's (1998, method 10).
    """
    follows, shown = np.asarray(follows, bool), np.asarray(shown, bool)
    if len(follows) != len(shown):
        raise ValueError(f"anchoring needs one of each for an answer; got {len(follows)} and {len(shown)}")
    if shown.all() or not shown.any():
        return None
    with_it, without = estimate_share(follows[shown]), estimate_share(follows[~shown])
    value = with_it.value - without.value
    down = np.hypot(with_it.value - with_it.low, without.high - without.value)
    up = np.hypot(with_it.high - with_it.value, without.value - without.low)
    difference = Estimate(value, float(value - down), float(value + up), min(with_it.n, without.n))
    return Anchoring(with_it, without, difference)


def kappa(table):
    """Cohen's kappa of tables of counts, (..., K, K) -> (...); NaN where chance alone would agree always."""
    table = np.asarray(table, float)
    n = table.sum((-2, -1))
    by_chance = (table.sum(-1) * table.sum(-2)).sum(-1) / n**2
    same = np.trace(table, axis1=-2, axis2=-1) / n
    with np.errstate(invalid="ignore"):
        return np.where(np.isclose(by_chance, 1), np.nan, (same - by_chance) / (1 - by_chance))


def _kappa_estimate(table, seed):
    value, n = kappa(table), int(table.sum())
    if np.isnan(value):
        return None
    # Drawing particles again with replacement is drawing from the cells of the table.
    drawn = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=RESAMPLES)
    found = kappa(drawn.reshape(-1, *table.shape))
    return interval_from_resamples(value, found[~np.isnan(found)], n)
