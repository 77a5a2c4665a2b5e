"""Verdict on a sample: are more of its particles marked as unlike than chance explains?

By the shipped calibration, two shares are looked at, each at half of ALARM (Bonferroni): of the marked particles, and
of those that are far from known ones. Instruments differ much in how many known particles they mark, but little in how
many are far, as many strangers are.
"""

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
FAR = 0.01  # a particle is far from known ones at p <= FAR
# Known particles of one instrument are marked more often than of another. By the shipped calibration, the share that is
# marked differs between simulated instruments as if it were counted among this many particles (maximum likelihood of
# the beta-binomial distribution over 99 instruments, as an instrument's crops).
OTHER_INSTRUMENTS = 50


@dataclass(frozen=True)
class FarLaw:
    """How many known particles of an instrument are far: a share drawn from a beta distribution."""

    share: float  # mean over instruments
    among: int  # its share differs between instruments as if it were counted among this many particles


# Fitted, with a margin, to the known particles of 56 simulated instruments (maximum likelihood of the beta-binomial
# distribution), as whole tiles and as an instrument's crops. Where the magnification is not known, the widest.
FAR_UNKNOWN = FarLaw(0.0125, 250)
FAR_LAWS = {"20x": FAR_UNKNOWN, "10x": FarLaw(0.005, 250), "4x": FarLaw(0.005, 250)}


@dataclass(frozen=True)
class SampleVerdict:
    """How many particles of a sample are marked as unlike, and whether that is more than known particles would be."""

    marked: int
    total: int
    level: float  # share of known particles that is marked by construction
    # Particles of its own that the calibration is worth for this instrument: those of its known run, or
    # OTHER_INSTRUMENTS; 0: so many that it does not matter.
    among: int = 0
    far: int | None = None  # particles with p <= FAR; None: not looked at
    far_law: FarLaw = FAR_UNKNOWN

    @property
    def share(self) -> float:
        """Share of the particles that is marked, 0..1; 0 without particles."""
        return self.marked / self.total if self.total else 0.0

    @property
    def p_value(self) -> float:
        """Probability of at least so many marks, or so many far ones, if all particles were known ones, one-sided.

        Twice the smaller of both (Bonferroni). Binomial; among n particles beta-binomial, as the share that those mark
        is itself a draw from Beta(k, n + 1 - k) with k = level (n + 1) (Vovk 2012).
        """
        of_marked = _at_least(self.marked, self.total, self.level, self.among)
        if self.far is None:
            return of_marked
        of_far = _at_least(self.far, self.total, self.far_law.share, self.far_law.among)
        return min(1.0, 2 * min(of_marked, of_far))

    @property
    def is_alarm(self) -> bool:
        """Whether more are marked, or far, than known particles explain."""
        return self.level > 0 and (self.is_marked_alarm or self.is_far_alarm)

    @property
    def is_marked_alarm(self) -> bool:
        """Whether more are marked than known particles explain."""
        return self._is_too_many(self.marked, self.level, self.among)

    @property
    def is_far_alarm(self) -> bool:
        """Whether more are far from known particles than known ones are themselves."""
        return self.far is not None and self._is_too_many(self.far, self.far_law.share, self.far_law.among)

    def _is_too_many(self, count: int, level: float, among: int) -> bool:
        alarm = ALARM if self.far is None else ALARM / 2
        return count > TOLERATED * level * self.total and _at_least(count, self.total, level, among) < alarm


def _at_least(count: int, total: int, level: float, among: int) -> float:
    """Probability of at least `count` of `total` known particles at this level; among: see SampleVerdict."""
    if not among:
        return float(scipy.stats.binom.sf(count - 1, total, level))
    marking = max(level * (among + 1), 1e-3)
    return float(scipy.stats.betabinom.sf(count - 1, total, marking, among + 1 - marking))


def judge_sample(p_values: ArrayLike, *, level: float = LEVEL, among: int = 0) -> SampleVerdict:
    """Verdict on particles with these p-values (N,); those without one (NaN) are left out. among: see SampleVerdict."""
    values = np.asarray(p_values, float)
    values = values[~np.isnan(values)]
    return SampleVerdict(int((values <= level).sum()), len(values), level, among)


def judge_by_shipped(p_values: ArrayLike, magnification: str | None) -> SampleVerdict:
    """Verdict on particles with these p-values (N,) by the shipped calibration; those without one are left out.

    magnification: of optics' MAGNIFICATIONS, None where it is not known.
    """
    values = np.asarray(p_values, float)
    values = values[~np.isnan(values)]
    return shipped_verdict(int((values <= LEVEL).sum()), count_far(values), len(values), magnification)


def shipped_verdict(
    marked: int, far: int, total: int, magnification: str | None, *, level: float = LEVEL
) -> SampleVerdict:
    """The same of so many marked particles and far ones. level: share of known particles that is marked."""
    law = FAR_LAWS.get(magnification or "", FAR_UNKNOWN)
    return SampleVerdict(marked, total, level, OTHER_INSTRUMENTS, far, law)


def counted_verdict(
    marked: int, far: int, total: int, *, among: int | None, magnification: str | None, level: float = LEVEL
) -> SampleVerdict:
    """Verdict on so many marked particles: by a calibration of `among` own particles, else by the shipped one.

    far, magnification, level: as for shipped_verdict, and used by the shipped calibration (level by both).
    """
    if among:
        return SampleVerdict(marked, total, level, among)
    return shipped_verdict(marked, far, total, magnification, level=level)


def count_far(p_values: ArrayLike) -> int:
    """Number of particles with these p-values (N,) that are far from known ones."""
    return int((np.asarray(p_values, float) <= FAR).sum())


def verdict_facts(
    marked: int,
    far: int,
    total: int,
    calibration: NoveltyCalibration | None,
    reason: str,
    *,
    magnification: str | None,
) -> dict[str, Any]:
    """What summary.json says of a sample: marked, total, level, share, p_value, alarm; and by which calibration.

    far: particles with p <= FAR; they and the magnification, see judge_by_shipped, count by the shipped calibration.
    calibration, reason: from find_own_calibration; without one, only the reason is known.
    """
    if calibration is None:
        return {"reason": reason}
    verdict = counted_verdict(marked, far, total, among=calibration.among, magnification=magnification)
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
        "basis": calibration.basis,
        **({"note": reason} if reason else {}),
    }
