"""Learn what strangers look like from some that a person has confirmed, and find the others like them.

Two heads tell them from known particles in everything that the novelty score sees, and their scores are added: a forest
of extremely randomised trees (Geurts et al. 2006, Machine Learning 63), since simulated strangers of one kind are
scattered groups, and a linear one on features whitened by how known particles of one class vary, since a slight shift
of many features is lost on trees. No score without labels finds as many: five confirmed ones are enough to begin. They
find strangers of the same kind only.

Then they learn again, ROUNDS times, from the sample itself: particles that are surely strangers (Benjamini-Hochberg)
join the confirmed ones. Each particle is judged by heads that did not learn from it, but from those of the other half,
so that known ones are not marked more often (self-training with cross-fitting; Scudder 1965, Yarowsky 1995).

p-values order the particles as the scores do: a score is compared with known particles of all named classes and forms
of tile, those of each weighed by its share w of the sample (conformal p-values under label shift; Podkopaev and Ramdas
2021, arXiv 2103.03323):

    p(s) = sum over classes and forms of w (1 + number of their calibration scores >= s) / (n + 1).

Where the known particles of a class score like its calibration ones, p <= a marks at most a share a of the sample
wrongly, though more of one class than of another: with a share e of strangers in it, w is at least 1 - e times the
share among the known particles, so that at most a / (1 - e) of these are marked. Benjamini-Hochberg has this factor to
spare.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL, MIN_NAMED, KnownExamples, conformal_p
from svp_core.novelty.listing import FALSE_SHARE, false_discovery_rates
from svp_core.stats.intervals import Estimate, estimate_share

MIN_CONFIRMED = 5  # strangers to learn from
TREES = 200
MIN_LEAF = 5  # particles in a leaf
TRIED_SHARE: Any = 0.5  # of the features, at each split
NO_STRANGER = 0.01  # added to shares of strangers, so that their log odds are finite
LINEAR_WEIGHT = 0.3  # of the linear head's score, both scores standardised
C = 0.01  # inverse strength of its L2 penalty: few strangers in many features
FLOOR = 0.1  # added to the eigenvalues of the correlation matrix, so that faint directions are not amplified
FARTHEST = 8.0  # standard deviations; what lies beyond counts as that far
CHUNK = 20_000  # particles at a time, which bounds the memory
# Neighbours among the examples are of one instrument, or of one moment of a run. Blocks keep them together, so that
# particles that are judged are of others than those that it learnt from, as new ones are.
BLOCK = 50
MAX_LEARNT = 2000  # particles of the sample that join the confirmed ones, evenly
ROUNDS = 3  # of learning again from the sample
FOLDS = 5  # of the confirmed ones, to measure what was gained
TAUGHT_SHARE = 1.0  # of the level of novelty: marks by what was taught are added to those by novelty

Rows = NDArray[np.intp]
Mixture = dict[tuple[int, int], float]  # (named class, form of tile) -> share of a sample's particles


@dataclass(frozen=True)
class _Particles:
    """What is known of some particles."""

    features: NDArray[np.float32]  # (N, D)
    named: NDArray[np.integer]  # (N,)
    forms: NDArray[np.integer]  # (N,)

    def take(self, rows: NDArray | slice) -> "_Particles":
        return _Particles(self.features[rows], self.named[rows], self.forms[rows])


Score = Callable[[_Particles], NDArray[np.float64]]  # of each particle, (N,); large: like the confirmed strangers


@dataclass(frozen=True)
class TeachingGain:
    """What confirmed strangers gained, on confirmed ones that were held out."""

    confirmed: int
    auc_before: float  # share of known particles, named alike, that are less unusual; by the novelty score
    auc_after: float  # share of all known particles that resemble the others less; by what was taught
    found_before: Estimate  # share found at LEVEL
    found_after: Estimate


class Taught(NamedTuple):
    """How much each particle resembles the confirmed strangers."""

    scores: NDArray[np.float64]  # (N,), large: like them; inf for the confirmed ones
    p_values: NDArray[np.float64]  # (N,), small: like them; no value is smaller than that of the confirmed ones


def judge_taught(
    examples: KnownExamples,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    confirmed: Rows,
) -> Taught:
    """Score and conformal p-value of each particle: does it resemble the confirmed strangers, or the known particles?

    features (N, D), named (N,), forms (N,): as in KnownExamples. confirmed: their positions (n,), n >= MIN_CONFIRMED.
    Every second block of the examples is learnt from, the others give the p-values. Raises LabError for too few
    strangers.
    """
    if len(confirmed) < MIN_CONFIRMED:
        raise LabError(
            f"{len(confirmed)} confirmed strangers are too few; select at least {MIN_CONFIRMED} to learn from."
        )
    sample = _Particles(_finite(features), np.asarray(named), np.asarray(forms))
    learnt, judging = _halves(examples)
    mixture = _mixture(sample.named, sample.forms, confirmed)
    scores, values = _judge(learnt, judging, sample.take(confirmed), sample, mixture)
    fold = np.arange(len(values)) % 2
    for _ in range(ROUNDS):
        surely = unconfirmed_rates(values, confirmed) <= FALSE_SHARE
        for half in (0, 1):
            others, mask = np.flatnonzero(surely & (fold != half)), fold == half
            if len(others):
                others = others[:: -(-len(others) // MAX_LEARNT)]
                strangers = sample.take(np.concatenate([confirmed, others]))
                scores[mask], values[mask] = _judge(learnt, judging, strangers, sample.take(mask), mixture)
    scores[confirmed], values[confirmed] = np.inf, 1 / (len(judging.named) + 1)
    return Taught(scores, values)


def unconfirmed_rates(p_values: NDArray[np.floating], confirmed: Rows) -> NDArray[np.float64]:
    """Smallest false discovery rate (N,) at which each particle is listed as like the confirmed ones; theirs is NaN.

    Counted with the confirmed ones, which are none to be discovered, more of the others would be listed.
    """
    values = np.asarray(p_values, np.float64).copy()
    values[confirmed] = np.nan
    return false_discovery_rates(values)


def like_confirmed(
    p_values: NDArray[np.floating], rates: NDArray[np.floating] | None, level: float = LEVEL
) -> NDArray[np.bool_]:
    """Which particles (N,) are marked as like the confirmed strangers: bool.

    Those with a p-value of at most TAUGHT_SHARE of the level; and those that may be listed, which are more only where
    most of the sample is like the strangers. rates: false discovery rates (N,), as unconfirmed_rates gives them; None
    where it is not known which particles were confirmed.
    """
    marked = p_values <= TAUGHT_SHARE * level
    return marked if rates is None else marked | (rates <= FALSE_SHARE * level / LEVEL)


def teaching_gain(
    examples: KnownExamples,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    confirmed: Rows,
    p_values: NDArray[np.floating],
) -> TeachingGain | None:
    """What the confirmed strangers (n,) of a sample gained, each judged by what the others taught; in FOLDS parts.

    features, named, forms, confirmed: as for judge_taught. p_values: of the confirmed ones by the novelty score (n,).
    None where a part would leave fewer than MIN_CONFIRMED - 1.
    """
    count, mixture = len(confirmed), _mixture(named, forms, confirmed)
    folds = min(FOLDS, count)
    if count - -(-count // folds) < MIN_CONFIRMED - 1:
        return None
    strangers = _Particles(_finite(features[confirmed]), np.asarray(named)[confirmed], np.asarray(forms)[confirmed])
    (learnt, judging), fold, after = _halves(examples), np.arange(count) % folds, np.ones(count)
    for k in range(folds):
        held = fold == k
        after[held] = _judge(learnt, judging, strangers.take(~held), strangers.take(held), mixture).p_values
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


def _mixture(named: NDArray[np.integer], forms: NDArray[np.integer], confirmed: Rows) -> Mixture:
    """Mixture of the particles that are not confirmed; of all, where there are no others."""
    pairs = np.stack([named, forms], axis=1)
    others = np.delete(pairs, confirmed, axis=0)
    groups, counts = np.unique(others if len(others) else pairs, axis=0, return_counts=True)
    return {
        (int(label), int(form)): float(count / counts.sum())
        for (label, form), count in zip(groups, counts, strict=True)
    }


def _judge(
    learnt: _Particles, judging: _Particles, strangers: _Particles, sample: _Particles, mixture: Mixture
) -> Taught:
    """Each particle of the sample by heads that tell these strangers from the learnt known particles."""
    # Of the same form of tile: else the heads would learn the form.
    alike = np.isin(learnt.forms, strangers.forms)
    learnt = learnt.take(alike) if alike.any() else learnt
    known, scores = np.zeros(len(judging.named)), np.zeros(len(sample.named))
    for score, weight in ((_fit_trees(learnt, strangers), 1.0), (_fit_linear(learnt, strangers), LINEAR_WEIGHT)):
        of_known, of_sample = (_in_chunks(score, part) for part in (judging, sample))
        weight /= max(float(of_known.std()), 1e-6)
        known, scores = known + weight * of_known, scores + weight * of_sample
    values = np.zeros(len(sample.named))
    for (label, form), share in mixture.items():
        alike = (judging.named == label) & (judging.forms == form)
        alike = alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)
        values += share * conformal_p(scores, known[alike])
    return Taught(scores, values.clip(max=1))  # rounded shares can sum to slightly more than 1


def _fit_trees(known: _Particles, strangers: _Particles) -> Score:
    """Log odds of being a stranger by the mean share of strangers in the leaves."""
    from sklearn.ensemble import ExtraTreesClassifier

    trees = ExtraTreesClassifier(
        TREES, min_samples_leaf=MIN_LEAF, max_features=TRIED_SHARE, class_weight="balanced", random_state=0
    ).fit(np.concatenate([known.features, strangers.features]), _is_stranger(known, strangers))

    def score(particles: _Particles) -> NDArray[np.float64]:
        share = trees.predict_proba(particles.features)[:, 1]
        return np.log((share + NO_STRANGER) / (1 + NO_STRANGER - share))

    return score


def _fit_linear(known: _Particles, strangers: _Particles) -> Score:
    """Log odds of being a stranger by a logistic regression on whitened features."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    view = _Whitened(known)
    inputs = np.concatenate([view(known), view(strangers)])
    with threadpool_limits(1):
        head = LogisticRegression(C=C, max_iter=500, class_weight="balanced").fit(
            inputs, _is_stranger(known, strangers)
        )
    return lambda particles: head.decision_function(view(particles))


def _is_stranger(known: _Particles, strangers: _Particles) -> NDArray[np.integer]:
    return np.repeat([0, 1], [len(known.named), len(strangers.named)])


def _in_chunks(score: Score, particles: _Particles) -> NDArray[np.float64]:
    parts = [slice(start, start + CHUNK) for start in range(0, len(particles.named), CHUNK)]
    return np.concatenate([np.zeros(0), *(score(particles.take(part)) for part in parts)])


class _Whitened:
    """Features less the mean of their form of tile, whitened by how known particles vary within class and form."""

    def __init__(self, known: _Particles) -> None:
        features = known.features.astype(np.float64)
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


def _finite(features: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(features, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
