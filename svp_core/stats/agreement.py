"""Agreement of two labellings of the same particles, and the pull of a suggestion on the screen.

Answers are texts, one per particle: class keys, "unsure", "not_a_particle". Neither labelling is taken as correct.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.stats.intervals import Estimate, estimate_share, interval_from_resamples

SMALL_UM = 8.0  # below this diameter experts agree poorly (J. Pharm. Sci. 2023, label consistency for flow imaging)
RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """Agreement of two labellings of the same particles."""

    same: Estimate  # share of equal answers, Wilson's interval
    kappa: Estimate | None  # Cohen's kappa, bootstrap interval; None where only one answer occurs
    answers: tuple[str, ...]  # all answers, in alphabetical order
    table: NDArray[np.int_]  # (K, K): rows the first labelling, columns the second, in the order of answers

    @property
    def n(self) -> int:
        """Number of particles labelled twice."""
        return self.same.n


def measure_agreement(first: Sequence[str], second: Sequence[str], *, seed: int = 0) -> Agreement | None:
    """Agreement of two labellings, or None without particles.

    first, second: texts (N,), the same particle at the same position in both. Cohen's kappa (Cohen 1960) is the
    agreement beyond what the two distributions of answers give by chance: 1 complete, 0 chance. Where one class
    dominates it is low even for careful reviewers: read it together with the share and the table.
    """
    if len(first) != len(second):
        raise ValueError(f"agreement needs two answers per particle; got {len(first)} and {len(second)}")
    if not len(first):
        return None
    answers, codes = np.unique([list(first), list(second)], return_inverse=True)
    rows, columns = codes.reshape(2, -1)
    table = np.zeros((len(answers), len(answers)), int)
    np.add.at(table, (rows, columns), 1)
    return Agreement(estimate_share(rows == columns), _kappa_estimate(table, seed), tuple(map(str, answers)), table)


def agreement_by_size(
    first: Sequence[str],
    second: Sequence[str],
    sizes_um: ArrayLike,
    *,
    edges_um: Sequence[float] = (SMALL_UM,),
    seed: int = 0,
) -> list[tuple[float | None, float | None, Agreement | None]]:
    """Agreement below, between and above these diameters: list of (low, high, Agreement or None), sizes in µm.

    sizes_um: float (N,), NaN where unknown; those come last as (None, None, ...) where there are any.
    """
    answers_1, answers_2 = np.asarray(first, object), np.asarray(second, object)
    sizes = np.asarray(sizes_um, float)
    bins: list[tuple[float | None, float | None, NDArray[np.bool_]]] = [
        (low, high, (sizes >= low) & (sizes < high))
        for low, high in zip((0.0, *edges_um), (*edges_um, np.inf), strict=True)
    ]
    if np.isnan(sizes).any():
        bins.append((None, None, np.isnan(sizes)))
    return [
        (low, high, measure_agreement(answers_1[mask].tolist(), answers_2[mask].tolist(), seed=seed))
        for low, high, mask in bins
    ]


@dataclass(frozen=True)
class Anchoring:
    """Effect of a visible suggestion on the answers."""

    shown: Estimate  # share of answers equal to the suggestion, where it was visible
    hidden: Estimate  # the same where it was hidden
    difference: Estimate  # shown minus hidden; above 0: reviewers follow the suggestion


def measure_anchoring(follows: ArrayLike, shown: ArrayLike) -> Anchoring | None:
    """Anchoring, or None where the suggestion was always visible, or never.

    follows: bool (N,), whether the answer is the suggested label. shown: bool (N,), whether the suggestion was visible.
    Only particles whose suggestion differs from their label are informative. Valid as far as hiding was random. The
    difference has Newcombe's interval (1998, method 10).
    """
    follows, shown = np.asarray(follows, bool), np.asarray(shown, bool)
    if len(follows) != len(shown):
        raise ValueError(f"anchoring needs one value of each per answer; got {len(follows)} and {len(shown)}")
    if shown.all() or not shown.any():
        return None
    visible, hidden = estimate_share(follows[shown]), estimate_share(follows[~shown])
    value = visible.value - hidden.value
    down = np.hypot(visible.value - visible.low, hidden.high - hidden.value)
    up = np.hypot(visible.high - visible.value, hidden.value - hidden.low)
    difference = Estimate(value, float(value - down), float(value + up), min(visible.n, hidden.n))
    return Anchoring(visible, hidden, difference)


def kappa(table: ArrayLike) -> NDArray[np.float64]:
    """Cohen's kappa of tables of counts, (..., K, K) -> (...); NaN where agreement by chance is certain."""
    table = np.asarray(table, float)
    n = table.sum((-2, -1))
    by_chance = (table.sum(-1) * table.sum(-2)).sum(-1) / n**2
    same = np.trace(table, axis1=-2, axis2=-1) / n
    with np.errstate(invalid="ignore"):
        return np.where(np.isclose(by_chance, 1), np.nan, (same - by_chance) / (1 - by_chance))


def _kappa_estimate(table: NDArray[np.int_], seed: int) -> Estimate | None:
    value, n = float(kappa(table)), int(table.sum())
    if np.isnan(value):
        return None
    # Resampling particles with replacement is resampling the cells of the table.
    resampled = np.random.default_rng(seed).multinomial(n, table.ravel() / n, size=RESAMPLES)
    kappas = kappa(resampled.reshape(-1, *table.shape))
    return interval_from_resamples(value, kappas[~np.isnan(kappas)], n)
