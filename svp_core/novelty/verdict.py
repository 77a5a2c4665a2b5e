"""Verdict on a sample: are more of its particles marked as unlike than chance explains?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from svp_core.novelty.calibration import LEVEL, NoveltyCalibration

ALARM = 0.01  # one-sided p-value of the binomial test below which the verdict is an alarm
# A run of another instrument marks a few more than the calibration promises; below this multiple of the level it is
# taken as one that resembles the calibration.
TOLERATED = 1.5
# Known particles of one instrument are marked more often than of another. By the shipped calibration, the share that is
# marked differs between simulated instruments as if it were counted among this many particles (maximum likelihood of
# the beta-binomial distribution over 99 instruments, as an instrument's crops).
OTHER_INSTRUMENTS = 50


@dataclass(frozen=True)
class SampleVerdict:
    """How many particles of a sample are marked as unlike, and whether that is more than known particles would be."""

    marked: int
    total: int
    level: float  # share of known particles that is marked by construction
    # Particles of its own that the calibration is worth for this instrument: those of its known run, or
    # OTHER_INSTRUMENTS; 0: so many that it does not matter.
    among: int = 0

    @property
    def share(self) -> float:
        """Share of the particles that is marked, 0..1; 0 without particles."""
        return self.marked / self.total if self.total else 0.0

    @property
    def p_value(self) -> float:
        """Probability of at least so many marks if all particles were known ones, one-sided.

        Binomial; among n particles beta-binomial, as the share that those mark is itself a draw from
        Beta(k, n + 1 - k) with k = level (n + 1) (Vovk 2012).
        """
        if not self.among:
            return float(scipy.stats.binom.sf(self.marked - 1, self.total, self.level))
        marking = max(self.level * (self.among + 1), 1e-3)
        return float(scipy.stats.betabinom.sf(self.marked - 1, self.total, marking, self.among + 1 - marking))

    @property
    def is_alarm(self) -> bool:
        """Whether more are marked than known particles explain."""
        return self.level > 0 and self.share > TOLERATED * self.level and self.p_value < ALARM


def judge_sample(p_values: ArrayLike, *, level: float = LEVEL, among: int = 0) -> SampleVerdict:
    """Verdict on particles with these p-values (N,); those without one (NaN) are left out. among: see SampleVerdict."""
    values = np.asarray(p_values, float)
    values = values[~np.isnan(values)]
    return SampleVerdict(int((values <= level).sum()), len(values), level, among)


def verdict_facts(
    marked: int, total: int, calibration: NoveltyCalibration | None, no_calibration: str
) -> dict[str, Any]:
    """What summary.json says of a sample: marked, total, level, share, p_value, alarm; and by which calibration.

    calibration, no_calibration: from find_calibration; without one, only the reason is known.
    """
    if calibration is None:
        return {"reason": no_calibration}
    verdict = SampleVerdict(marked, total, LEVEL, calibration.among or OTHER_INSTRUMENTS)
    among = {"among": calibration.among} if calibration.among else {}
    return {
        **among,
        "marked": marked,
        "total": total,
        "level": LEVEL,
        "share": round(verdict.share, 4),
        "p_value": verdict.p_value,
        "alarm": verdict.is_alarm,
        "calibration": calibration.description,
    }
