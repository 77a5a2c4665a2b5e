"""Membership inference: can a tile that a generator was trained on be told from one that it was not trained on?

Only scores come in here, one number per tile, larger = more likely a member. The scores of the loss attack are made
from denoising errors (generator.denoising_error) by membership_scores: how hard a particle is to denoise varies far
more than membership does, so the error of a reference network that saw neither set is subtracted first (difficulty
calibration, Watson et al. 2022, arXiv 2111.08440). Figures as in Carlini et al. 2022 (arXiv 2112.03570).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from svp_core.errors import LabError
from svp_core.stats.intervals import Z95, Estimate, estimate_share

SPLITS = 200  # random halves of the held-out tiles for the floor
RESAMPLES = 500  # of the bootstrap
FALSE_ALARMS = (0.05, 0.01, 0.001)  # rates at which the share of caught members is given, where the numbers allow
MIN_FOR_CAUGHT = 100  # held-out tiles; with fewer only the AUC is given
MIN_ALLOWED = 3  # held-out tiles that a rate must let through, or its threshold rests on one or two of them

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Caught:
    """Share of members that are told for sure, where so many held-out tiles are falsely taken for members."""

    false_alarms: float  # allowed share of held-out tiles
    share: Estimate  # of the members: true positive rate
    floor: tuple[float, float]  # 95 % of what chance gives


@dataclass(frozen=True)
class MembershipTest:
    """How well scores tell members from held-out tiles."""

    auc: Estimate  # area under the ROC curve; 0.5 = not at all
    auc_floor: tuple[float, float]  # 95 % of the AUC between random halves of the held-out tiles: what chance gives
    caught: tuple[Caught, ...]  # at those of FALSE_ALARMS that the number of held-out tiles allows
    n_members: int
    n_held_out: int


def membership_scores(errors: ArrayLike, reference_errors: ArrayLike | None = None) -> Scores:
    """Scores of the loss attack, float (N,), larger = more likely a member.

    errors, reference_errors: float (N, S), above 0, denoising errors of N tiles at S noise levels by the audited
    generator and by one that saw none of them. Minus the sum over noise levels of the logarithm of their ratio; without
    a reference, of the errors alone, which is a weak attack.
    """
    logs = np.log(np.asarray(errors, float))
    if reference_errors is not None:
        logs = logs - np.log(np.asarray(reference_errors, float))
    return -logs.sum(1)


def standardised_by_class(
    members: Scores, held_out: Scores, member_classes: ArrayLike, held_out_classes: ArrayLike
) -> tuple[Scores, Scores]:
    """Both scores, shifted and scaled so that each class has mean 0 and standard deviation 1 over both sets together.

    Which set a tile belongs to is not used, so that scores without information stay without.
    """
    scores, classes = np.concatenate([members, held_out]), np.concatenate([member_classes, held_out_classes])
    result = np.zeros(len(scores))
    for each in np.unique(classes):
        rows = classes == each
        spread = scores[rows].std()
        result[rows] = (scores[rows] - scores[rows].mean()) / (spread or 1.0)
    return result[: len(members)], result[len(members) :]


def membership_test(
    members: ArrayLike,
    held_out: ArrayLike,
    *,
    member_classes: ArrayLike | None = None,
    held_out_classes: ArrayLike | None = None,
    seed: int = 0,
) -> MembershipTest:
    """AUC and shares of caught members, with intervals and with what chance gives at this number of held-out tiles.

    members (M,), held_out (N,): scores. The classes, one per tile, come for both or for none: held-out tiles are then
    weighted so that each class counts as much as among the members, and a score that only differs between classes says
    nothing. Every class must have tiles in both sets. Intervals: bootstrap within classes, never narrower than the one
    by the formula for AUC (auc_interval) or Wilson's for shares, which are not of zero width at 0 and 1. The order of
    the tiles has no effect.
    Raises LabError where either set has fewer than two tiles.
    """
    members, held_out = np.asarray(members, float), np.asarray(held_out, float)
    for name, scores in (("training", members), ("held-out", held_out)):
        if len(scores) < 2:
            raise LabError(
                f"{len(scores)} {name} {'tile was' if len(scores) == 1 else 'tiles were'} given; an audit of "
                "membership needs at least 2 of both kinds, better 300."
            )
    groups, other_groups = _groups(members, held_out, member_classes, held_out_classes)
    sets = _Sets(groups, other_groups, np.array([len(group) for group in groups], float))
    rng = np.random.default_rng(seed)
    rates = [rate for rate in FALSE_ALARMS if _is_allowed(rate, len(held_out))]
    value = sets.figures(rates)
    resampled = np.array([sets.resampled(rng).figures(rates) for _ in range(RESAMPLES)])
    floor = np.array([sets.halves(rng).figures(rates) for _ in range(SPLITS)])
    (low, high), (floor_low, floor_high) = (np.quantile(draws, (0.025, 0.975), axis=0) for draws in (resampled, floor))
    effective = sets.effective_held_out()
    formula = auc_interval(value[0], len(members), effective)
    auc = Estimate(value[0], min(low[0], formula[0]), max(high[0], formula[1]), min(len(members), len(held_out)))
    caught = []
    for k, rate in enumerate(rates, 1):
        wilson = estimate_share(value[k], n=len(members))
        share = Estimate(value[k], float(min(low[k], wilson.low)), float(max(high[k], wilson.high)), len(members))
        caught.append(Caught(rate, share, (float(floor_low[k]), float(floor_high[k]))))
    return MembershipTest(
        _as_floats(auc), (float(floor_low[0]), float(floor_high[0])), tuple(caught), len(members), len(held_out)
    )


def caught_share(members: ArrayLike, held_out: ArrayLike, false_alarms: float) -> float:
    """Share of members with a score above the smallest threshold that at most this share of held-out tiles exceeds.

    A member whose score equals the threshold is not caught.
    """
    members, held_out = np.asarray(members, float), np.asarray(held_out, float)
    return _caught(members, held_out, np.ones(len(members)), np.ones(len(held_out)), false_alarms)


def auc_interval(auc: float, m: float, n: float) -> tuple[float, float]:
    """95 % interval of an AUC of m positives and n negatives; effective sample sizes may be fractions.

    The AUCs that lie 1.96 standard errors from the one given, by the standard error of Hanley and McNeil 1982 at the
    other AUC (Newcombe 2006, Statistics in Medicine 25, 559, method 5): it has a width at 0 and 1, too.
    """
    more = (m + n) / 2 - 1

    def excess(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + more * (1 - theta) / (2 - theta) + more * theta / (1 + theta)) / (m * n)
        return (auc - theta) ** 2 - Z95**2 * variance

    # At 0 and 1 the AUC itself is a root as well, which is not the one looked for.
    low = brentq(excess, 0, min(auc, 1 - 1e-9)) if auc > 0 else 0.0
    high = brentq(excess, max(auc, 1e-9), 1) if auc < 1 else 1.0
    return float(low), float(high)  # type: ignore[arg-type]  (brentq returns the root alone here)


def roc_curve(
    members: ArrayLike,
    held_out: ArrayLike,
    *,
    member_classes: ArrayLike | None = None,
    held_out_classes: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(share of held-out tiles, share of members) above each threshold, both rising from 0 to 1; ties in one step."""
    groups = _groups(np.asarray(members, float), np.asarray(held_out, float), member_classes, held_out_classes)
    sets = _Sets(*groups, np.array([len(group) for group in groups[0]], float))
    positives, negatives, positive_weights, negative_weights = sets.pooled()
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    curves = [
        np.concatenate([[0.0], _share_at_least(scores, weights, thresholds)])
        for scores, weights in ((negatives, negative_weights), (positives, positive_weights))
    ]
    return curves[0], curves[1]


