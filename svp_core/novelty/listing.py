"""What the p-values of a sample say: which particles may be listed, the least noticed, how many are known ones."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.novelty.verdict import SampleVerdict

FALSE_SHARE = 0.1  # expected share of known particles, at most, among those that are listed


def false_discovery_rates(p_values: ArrayLike) -> NDArray[np.float64]:
    """Smallest false discovery rate at which each particle (N,) is listed; NaN where p is.

    Benjamini and Hochberg 1995. Conformal p-values of one calibration set are positively dependent in the way that it
    allows (Bates et al. 2021, arXiv 2104.08279, theorem 2).
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p_values, float)
    rates, judged = np.full(len(values), np.nan), ~np.isnan(values)
    if judged.any():
        rates[judged] = false_discovery_control(values[judged])
    return rates


def smallest_noticed(verdict: SampleVerdict) -> tuple[int | None, int | None]:
    """Least number of marked particles at which the alarm on a sample of this size rings, and least of far ones.

    None where not even all of them ring it, or where far ones are not looked at.
    """
    marked = _least(lambda count: replace(verdict, marked=count).is_marked_alarm, verdict.total)
    if verdict.far is None:
        return marked, None
    return marked, _least(lambda count: replace(verdict, far=count).is_far_alarm, verdict.total)


def _least(rings: Callable[[int], bool], total: int) -> int | None:
    """Least of 0..total that rings, where all larger ones do; None where none does."""
    low, high = 0, total
    if not rings(total):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rings(middle) else (middle + 1, high)
    return low


def most_known(p_values: ArrayLike) -> float:
    """Upper 95 % bound of the share of known particles in a sample, 0..1; 1 without p-values.

    Storey 2002 (J. R. Stat. Soc. B 64, eq. 6) with lambda 1/2: p-values of known particles are uniform, so twice as
    many of them are known as lie above 1/2. Images unlike those of the calibration leave few there, even where none of
    them is unusual by itself.
    """
    from scipy.stats import beta

    values = np.asarray(p_values, float)
    values = values[~np.isnan(values)]
    above = int((values > 0.5).sum())
    if above == len(values):
        return 1.0
    return min(1.0, 2 * float(beta.ppf(0.95, above + 1, len(values) - above)))
