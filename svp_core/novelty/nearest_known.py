"""The known particles that a particle resembles most, to be shown beside it."""

import numpy as np
from numpy.typing import NDArray

from svp_core.novelty.calibration import NoveltyCalibration, views_of
from svp_core.novelty.score import PARTS, Views

SHOWN = 3  # nearest known particles


def part_p_values(calibration: NoveltyCalibration, views: Views, forms: NDArray[np.integer]) -> NDArray[np.float64]:
    """p-value of each particle by each of PARTS alone, (N, 3); 1 where no known particle has its form of tile."""
    values = np.ones((len(forms), len(PARTS)))
    for index, form in enumerate(calibration.forms):
        rows = np.flatnonzero(forms == index)
        if len(rows) and len(form.named):
            values[rows] = form.part_p_values(views.take(rows))
    return values


def parts_that_spoke(
    calibration: NoveltyCalibration, views: Views, forms: NDArray[np.integer], level: float
) -> list[str]:
    """By which of PARTS each particle (N,) is unusual: those with a p-value of at most `level` / 3, else the smallest.

    forms: of their tiles (N,). Several are joined by "and".
    """
    values = part_p_values(calibration, views, forms)
    limits = np.maximum(values.min(1, initial=1.0, keepdims=True), level / len(PARTS))
    return [" and ".join(name for name, is_low in zip(PARTS, row, strict=True) if is_low) for row in values <= limits]


def nearest_known(
    calibration: NoveltyCalibration, views: Views, forms: NDArray[np.integer], *, magnification: int | None = None
) -> NDArray[np.intp]:
    """Positions among the calibration's examples of the SHOWN nearest to each particle, (N, SHOWN), nearest first.

    Distance: in the features of the fixed network and of the classifier, whitened by the known particles and divided by
    their number, so that both count alike; among examples of the same form of tile, and of the magnification where one
    is given (see KnownExamples.library).
    """
    examples = calibration.examples
    found, seen = np.zeros((len(forms), SHOWN), np.intp), views_of(examples.features, examples.named)
    for index, form in enumerate(calibration.forms):
        rows, among = np.flatnonzero(forms == index), examples.forms == index
        if examples.library is not None:
            place = examples.library[:, 0]
            among &= place >= 0 if magnification is None else place == magnification
        candidates = np.flatnonzero(among)
        if not len(rows) or len(candidates) < SHOWN:
            continue
        ours, theirs = (_whitened(form.known, one) for one in (views.take(rows), seen.take(candidates)))
        squares = (ours**2).sum(1)[:, None] + (theirs**2).sum(1) - 2 * ours @ theirs.T
        found[rows] = candidates[np.argsort(squares, axis=1, kind="stable")[:, :SHOWN]]
    return found


def _whitened(known, views):
    fixed = (views.fixed - known.fixed_mean) @ known.fixed_whitening
    projected = (views.projected - known.all_mean) @ known.all_whitening
    return np.concatenate([fixed / np.sqrt(fixed.shape[1]), projected / np.sqrt(projected.shape[1])], axis=1)
