"""Learn what strangers look like from some that a person has confirmed, and find the others like them.

A linear head tells them from known particles in everything that the novelty score sees, whitened by how known particles
of one class vary. No score without labels finds as many: five confirmed ones are enough to begin. It finds strangers of
the same kind only.

Then it learns again, from the sample itself: particles that are surely strangers (Benjamini-Hochberg) join the
confirmed ones. Each particle is judged by a head that did not learn from it, but from those of the other half, so that
known ones are not marked more often (self-training with cross-fitting; Scudder 1965, Yarowsky 1995).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL, MIN_NAMED, KnownExamples, conformal_p
from svp_core.novelty.listing import FALSE_SHARE, false_discovery_rates
from svp_core.stats.intervals import Estimate, estimate_share

MIN_CONFIRMED = 5  # strangers to learn from
C = 0.01  # inverse strength of the L2 penalty: few strangers in many features
FLOOR = 0.1  # added to the eigenvalues of the correlation matrix, so that faint directions are not amplified
FARTHEST = 8.0  # standard deviations; what lies beyond counts as that far
# Neighbours among the examples are of one instrument, or of one moment of a run. Blocks keep them together, so that
# particles that are judged by the head are of others than those that it learnt from, as new ones are.
BLOCK = 50
ROUNDS = 1  # in which the sample is learnt from; a second one finds hardly more
MAX_LEARNT = 2000  # particles of the sample that join the confirmed ones, evenly
FOLDS = 5  # of the confirmed ones, to measure what was gained
TAUGHT_SHARE = 1.0  # of the level of novelty: marks by what was taught are added to those by novelty

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class _Particles:
    """What a head sees of some particles."""

    features: NDArray[np.float64]  # (N, D)
    named: NDArray[np.integer]  # (N,)
    forms: NDArray[np.integer]  # (N,)

    def take(self, rows: NDArray) -> "_Particles":
        return _Particles(self.features[rows], self.named[rows], self.forms[rows])


@dataclass(frozen=True)
class TeachingGain:
    """What confirmed strangers gained, on confirmed ones that were held out."""

    confirmed: int
    auc_before: float  # share of known particles, named alike, that are less unusual; by the novelty score
    auc_after: float  # the same by the head
    found_before: Estimate  # share found at LEVEL
    found_after: Estimate


def taught_p_values(
    examples: KnownExamples,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    confirmed: Rows,
) -> NDArray[np.float64]:
    """Conformal p-value of each particle (N,): small where it resembles the confirmed strangers, not the known ones.

    features (N, D), named (N,), forms (N,): as in KnownExamples. confirmed: their positions (n,), n >= MIN_CONFIRMED;
    these have the smallest value. Every second block of the examples is learnt from, the others of the same named class
    and form give the p-values. Raises LabError for too few strangers.
    """
    if len(confirmed) < MIN_CONFIRMED:
        raise LabError(
            f"{len(confirmed)} confirmed strangers are too few; select at least {MIN_CONFIRMED} to learn from."
        )
    sample = _Particles(_finite(features), np.asarray(named), np.asarray(forms))
    learnt, judging = _halves(examples)
    values = _p_values(learnt, judging, sample.take(confirmed), sample)
    fold = np.arange(len(values)) % 2
    for _ in range(ROUNDS):
        surely = false_discovery_rates(values) <= FALSE_SHARE
        surely[confirmed] = False
        learnt_again = np.array(values)
        for half in (0, 1):
            others = np.flatnonzero(surely & (fold != half))
            if len(others):
                others = others[:: -(-len(others) // MAX_LEARNT)]
                strangers = sample.take(np.concatenate([confirmed, others]))
                mask = fold == half
                learnt_again[mask] = _p_values(learnt, judging, strangers, sample.take(mask))
        values = learnt_again
    values[confirmed] = 1 / (len(judging.named) + 1)
    return values


def teaching_gain(
    examples: KnownExamples,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    p_values: NDArray[np.floating],
) -> TeachingGain | None:
    """What these confirmed strangers (n,) gained, each judged by a head that the others taught; in FOLDS parts.

    p_values: theirs by the novelty score (n,). None where a part would leave fewer than MIN_CONFIRMED - 1.
    """
    count = len(named)
    folds = min(FOLDS, count)
    if count - -(-count // folds) < MIN_CONFIRMED - 1:
        return None
    strangers = _Particles(_finite(features), np.asarray(named), np.asarray(forms))
    (learnt, judging), fold, after = _halves(examples), np.arange(count) % folds, np.ones(count)
    for k in range(folds):
        held = fold == k
        after[held] = _p_values(learnt, judging, strangers.take(~held), strangers.take(held))
    before = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    return TeachingGain(
        count,
        float((1 - before).mean()),
        float((1 - after).mean()),
        estimate_share(before <= LEVEL),
        estimate_share(after <= TAUGHT_SHARE * LEVEL),
    )


def _halves(examples: KnownExamples) -> tuple[_Particles, _Particles]:
    """Known particles to learn from, and those among which p-values are counted."""
    known = _Particles(_finite(examples.features), np.asarray(examples.named, int), np.asarray(examples.forms, int))
    count = len(known.named)
    learnt = np.arange(count) // min(BLOCK, max(1, count // 4)) % 2 == 0
    return known.take(learnt), known.take(~learnt)


def _p_values(
    learnt: _Particles, judging: _Particles, strangers: _Particles, sample: _Particles
) -> NDArray[np.float64]:
    """p-value of each particle of the sample by a head that tells these strangers from the learnt known particles."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    view = _Whitened(learnt)
    inputs = np.concatenate([view(learnt), view(strangers)])
    is_stranger = np.repeat([0, 1], [len(learnt.named), len(strangers.named)])
    with threadpool_limits(1):
        head = LogisticRegression(C=C, max_iter=500, class_weight="balanced").fit(inputs, is_stranger)
    known, scores = (head.decision_function(view(part)) for part in (judging, sample))
    values = np.ones(len(sample.named))
    for label in np.unique(sample.named):
        for form in np.unique(sample.forms):
            mask = (sample.named == label) & (sample.forms == form)
            alike = (judging.named == label) & (judging.forms == form)
            alike = alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)
            values[mask] = conformal_p(scores[mask], known[alike])
    return values


class _Whitened:
    """Features less the mean of their form of tile, whitened by how known particles vary within class and form."""

    def __init__(self, known: _Particles) -> None:
        features = known.features
        self._means = {form: features[known.forms == form].mean(0) for form in np.unique(known.forms)}
        self._mean = features.mean(0)
        residual = features.copy()
        for form in self._means:
            for label in np.unique(known.named):
                group = (known.forms == form) & (known.named == label)
                if group.any():
                    residual[group] -= features[group].mean(0)
        self._spread = np.maximum(residual.std(0), 1e-6)
        values, axes = np.linalg.eigh(np.atleast_2d(np.cov(residual / self._spread, rowvar=False)))
        self._axes = axes / np.sqrt(np.maximum(values, 0) + FLOOR)

    def __call__(self, particles: _Particles) -> NDArray[np.float64]:
        centres = np.stack([self._means.get(form, self._mean) for form in particles.forms])
        inputs = (particles.features - centres) / self._spread @ self._axes
        return inputs.clip(-FARTHEST, FARTHEST)


def _finite(features: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(features, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
