"""Conformal p-values of novelty: how many known particles, named alike, are at least as unusual?

p = (1 + number of calibration scores >= s) / (n + 1) among the n calibration particles of the same named class and form
of tile (Vovk et al. 2005; Bates et al. 2021, arXiv 2104.08279, eq. 4). For a known particle drawn like the calibration
ones, P(p <= a) <= a. The catch is "drawn like": particles of another instrument may score otherwise, which the verdict
on the sample is for.

Each of the three distances of score.py, standardised by size (distance_by_size.py), has such a p-value of its own. The
score is minus the logarithm of the smallest of the three, calibrated once more, so that a particle unusual in one way
is found however usual it is in the others: on simulated fibres and on a run of plankton that found more than the sum of
standardised distances.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.novelty.distance_by_size import SizeTrend, fit_trend
from svp_core.novelty.resemblance import RunSpread
from svp_core.novelty.score import DIRECTIONS, FIXED_WIDTH, Directions, KnownParticles, Views, fit_known
from svp_core.novelty.shape import LOG_ECD
from svp_core.novelty.tile_forms import forms_of

LEVEL = 0.05  # a particle is marked as unlike at p <= LEVEL
TIE_BREAK, MAX_EXCESS = 1e-3, 100.0  # weight and largest value of a distance over the largest one of calibration
MIN_NAMED = 20  # calibration particles of a named class; with fewer, those of all classes are used


@dataclass(frozen=True, eq=False)
class FormCalibration:
    """Known particles of one form of tile, and the distances of others, by which new ones are judged."""

    known: KnownParticles
    distances: NDArray[np.float32]  # (M, 3), of the calibration particles, as measure() gives them
    named: NDArray[np.integer]  # (M,), their most likely classes
    trend: SizeTrend | None = None  # that distances are standardised by; None: they are not

    def measure(self, views: Views) -> NDArray[np.float32]:
        """Distances of each particle, float32 (N, 3), to be compared with those of the calibration particles."""
        raw = self.known.distances(views)
        return raw if self.trend is None else self.trend.standardise(raw, views.shapes[:, LOG_ECD], views.named)

    def score(self, views: Views) -> NDArray[np.float64]:
        """Novelty score of each particle (N,), large: unlike."""
        return self._scores_of(self.measure(views), views.named)

    def judge_distances(
        self, distances: NDArray[np.floating], named: NDArray[np.integer]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(scores (N,), p-values (N,)) of particles whose distances (N, 3) measure() gave already."""
        scores = self._scores_of(distances, named)
        return scores, self.p_values(scores, named)

    def part_p_values(self, views: Views) -> NDArray[np.float64]:
        """p-value of each particle by each of the distances alone, (N, 3), in the order of score.PARTS."""
        return self._part_p_values(self.measure(views), views.named)

    def p_values(self, scores: ArrayLike, named: NDArray[np.integer]) -> NDArray[np.float64]:
        """p-value of each score (N,), 1 / (n + 1) to 1."""
        scores, values = np.asarray(scores), np.ones(len(named))
        for label in np.unique(named):
            mask = named == label
            values[mask] = conformal_p(scores[mask], self._calibration_scores[self._named_alike(label)])
        return values

    @cached_property
    def _calibration_scores(self) -> NDArray[np.float64]:
        return self._scores_of(self.distances, self.named, calibrating=True)

    def _scores_of(
        self, distances: NDArray[np.floating], named: NDArray[np.integer], *, calibrating: bool = False
    ) -> NDArray[np.float64]:
        """Scores (N,). calibrating: of the calibration particles, each judged by the others: as a new one is."""
        smallest = self._part_p_values(distances, named).min(1, initial=1.0)
        scores = np.zeros(len(named))
        for label in np.unique(named):
            own, mask = self.distances[self._named_alike(label)], named == label
            alone, largest = (1 / (len(own) + 1) if calibrating else 0.0), own.max(0)
            if calibrating and len(own) > 1:
                largest = np.where(distances[mask] == largest, np.sort(own, axis=0)[-2], largest)
            scores[mask] = -np.log(smallest[mask] - alone)
            # Beyond all calibration particles, the distance itself decides, so that the most unusual come first.
            excess = np.divide(distances[mask], largest, out=np.zeros(distances[mask].shape), where=largest > 0)
            scores[mask] += TIE_BREAK * excess.clip(0, MAX_EXCESS).max(1)
        return scores

    def _part_p_values(self, distances: NDArray[np.floating], named: NDArray[np.integer]) -> NDArray[np.float64]:
        values = np.ones(distances.shape)
        for label in np.unique(named):
            own, mask = self.distances[self._named_alike(label)], named == label
            for part in range(own.shape[1]):
                values[mask, part] = conformal_p(distances[mask, part], own[:, part])
        return values

    def _named_alike(self, label: int) -> NDArray[np.bool_]:
        """Calibration particles to compare a particle of this named class with, bool (M,)."""
        alike = self.named == label
        return alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)


@dataclass(frozen=True, eq=False)
class KnownExamples:
    """Known particles to tell strangers from: some to learn from, others to calibrate the head with."""

    features: NDArray[np.floating]  # (M, D), from features_of
    named: NDArray[np.integer]  # (M,), most likely classes
    forms: NDArray[np.integer]  # (M,), of their tiles
    # (M, 2): magnification, by its position among optics' MAGNIFICATIONS, and row in the reference library; -1: unknown
    library: NDArray[np.integer] | None = None


