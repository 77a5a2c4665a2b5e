"""Match the library to a run: its particles as the run's camera would have shown them, classified like the run's."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svp_core.morphology import measure
from svp_core.optics.camera import add_background
from svp_core.optics.scenes import is_detected
from svp_core.profiles.conditions import ImagingConditions
from svp_core.reference_library.library import Library, read_library
from svp_core.stats.counts import ConfusionReference

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier

SEED = 0  # of the noise: the same run always gives the same reference
MIN_OF_CLASS = 50  # particles of a class that must be left; with fewer the reference says too little

Marks = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.bool_]]  # tiles, probs -> unlike (N,)


def matched_reference(
    classifier: "Classifier",
    conditions: ImagingConditions,
    *,
    library: Library | None = None,
    mark_unlike: Marks | None = None,
) -> ConfusionReference | None:
    """Confusion reference of this classifier on simulated instruments like the one of these conditions.

    Particles of the library at the run's magnification get the run's background, gradient and noise; those that no
    instrument would have detected at these are left out. None where there is no library, where it lacks one of the
    classifier's classes, or where too few particles of one are left. mark_unlike: which tiles are unlike all classes.
    """
    from svp_core.classifier.resnet import predict_probs

    library = library or read_library(conditions.magnification)
    keys = tuple(classifier.config.class_keys)
    if library is None or not set(keys) <= set(library.classes):
        return None
    usable = np.array([key in keys for key in library.classes])
    tiles, detected = expose_library(library, conditions, usable)
    rows = np.flatnonzero(usable)[detected]
    labels = np.array([keys.index(library.classes[row]) for row in rows], int)
    if np.bincount(labels, minlength=len(keys)).min() < MIN_OF_CLASS:
        return None
    probs = predict_probs(classifier, tiles)
    sizes_px = np.array([measure(tile)["ecd_px"] for tile in tiles], float)
    return ConfusionReference(
        probs,
        labels,
        sizes_px * library.um_per_px[rows],
        keys,
        describe(library, conditions, len(rows)),
        sizes_px,
        library.instruments[rows],
        None if mark_unlike is None else np.asarray(mark_unlike(tiles, probs), bool),
    )


def expose_library(
    library: Library, conditions: ImagingConditions, usable: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """(tiles uint8 (n, 64, 64) of the usable particles that are detected, their positions among the usable (n,))."""
    rng, gradient = np.random.default_rng(SEED), (conditions.gradient_x, conditions.gradient_y)
    options: dict[str, Any] = {"background": conditions.background, "gradient": gradient}
    tiles = [add_background(image, **options, noise=conditions.noise, rng=rng) for image in library.images[usable]]
    detected = [position for position, tile in enumerate(tiles) if is_detected(tile, **options)]
    return np.stack([tiles[position] for position in detected]), np.array(detected, int)


def describe(library: Library, conditions: ImagingConditions, count: int) -> str:
    """The reference in words: how many particles of how many instruments, exposed with what."""
    return (
        f"{count:,} simulated particles of {library.instrument_count} instruments at {library.magnification}, shown "
        f"with this run's background ({100 * conditions.background:.0f} % of full scale), its gradient and its noise "
        f"({255 * conditions.noise:.1f} grey levels)"
    )
