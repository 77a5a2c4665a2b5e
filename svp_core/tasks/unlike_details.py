"""Why particles are unlike all classes: the part of the score that spoke, and the nearest known particles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.own_instrument import find_own_calibration
from svp_core.classification.results import ClassificationResults, model_of
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL, NoveltyCalibration, views_of
from svp_core.novelty.nearest_known import nearest_known, parts_that_spoke
from svp_core.novelty.tile_forms import forms_of
from svp_core.optics.camera import add_background
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.profiles.conditions import conditions_from_dict, nearest_magnification
from svp_core.reference_library.library import read_library
from svp_core.tasks.stored_features import shipped_calibration, stored_features
from svp_core.tile_file import read_tiles

BACKGROUND = 0.69  # fraction of full scale, of known particles that are shown where the run's own is not known


@dataclass(frozen=True)
class KnownTile:
    """A simulated particle, as it would look on the run's background, without noise."""

    class_key: str
    tile: NDArray[np.uint8]  # (64, 64)


def parts_of(results: ClassificationResults, positions: NDArray[np.intp]) -> list[str]:
    """By which part each of these particles is unusual, in words; [] where the results or the model do not tell."""
    try:
        calibration, views, forms = _seen(results, positions)
    except LabError:
        return []
    return parts_that_spoke(calibration, views, forms, LEVEL)


def nearest_known_tiles(results: ClassificationResults, positions: NDArray[np.intp]) -> list[list[KnownTile]]:
    """The nearest known particles of each of these, nearest first; [] where the results or the model do not tell."""
    try:
        calibration, views, forms = _seen(results, positions)
    except LabError:
        return []
    examples = calibration.examples
    if examples.library is None:
        return []
    scale = results.summary.get("um_per_px")
    magnification = list(MAGNIFICATIONS).index(nearest_magnification(scale)) if scale else None
    nearest = nearest_known(calibration, views, forms, magnification=magnification)
    shown = _library_tiles(results, examples.library[nearest.ravel()])
    return [shown[start : start + nearest.shape[1]] for start in range(0, len(shown), nearest.shape[1])]


def _seen(results, positions):
    """(calibration, Views, forms of tiles) of these particles. Raises LabError where something is missing."""
    shipped = shipped_calibration(results)
    calibration = _used_calibration(results, shipped)
    features = stored_features(results, shipped)[positions]
    tiles = np.asarray(read_tiles(results.folder / "tiles.npy")[positions])
    return calibration, views_of(features, results.probs[positions].argmax(1)), forms_of(tiles)


def _used_calibration(results: ClassificationResults, shipped: NoveltyCalibration) -> NoveltyCalibration:
    """The instrument's own calibration where the results were judged by it and it is still stored."""
    own, _ = find_own_calibration(model_of(results.summary), results.class_keys, results.summary)
    judged_by = (results.summary.get("novelty") or {}).get("calibration")
    return own if own is not None and own.description == judged_by else shipped


def _library_tiles(results: ClassificationResults, places: NDArray[np.integer]) -> list[KnownTile]:
    """Tiles of the library at these places (n, 2), see KnownExamples.library."""
    conditions = conditions_from_dict(results.summary.get("conditions"))
    background, rng = conditions.background if conditions else BACKGROUND, np.random.default_rng(0)
    tiles: list[KnownTile | None] = [None] * len(places)
    names: Sequence[str] = list(MAGNIFICATIONS)
    for index in np.unique(places[:, 0]):
        library = read_library(names[index])
        if library is None:
            return []
        for k in np.flatnonzero(places[:, 0] == index):
            row = places[k, 1]
            pixels = add_background(library.images[row], background=background, gradient=(0.0, 0.0), noise=0.0, rng=rng)
            tiles[k] = KnownTile(library.classes[row], pixels)
    return [tile for tile in tiles if tile is not None]