@dataclass(frozen=True, eq=False)
class Novelty:
    """Scores and p-values of some particles."""

    scores: NDArray[np.float64]  # (N,), large: unlike; NaN where no known particle has this form of tile
    p_values: NDArray[np.float64]  # (N,), small: unlike; NaN where there is no score
    features: NDArray[np.float16]  # (N, D): all that the score sees, to learn strangers from; see teaching

    @property
    def unlike(self) -> NDArray[np.bool_]:
        """Whether each is marked as unlike, bool (N,)."""
        return self.p_values <= LEVEL


@dataclass(frozen=True, eq=False)
class NoveltyCalibration:
    """Everything by which particles are judged that a certain classifier has named."""

    class_keys: tuple[str, ...]
    directions: Directions
    forms: tuple[FormCalibration, ...]  # in the order of tile_forms.FORMS
    description: str  # of the calibration particles, for reports
    weights_sha256: str  # of the classifier
    examples: KnownExamples
    spreads: tuple[RunSpread, ...] = ()  # by form, to compare whole runs with; () where there are none
    among: int = 0  # calibration particles, where they are those of one run of the lab's; 0: the shipped ones

    @cached_property
    def basis(self) -> str:
        """Digest of what features and distances are measured by: stored ones hold for no calibration of another."""
        measuring = [part for form in self.forms for part in (form.known, form.trend) if part is not None]
        arrays = [getattr(part, each.name) for part in measuring for each in fields(part)]
        parts = [self.directions.mean, np.asarray(self.directions.axes, np.float16), *arrays]
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]

    def judge(
        self,
        tiles: NDArray[np.uint8],
        *,
        fixed: NDArray[np.floating],
        layers: NDArray[np.floating],
        shapes: NDArray[np.floating],
        named: NDArray[np.integer],
    ) -> Novelty:
        """Novelty of each particle. tiles: uint8 (N, 64, 64), N may be 0; the others as in Views, layers (N, D)."""
        views = Views(fixed, self.directions.project(layers), shapes, named)
        scores, values, of_tile = np.zeros(len(tiles)), np.ones(len(tiles)), forms_of(tiles)
        for index, form in enumerate(self.forms):
            rows = np.flatnonzero(of_tile == index)
            if len(rows) and not len(form.named):
                scores[rows] = values[rows] = np.nan
            elif len(rows):
                part = views.take(rows)
                scores[rows] = form.score(part)
                values[rows] = form.p_values(scores[rows], part.named)
        return Novelty(scores, values, features_of(views))


def features_of(views: Views) -> NDArray[np.float16]:
    """All that is known of each particle, side by side (N, D)."""
    return np.concatenate([views.fixed, views.projected, views.shapes], axis=1).clip(-6e4, 6e4).astype(np.float16)


def views_of(features: NDArray[np.floating], named: NDArray[np.integer]) -> Views:
    """The Views whose features_of are these (N, D); named: most likely classes (N,)."""
    return stored_views(np.asarray(features, np.float32), named)


def stored_views(features: NDArray[np.floating], named: NDArray[np.integer]) -> Views:
    """As views_of, in the precision of the features: of very many particles without a copy, see Views.in_float32."""
    return Views(
        features[:, :FIXED_WIDTH],
        features[:, FIXED_WIDTH : FIXED_WIDTH + DIRECTIONS],
        features[:, FIXED_WIDTH + DIRECTIONS :],
        named,
    )


def conformal_p(scores: ArrayLike, calibration: ArrayLike) -> NDArray[np.float64]:
    """p-value of each score (N,) among calibration scores (n,), n >= 1: small where the score is large."""
    ordered = np.sort(np.asarray(calibration))
    at_least = len(ordered) - np.searchsorted(ordered, np.asarray(scores), side="left")
    return (1 + at_least) / (len(ordered) + 1)


def calibrate_form(
    fit: Views,
    fit_labels: NDArray[np.integer],
    calibration: Views,
    class_count: int,
    *,
    of_all_sizes: Views | None = None,
) -> FormCalibration:
    """Fit Gaussians to some known particles and measure the distances of others, of the same form of tile.

    fit_labels: true classes of the first. of_all_sizes: particles that the trend with size is fitted to; None:
    distances are compared as they are. The calibration particles must be none of either: those that something was
    fitted to lie nearer to it than new ones.
    """
    known, named = fit_known(fit, fit_labels, class_count), np.asarray(calibration.named)
    trend = None
    if of_all_sizes is not None:
        sizes = of_all_sizes.shapes[:, LOG_ECD]
        trend = fit_trend(known.distances(of_all_sizes), sizes, of_all_sizes.named, class_count)
    form = FormCalibration(known, np.zeros((0, 3), np.float32), named, trend)
    return replace(form, distances=form.measure(calibration))


def named_counts(form: FormCalibration, class_keys: Sequence[str]) -> dict[str, int]:
    """Number of calibration particles by the class that they were named: class key -> int."""
    return {key: int((form.named == label).sum()) for label, key in enumerate(class_keys)}
