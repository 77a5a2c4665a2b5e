"""ROC of a novelty score on known particles and labelled strangers, with Youden's threshold and the conformal one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.novelty.calibration import LEVEL


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it does."""

    found: float  # share of the strangers
    false_alarms: float  # share of the known particles


@dataclass(frozen=True, eq=False)
class RocCurve:
    """How many strangers are found at how many false alarms."""

    false_alarms: NDArray[np.float64]
    found: NDArray[np.float64]
    auc: float
    youden: Threshold  # chosen with the strangers themselves: what it finds is too good for others
    conformal: Threshold  # chosen without any stranger: what is used


def roc_curve(
    known: ArrayLike, strangers: ArrayLike, known_p: ArrayLike, strangers_p: ArrayLike, *, level: float = LEVEL
) -> RocCurve:
    """ROC of scores, large: unlike, of known particles (N,) and strangers (M,), both at least 1, and their p-values.

    Youden's threshold maximises found - false alarms (Youden 1950): it weighs one stranger missed like all known
    particles marked by the same share, which is useless where strangers are rare. The conformal one marks p <= level.
    """
    from sklearn import metrics

    known, strangers = np.asarray(known, float), np.asarray(strangers, float)
    truth = np.repeat([0, 1], [len(known), len(strangers)])
    scores = np.concatenate([known, strangers])
    false_alarms, found, _ = metrics.roc_curve(truth, scores, drop_intermediate=True)
    best = int(np.argmax(found - false_alarms))
    conformal = Threshold(
        float((np.asarray(strangers_p) <= level).mean()), float((np.asarray(known_p) <= level).mean())
    )
    return RocCurve(
        false_alarms,
        found,
        float(metrics.roc_auc_score(truth, scores)),
        Threshold(float(found[best]), float(false_alarms[best])),
        conformal,
    )
