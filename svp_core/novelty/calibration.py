"""Conformal p-values of novelty scores: how many known particles, named alike, are at least as unusual?

p = (1 + number of calibration scores >= s) / (n + 1) among the n calibration particles of the same named class and form
of tile (Vovk et al. 2005; Bates et al. 2021, arXiv 2104.08279, eq. 4). For a known particle drawn like the calibration
ones, P(p <= a) <= a. The catch is "drawn like": particles of another instrument may score otherwise, which the verdict
on the sample is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.novelty.score import Directions, KnownParticles, Views, fit_known, standardise
from svp_core.novelty.tile_forms import forms_of

LEVEL = 0.05  # a particle is marked as unlike at p <= LEVEL
MIN_NAMED = 20  # calibration particles of a named class; with fewer, those of all classes are used


@dataclass(frozen=True, eq=False)
class FormCalibration:
    """Known particles of one form of tile, and the scores of others, by which new ones are judged."""

    known: KnownParticles
    centres: NDArray[np.float32]  # (K, 3), by named class: median of each distance
    widths: NDArray[np.float32]  # (K, 3): its quartile range
    scores: NDArray[np.float32]  # (M,), of the calibration particles
    named: NDArray[np.integer]  # (M,), their most likely classes

    def score(self, views: Views) -> NDArray[np.float32]:
        """Novelty score of each particle (N,)."""
        distances = self.known.distances(views)
        return standardise(distances, self.centres[views.named], self.widths[views.named]).sum(1)

    def p_values(self, scores: ArrayLike, named: NDArray[np.integer]) -> NDArray[np.float64]:
        """p-value of each score (N,), 1 / (n + 1) to 1."""
        scores, values = np.asarray(scores), np.ones(len(named))
        for label in np.unique(named):
            own = self.scores[self.named == label]
            mask = named == label
            values[mask] = conformal_p(scores[mask], own if len(own) >= MIN_NAMED else self.scores)
        return values


@dataclass(frozen=True, eq=False)
class Novelty:
    """Scores and p-values of some particles."""

    scores: NDArray[np.float32]  # (N,), large: unlike
    p_values: NDArray[np.float64]  # (N,), small: unlike

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
        scores, values, of_tile = np.zeros(len(tiles), np.float32), np.ones(len(tiles)), forms_of(tiles)
        for index, form in enumerate(self.forms):
            rows = np.flatnonzero(of_tile == index)
            if len(rows):
                part = views.take(rows)
                scores[rows] = form.score(part)
                values[rows] = form.p_values(scores[rows], part.named)
        return Novelty(scores, values)


def conformal_p(scores: ArrayLike, calibration: ArrayLike) -> NDArray[np.float64]:
    """p-value of each score (N,) among calibration scores (n,), n >= 1: small where the score is large."""
    ordered = np.sort(np.asarray(calibration))
    at_least = len(ordered) - np.searchsorted(ordered, np.asarray(scores), side="left")
    return (1 + at_least) / (len(ordered) + 1)


def calibrate_form(
    fit: Views, fit_labels: NDArray[np.integer], calibration: Views, class_count: int
) -> FormCalibration:
    """Fit Gaussians to some known particles and score others, of the same form of tile.

    fit_labels: true classes of the first. The particles must be different ones: those that the Gaussians were fitted to
    lie nearer to them than new ones.
    """
    known = fit_known(fit, fit_labels, class_count)
    distances, named = known.distances(calibration), np.asarray(calibration.named)
    centres, widths = np.zeros((2, class_count, distances.shape[1]), np.float32)
    for label in range(class_count):
        rows = distances[named == label] if (named == label).sum() >= MIN_NAMED else distances
        low, centres[label], high = np.quantile(_finite(rows), (0.25, 0.5, 0.75), axis=0)
        widths[label] = np.maximum(high - low, 1e-6)
    scores = standardise(distances, centres[named], widths[named]).sum(1)
    return FormCalibration(known, centres, widths, scores, named)


def named_counts(form: FormCalibration, class_keys: Sequence[str]) -> dict[str, int]:
    """Number of calibration particles by the class that they were named: class key -> int."""
    return {key: int((form.named == label).sum()) for label, key in enumerate(class_keys)}


def _finite(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(distances), distances, np.float32(1e9))
