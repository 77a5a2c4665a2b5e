"""Novelty calibrated on known particles of the lab's own instrument: a run that a person has named as clean.

Another instrument shifts the distances of known particles, so conformal p-values by simulated ones hold there only
roughly. A run of known particles of the instrument itself is drawn like the next ones: its particles take the place of
the simulated ones that p-values are counted among. The Gaussians from which distances are measured stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration, views_of
from svp_core.novelty.tile_forms import FORMS
from svp_core.novelty.verdict import judge_sample

MIN_PARTICLES = 100  # of one form of tile; with fewer, no p-value of that form can be small enough to mean anything
MAX_PARTICLES = 3000  # kept of a run, evenly
_LARGEST = 1e6  # distances beyond are as large


@dataclass(frozen=True, eq=False)
class KnownRun:
    """Distances of the particles of a run that a person has named as known and clean."""

    distances: NDArray[np.float32]  # (M, 3), see score.PARTS
    named: NDArray[np.integer]  # (M,), most likely classes
    forms: NDArray[np.integer]  # (M,), of their tiles
    description: str  # of the run, for pages and reports


def measure_known_run(
    calibration: NoveltyCalibration,
    features: NDArray[np.floating],
    named: NDArray[np.integer],
    forms: NDArray[np.integer],
    *,
    description: str,
) -> KnownRun:
    """KnownRun of particles with these features (N, D), most likely classes (N,) and forms of tiles (N,).

    Raises LabError where no form of tile has MIN_PARTICLES.
    """
    if np.bincount(forms, minlength=len(FORMS)).max(initial=0) < MIN_PARTICLES:
        raise LabError(
            f"A calibration needs at least {MIN_PARTICLES} known particles whose images are alike in form; this run "
            f"has {len(named):,} in all. Choose a larger one."
        )
    rows = np.unique(np.linspace(0, len(named) - 1, min(MAX_PARTICLES, len(named))).astype(np.intp))
    views, distances = views_of(features[rows], np.asarray(named)[rows]), np.zeros((len(rows), 3), np.float32)
    for index, form in enumerate(calibration.forms):
        chosen = np.flatnonzero(forms[rows] == index)
        if len(chosen):
            distances[chosen] = form.measure(views.take(chosen))
    return KnownRun(np.minimum(distances, _LARGEST), views.named, forms[rows], description)


def halves_differ(calibration: NoveltyCalibration, run: KnownRun) -> bool:
    """Whether one half of the run, judged by the other, holds more unusual particles than known ones would be.

    Then it is a mixture of runs, or something changed meanwhile: p-values by it would hold for no run.
    """
    for index, form in enumerate(calibration.forms):
        rows = np.flatnonzero(run.forms == index)
        halves = np.array_split(rows, 2)
        if len(rows) >= MIN_PARTICLES:
            for known, new in (halves, halves[::-1]):
                half = replace(form, distances=run.distances[known], named=run.named[known])
                _, values = half.judge_distances(run.distances[new], run.named[new])
                if judge_sample(values, among=len(known)).is_alarm:
                    return True
    return False


def calibrate_on_run(calibration: NoveltyCalibration, run: KnownRun) -> NoveltyCalibration:
    """The calibration with p-values among the run's particles, for each form of tile of which it has enough.

    The other form keeps its calibration particles, and the description says so.
    """
    forms, kept = [], []
    for index, (name, form) in enumerate(zip(FORMS, calibration.forms, strict=True)):
        rows = run.forms == index
        if rows.sum() >= MIN_PARTICLES:
            forms.append(replace(form, distances=run.distances[rows], named=run.named[rows]))
        else:
            forms.append(form)
            kept.append(name)
    others = {"whole": "images that fill their tile", "padded": "smaller images"}
    text = run.description + "".join(f"; for {others[name]}, {calibration.description}" for name in kept)
    return replace(calibration, forms=tuple(forms), description=text, among=len(run.named), spreads=())


def as_record(run: KnownRun) -> dict[str, Any]:
    """The run as JSON, for an instrument's profile."""
    return {
        "description": run.description,
        "distances": [[round(float(value), 3) for value in row] for row in run.distances],
        "named": run.named.tolist(),
        "forms": run.forms.tolist(),
    }


def from_record(record: Mapping[str, Any] | None, class_keys: Sequence[str]) -> KnownRun | None:
    """The run of as_record; None where there is none, or it is damaged or of other classes."""
    try:
        record = dict(record or {})
        distances = np.asarray(record["distances"], np.float32).reshape(-1, 3)
        named, forms = np.asarray(record["named"], int), np.asarray(record["forms"], int)
        description = str(record["description"])
        is_whole = len(distances) == len(named) == len(forms) > 0 and bool(np.isfinite(distances).all())
        in_range = named.min() >= 0 and named.max() < len(class_keys) and set(forms) <= set(range(len(FORMS)))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return KnownRun(distances, named, forms, description) if is_whole and in_range else None
