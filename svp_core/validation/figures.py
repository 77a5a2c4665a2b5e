"""Figures of a validation: accuracy, predictive value and calibration, each with its 95 % interval.

Particles are drawn by size, so each one stands for a number of particles (its weight). Shares are weighted, and have
Wilson's interval at the effective sample size (Kish 1965). A particle whose class the reviewers cannot tell counts
neither as right nor as wrong; how far it could move the accuracy is given by two extremes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.particle_classes import UNSURE
from svp_core.stats.agreement import measure_agreement
from svp_core.stats.intervals import Estimate, estimate_weighted_share
from svp_core.validation.draw import SizeRange, weights_of

CALIBRATION_EDGES = (0.6, 0.8, 0.95)  # of the confidence, between bins


@dataclass(frozen=True, eq=False)
class LabelledParticles:
    """Drawn particles with the reviewers' answer and what the classifier said."""

    truth: NDArray[np.object_]  # (n,): class key, or one of answers.ANY_KIND
    probs: NDArray[np.floating]  # (n, K)
    assigned: NDArray[np.object_]  # (n,): class key, or another label where none was given, as counts name them
    class_keys: tuple[str, ...]
    ranges: tuple[SizeRange, ...]
    range_of: NDArray[np.intp]  # (n,): index into ranges

    @property
    def most_likely(self) -> NDArray[np.object_]:
        """Most likely class, (n,)."""
        return np.asarray(self.class_keys, object)[np.asarray(self.probs).argmax(1)]

    def select(self, mask: NDArray[np.bool_]) -> "LabelledParticles":
        """These particles only."""
        return LabelledParticles(
            self.truth[mask], self.probs[mask], self.assigned[mask], self.class_keys, self.ranges, self.range_of[mask]
        )


def validation_figures(labelled: LabelledParticles, pairs: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Figures as a JSON-ready dict; an estimate is {value, low, high, n}, None where nothing can be estimated.

    n, cannot_tell: numbers of particles with and without a definite answer. accuracy: share whose most likely class is
    right; a particle of another kind, or none at all, is wrong. accuracy_low, accuracy_high: that share if all that
    the reviewers cannot tell were wrong, or right. named: share assigned to a class; right_of_named: of
    those, share right. by_size, by_class, calibration: lists of dicts. agreement: of two reviewers, from `pairs`.
    """
    definite = labelled.select(labelled.truth != UNSURE)
    weights = weights_of(definite.ranges, definite.range_of)
    is_right = definite.most_likely == definite.truth
    is_named = np.isin(definite.assigned, definite.class_keys)
    all_weights = weights_of(labelled.ranges, labelled.range_of)
    all_right, is_open = labelled.most_likely == labelled.truth, labelled.truth == UNSURE
    return {
        "n": len(definite.truth),
        "cannot_tell": int(is_open.sum()),
        "accuracy": _share(is_right, weights),
        "accuracy_low": _plain_share(all_right & ~is_open, all_weights),
        "accuracy_high": _plain_share(all_right | is_open, all_weights),
        "named": _share(is_named, weights),
        "right_of_named": _share((definite.assigned == definite.truth)[is_named], weights[is_named]),
        "by_size": _by_size(definite, is_right),
        "by_class": _by_class(definite, weights),
        "calibration": _calibration(definite, is_right, weights),
        "overconfidence": _overconfidence(definite, is_right, weights),
        "agreement": _agreement(pairs),
    }


def _share(hits: ArrayLike, weights: NDArray[np.float64]) -> dict[str, Any] | None:
    return asdict(estimate_weighted_share(hits, weights)) if len(weights) else None


def _plain_share(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> float | None:
    return float(np.average(hits, weights=weights)) if len(weights) else None


def _by_size(definite: LabelledParticles, is_right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Accuracy in each size range, where all particles weigh the same."""
    rows = []
    for index, size_range in enumerate(definite.ranges):
        mask = definite.range_of == index
        rows.append({**asdict(size_range), "accuracy": _share(is_right[mask], np.ones(mask.sum()))})
    return rows


def _by_class(definite: LabelledParticles, weights: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Per class: of those named so, share right (ppv); of those that are so, share named so (found)."""
    rows = []
    for key in definite.class_keys:
        named, true = definite.assigned == key, definite.truth == key
        rows.append(
            {
                "class": key,
                "ppv": _share(true[named], weights[named]),
                "found": _share(named[true], weights[true]),
            }
        )
    return rows


def _calibration(
    definite: LabelledParticles, is_right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Mean confidence and share right, by confidence."""
    confidence, rows = definite.probs.max(1, initial=0), []
    codes = np.searchsorted(CALIBRATION_EDGES, confidence, side="right")
    bounds = zip((0.0, *CALIBRATION_EDGES), (*CALIBRATION_EDGES, 1.0), strict=True)
    for index, (low, high) in enumerate(bounds):
        mask = codes == index
        if mask.any():
            mean = float(np.average(confidence[mask], weights=weights[mask]))
            rows.append({"low": low, "high": high, "confidence": mean, "right": _share(is_right[mask], weights[mask])})
    return rows


def _overconfidence(
    definite: LabelledParticles, is_right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> dict[str, Any] | None:
    """Mean confidence minus accuracy: above 0, the classifier is surer than it is right."""
    if not len(weights):
        return None
    confidence = float(np.average(definite.probs.max(1), weights=weights))
    accuracy = estimate_weighted_share(is_right, weights)
    low, high = confidence - accuracy.high, confidence - accuracy.low
    return asdict(Estimate(confidence - accuracy.value, low, high, accuracy.n))


def _agreement(pairs: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    agreement = measure_agreement(first, second)
    if agreement is None:
        return None
    return {"same": asdict(agreement.same), "kappa": None if agreement.kappa is None else asdict(agreement.kappa)}
