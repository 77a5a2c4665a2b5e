"""Learn what strangers look like from some that a person has confirmed, and find the others like them.

A linear head tells them from known particles in everything that the novelty score sees. No score without labels finds
as many: five confirmed ones are enough to begin. It finds strangers of the same kind only.
"""

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.novelty.calibration import MIN_NAMED, KnownExamples, conformal_p

MIN_CONFIRMED = 5  # strangers to learn from
C = 0.01  # inverse strength of the L2 penalty: few strangers in many features
TAUGHT_SHARE = 1.0  # of the level of novelty: marks by what was taught are added to those by novelty


def taught_p_values(
    examples: KnownExamples,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    confirmed: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Conformal p-value of each particle (N,): small where it resembles the confirmed strangers, not the known ones.

    features (N, D), named (N,), forms (N,): as in KnownExamples. confirmed: their positions (n,), n >= MIN_CONFIRMED;
    these have the smallest value. Every second example is learnt from, the others of the same named class and form give
    the p-values. Raises LabError for too few strangers.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(confirmed) < MIN_CONFIRMED:
        raise LabError(
            f"{len(confirmed)} confirmed strangers are too few; select at least {MIN_CONFIRMED} to learn from."
        )
    learnt = np.arange(len(examples.named)) % 2 == 0
    known, strangers = _finite(examples.features), _finite(features)
    mean, spread = known[learnt].mean(0), np.maximum(known[learnt].std(0), 1e-6)
    inputs = np.concatenate([known[learnt], strangers[confirmed]])
    is_stranger = np.repeat([0, 1], [int(learnt.sum()), len(confirmed)])
    with threadpool_limits(1):
        head = LogisticRegression(C=C, max_iter=500, class_weight="balanced").fit((inputs - mean) / spread, is_stranger)
    calibration, scores = (head.decision_function((rows - mean) / spread) for rows in (known[~learnt], strangers))
    values = np.ones(len(named))
    for label in np.unique(named):
        for form in np.unique(forms):
            mask = (named == label) & (forms == form)
            alike = (examples.named[~learnt] == label) & (examples.forms[~learnt] == form)
            alike = alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)
            values[mask] = conformal_p(scores[mask], calibration[alike])
    values[confirmed] = 1 / (len(calibration) + 1)
    return values


def _finite(features: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(features, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
