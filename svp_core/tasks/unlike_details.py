"""Why particles are unlike all classes: the part of the score that spoke, and the nearest known particles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL, NoveltyCalibration, views_of
from svp_core.novelty.nearest_known import nearest_known, parts_that_spoke
from svp_core.novelty.tile_forms import forms_of
from svp_core.optics.camera import add_background
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.profiles.conditions import conditions_from_dict, nearest_magnification
from svp_core.reference_library.library import read_library
from svp_core.tasks.normal_set import NORMAL_TILES
from svp_core.tasks.stored_features import own_calibration, stored_features, used_calibration
from svp_core.tile_file import read_tiles

BACKGROUND = 0.69  # fraction of full scale, of known particles that are shown where the run's own is not known


@dataclass(frozen=True)
class KnownTile:
    """A known particle: of a normal set as it is, a simulated one as it would look on the run's background, clean."""

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
    if own_calibration(results) is not None:
        return _normal_tiles(results, calibration, nearest_known(calibration, views, forms))
    if examples.library is None:
        return []
    scale = results.summary.get("um_per_px")
    magnification = list(MAGNIFICATIONS).index(nearest_magnification(scale)) if scale else None
    nearest = nearest_known(calibration, views, forms, magnification=magnification)
    shown = _library_tiles(results, examples.library[nearest.ravel()])
    return [shown[start : start + nearest.shape[1]] for start in range(0, len(shown), nearest.shape[1])]


def _seen(results, positions):
    """(calibration, Views, forms of tiles) of these particles. Raises LabError where something is missing."""
    calibration = used_calibration(results)
    features = stored_features(results, calibration)[positions]
    tiles = np.asarray(read_tiles(results.folder / "tiles.npy")[positions])
    return calibration, views_of(features, results.probs[positions].argmax(1)), forms_of(tiles)


def _normal_tiles(
    results: ClassificationResults, calibration: NoveltyCalibration, nearest: NDArray[np.intp]
) -> list[list[KnownTile]]:
    """Tiles of a normal set at these positions among its examples (N, SHOWN)."""
    tiles, named = read_tiles(results.folder / NORMAL_TILES), calibration.examples.named
    keys = calibration.class_keys
    return [[KnownTile(keys[named[k]], np.asarray(tiles[k])) for k in row] for row in nearest]


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