@dataclass(frozen=True)
class _Sets:
    """Scores of both sides by class; class k counts as much as totals[k] on either side."""

    positives: Sequence[Scores]
    negatives: Sequence[Scores]
    totals: NDArray[np.float64]

    def pooled(self) -> tuple[Scores, Scores, Scores, Scores]:
        """(scores of both sides, weights of both sides)."""
        sides = (self.positives, self.negatives)
        weights = [
            np.concatenate(
                [np.full(len(group), total / len(group)) for group, total in zip(side, self.totals, strict=True)]
            )
            for side in sides
        ]
        return np.concatenate(self.positives), np.concatenate(self.negatives), weights[0], weights[1]

    def figures(self, rates: Sequence[float]) -> list[float]:
        """AUC, then the share of positives caught at each rate."""
        pooled = self.pooled()
        return [_area(*pooled), *(_caught(*pooled, rate) for rate in rates)]

    def resampled(self, rng: np.random.Generator) -> "_Sets":
        """A bootstrap resample of both sides within classes."""
        positives, negatives = (
            [group[rng.integers(len(group), size=len(group))] for group in side]
            for side in (self.positives, self.negatives)
        )
        return _Sets(positives, negatives, self.totals)

    def halves(self, rng: np.random.Generator) -> "_Sets":
        """The negatives, split in two at random within classes; a class with one of them is left out."""
        positives, negatives, totals = [], [], []
        for group, total in zip(self.negatives, self.totals, strict=True):
            if len(group) < 2:
                continue
            order, half = rng.permutation(len(group)), (len(group) + int(rng.integers(2))) // 2
            positives.append(group[order[:half]])
            negatives.append(group[order[half:]])
            totals.append(total)
        return _Sets(positives, negatives, np.array(totals))

    def effective_held_out(self) -> float:
        """Effective number of negatives under their weights (Kish 1965)."""
        _, _, _, weights = self.pooled()
        return float(weights.sum() ** 2 / (weights**2).sum())


