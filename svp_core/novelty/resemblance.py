"""Does a run as a whole resemble the instruments that its p-values are calibrated on?

Particles of another instrument, or of another kind of sample, may be unusual one by one no more than known ones, and
yet all lie to the same side. So the mean over the particles of a run's most frequent named classes is compared with the
means over simulated instruments. Coordinates of a particle: its features along their main directions, less what its
size explains (a parabola in log size), so that a sample of small particles is no other kind for that. With B the
covariance of the coordinates between instruments, W within them and n particles of mean m,

    statistic = m' (B + W / n)^-1 m / dimensions,

a two-level Hotelling statistic (Anderson 2003, An Introduction to Multivariate Statistical Analysis, ch. 5). Its limit
is the largest that any simulated instrument has when it is judged by the others; a run differs from MARGIN times that
on. Then its particles are told from known ones by a linear head, learnt from one half of both and applied to the other;
conformal p-values of its score (AdaDetect, Marandon et al. 2024, Annals of Statistics 52, eq. 8) say which of them are
unlike known ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svp_core.novelty.score import Views

DIMENSIONS = 32  # main directions
MIN_PARTICLES = 40  # of a named class in a run, to judge the run by them
MIN_SHARE = 0.25  # of the run's particles: the few of a rare class may all be misnamed ones of another
MARGIN = 4.5  # real instruments differ more from simulated ones than those from one another
C = 0.01  # inverse strength of the L2 penalty of the head
MIN_OF_INSTRUMENT = 4  # particles of a named class, to count an instrument's mean
CHUNK = 20_000  # particles at a time, which bounds the memory
FOLDS = 12  # groups of instruments, each judged by the others

Array = NDArray[np.floating]


class ClassSpread(NamedTuple):
    """How the particles of one named class vary within and between instruments. D features, A directions."""

    scale: Array  # (D,), of the features
    slopes: Array  # (3, D): what size explains
    axes: Array  # (D, A)
    within: Array  # (A, A), covariance within an instrument
    between: Array  # (A, A), between instruments

    def coordinates(self, views: Views, rows: NDArray[np.intp] | None = None) -> Array:
        """float32 (N, A), of particles named by this class; rows: of these positions only."""
        positions = np.arange(len(views.named)) if rows is None else rows
        parts = [
            (_inputs(part) / self.scale - _sizes(part) @ self.slopes) @ self.axes
            for start in range(0, max(1, len(positions)), CHUNK)
            for part in [views.take(positions[start : start + CHUNK]).in_float32()]
        ]
        return np.concatenate(parts).astype(np.float32)

    def statistic(self, mean: Array, count: int) -> float:
        """How far a mean (A,) of this many particles lies from those of the instruments; about 1 for one of them."""
        return float(mean @ np.linalg.solve(self.between + self.within / count, mean)) / len(mean)


@dataclass(frozen=True, eq=False)
class RunSpread:
    """Spreads of all classes for one form of tile, with the calibration particles to count p-values among."""

    spreads: tuple[ClassSpread, ...]
    limits: Array  # (K,): largest statistic of a simulated instrument
    coordinates: Array  # (M, A), of the calibration particles
    named: NDArray[np.integer]  # (M,)


@dataclass(frozen=True, eq=False)
class RunComparison:
    """How much a run differs from simulated instruments, and which of its particles do."""

    excess: float  # largest statistic over its limit; 0 where no class has enough particles
    p_values: Array  # (N,): small where a particle is told from known ones; 1 where the run does not differ

    @property
    def differs(self) -> bool:
        """Whether the run resembles no simulated instrument."""
        return self.excess > MARGIN


def fit_spread(views: Views, instruments: NDArray[np.integer], class_count: int) -> RunSpread:
    """RunSpread of known particles with an outline, of many instruments (N,)."""
    spreads = tuple(_class_spread(views, instruments, label) for label in range(class_count))
    limits = np.array([_largest_statistic(views, instruments, label) for label in range(class_count)])
    coordinates = np.zeros((len(instruments), spreads[0].axes.shape[1]), np.float32)
    for label, spread in enumerate(spreads):
        mask = views.named == label
        coordinates[mask] = spread.coordinates(views.take(mask))
    return RunSpread(spreads, limits, coordinates, np.asarray(views.named))


def compare_run(spread: RunSpread, views: Views, rows: NDArray[np.intp] | None = None) -> RunComparison:
    """RunComparison of all particles of a run that have this form of tile; rows: their positions, None: all."""
    positions = np.arange(len(views.named)) if rows is None else rows
    named, outlined = views.named[positions], np.asarray(np.isfinite(views.shapes).all(1))[positions]
    values, excess = np.ones(len(positions)), 0.0
    for label, one in enumerate(spread.spreads):
        of_class = np.flatnonzero(outlined & (named == label))
        if len(of_class) < max(MIN_PARTICLES, MIN_SHARE * len(positions)):
            continue
        coordinates = one.coordinates(views, positions[of_class])
        statistic = one.statistic(coordinates.mean(0), len(of_class)) / spread.limits[label]
        excess = max(excess, statistic)
        if statistic > MARGIN:
            values[of_class] = _told_apart(spread.coordinates[spread.named == label], coordinates)
    return RunComparison(float(excess), values)


def _told_apart(known: Array, new: Array) -> Array:
    """p-values of new particles (N, A) among known ones (M, A), by a head that tells the two apart."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    learnt, fold, values = np.arange(len(known)) % 2 == 0, np.arange(len(new)) % 2, np.ones(len(new))
    for half in (0, 1):
        inputs, judged = np.concatenate([known[learnt], new[fold != half]]), fold == half
        is_new = np.repeat([0, 1], [int(learnt.sum()), len(new) - int(judged.sum())])
        with threadpool_limits(1):
            head = LogisticRegression(C=C, max_iter=500, class_weight="balanced").fit(inputs, is_new)
        scores, among = head.decision_function(new[judged]), np.sort(head.decision_function(known[~learnt]))
        values[judged] = (1 + len(among) - np.searchsorted(among, scores, side="left")) / (len(among) + 1)
    return values