def _groups(members, held_out, member_classes, held_out_classes):
    """Scores of each side by class, sorted: the order in which tiles came must not change a resample."""
    if member_classes is None or held_out_classes is None:
        return [np.sort(members)], [np.sort(held_out)]
    sides = (members, np.asarray(member_classes)), (held_out, np.asarray(held_out_classes))
    keys = [sorted(set(classes.tolist())) for _, classes in sides]
    if keys[0] != keys[1]:
        raise LabError(
            f"The training tiles have the classes {', '.join(map(str, keys[0]))} and the held-out tiles "
            f"{', '.join(map(str, keys[1]))}; give the same classes in both."
        )
    grouped = [[np.sort(scores[classes == key]) for key in keys[0]] for scores, classes in sides]
    if sum(len(group) > 1 for group in grouped[1]) == 0:
        raise LabError("No class has more than one held-out tile; give at least 2 of a class, better 300.")
    return grouped[0], grouped[1]


def _is_allowed(rate: float, held_out: int) -> bool:
    return held_out >= MIN_FOR_CAUGHT and rate * held_out >= MIN_ALLOWED - 1e-9


def _area(positives, negatives, positive_weights, negative_weights) -> float:
    """Weighted share of pairs in which the positive has the larger score, ties one half."""
    order = np.argsort(negatives, kind="stable")
    cumulated = np.concatenate([[0.0], np.cumsum(negative_weights[order])])
    below, not_above = (np.searchsorted(negatives[order], positives, side=side) for side in ("left", "right"))
    won = (cumulated[below] + cumulated[not_above]) / (2 * cumulated[-1])
    return float((won * positive_weights).sum() / positive_weights.sum())


def _caught(positives, negatives, positive_weights, negative_weights, rate: float) -> float:
    order = np.argsort(negatives, kind="stable")[::-1]
    above = np.cumsum(negative_weights[order]) / negative_weights.sum()
    # The first score that may not be exceeded: all before it together are within the rate.
    threshold = negatives[order][min(int((above <= rate + 1e-12).sum()), len(order) - 1)]
    return float(positive_weights[positives > threshold].sum() / positive_weights.sum())


def _share_at_least(scores, weights, thresholds):
    order = np.argsort(scores, kind="stable")
    cumulated = np.concatenate([[0.0], np.cumsum(weights[order])])
    return 1 - cumulated[np.searchsorted(scores[order], thresholds, side="left")] / cumulated[-1]


def _as_floats(estimate: Estimate) -> Estimate:
    return Estimate(float(estimate.value), float(estimate.low), float(estimate.high), estimate.n)