def spread_as_arrays(spread: RunSpread) -> dict[str, NDArray]:
    """The spread as arrays by name, float16 where that is enough, for a file."""
    stacked = {name: np.stack([getattr(one, name) for one in spread.spreads]) for name in ClassSpread._fields}
    return {name: array.astype(np.float32) for name, array in stacked.items()} | {
        "limits": spread.limits.astype(np.float32),
        "coordinates": spread.coordinates.astype(np.float16),
        "named": spread.named.astype(np.uint8),
    }


def spread_from_arrays(arrays: Mapping[str, NDArray]) -> RunSpread:
    """The spread of spread_as_arrays. Raises KeyError where one is missing."""
    stacked = [arrays[name].astype(np.float64) for name in ClassSpread._fields]
    return RunSpread(
        tuple(ClassSpread(*parts) for parts in zip(*stacked, strict=True)),
        arrays["limits"].astype(np.float64),
        arrays["coordinates"].astype(np.float32),
        arrays["named"].astype(int),
    )


def _class_spread(views: Views, instruments: NDArray[np.integer], label: int) -> ClassSpread:
    of_class = np.flatnonzero(views.named == label)
    part, numbers = views.take(of_class), np.unique(instruments[of_class], return_inverse=True)[1]
    inputs = _inputs(part)
    scale = np.maximum(inputs.std(0), 1e-6)
    slopes = np.linalg.lstsq(_sizes(part), inputs / scale, rcond=None)[0]
    residual = inputs / scale - _sizes(part) @ slopes
    values, directions = np.linalg.eigh(np.cov(residual, rowvar=False))
    order = np.argsort(values)[::-1][:DIMENSIONS]
    axes = directions[:, order] / np.sqrt(values[order])
    coordinates, counts = residual @ axes, np.bincount(numbers)
    means = np.stack([coordinates[numbers == k].mean(0) for k in range(len(counts))])
    centred = coordinates - means[numbers]
    within = centred.T @ centred / max(1, len(of_class) - len(counts))
    enough = counts >= MIN_OF_INSTRUMENT
    between = np.cov(means[enough], rowvar=False) - within * (1 / counts[enough]).mean()
    values, directions = np.linalg.eigh(between)
    return ClassSpread(scale, slopes, axes, within, (directions * np.maximum(values, 1e-3)) @ directions.T)


def _largest_statistic(views: Views, instruments: NDArray[np.integer], label: int) -> float:
    """Of all instruments with enough particles of this named class, each judged without its fold."""
    of_class, largest = views.named == label, 0.0
    numbers = np.random.default_rng(0).permutation(np.unique(instruments[of_class]))
    for fold in np.array_split(numbers, FOLDS):
        held = np.isin(instruments, fold)
        spread = _class_spread(views.take(~held), instruments[~held], label)
        for number in fold:
            rows = np.flatnonzero(of_class & (instruments == number))
            if len(rows) >= MIN_OF_INSTRUMENT:
                mean = spread.coordinates(views.take(rows)).mean(0)
                largest = max(largest, spread.statistic(mean, len(rows)))
    return largest


def _inputs(views: Views) -> Array:
    return np.concatenate([views.projected, views.fixed, views.shapes], axis=1).astype(np.float64)


def _sizes(views: Views) -> Array:
    """Parabola in log size, (N, 3): the first column of a shape is the logarithm of ECD."""
    size = np.asarray(views.shapes[:, 0], np.float64)
    return np.stack([np.ones_like(size), size, size**2], axis=1)
