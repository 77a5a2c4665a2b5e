"""A last layer fitted on simulated instruments that are exposed like the run's: a start for a refit, never used alone.

On simulated instruments it is more often right; on tiles that were not made by our simulator it was wrong more often (3
to 12 points). Only labels of the instrument itself tell which holds there.
"""

import numpy as np

from svp_core.classifier.resnet import Classifier
from svp_core.embedding.features import classifier_features
from svp_core.errors import LabError
from svp_core.profiles.conditions import ImagingConditions
from svp_core.reference_library.library import Library, read_library
from svp_core.reference_library.matching import expose_library
from svp_core.training.last_layer import fit_last_layer

MIN_OF_CLASS = 50  # particles of the library


def fit_simulated_layer(
    classifier: Classifier, conditions: ImagingConditions | None, *, library: Library | None = None
) -> Classifier:
    """The classifier with a last layer fitted on the library at these conditions.

    Raises LabError where the conditions are unknown, or the library lacks one of the classes.
    """
    keys = classifier.config.class_keys
    library = library or (read_library(conditions.magnification) if conditions else None)
    usable = np.array([key in keys for key in library.classes]) if library else np.zeros(0, bool)
    if conditions is None or library is None or not set(keys) <= set(library.classes):
        raise LabError(
            "There are no simulated instruments for this classifier's classes at this magnification; refit with your "
            "labels alone."
        )
    tiles, detected = expose_library(library, conditions, usable)
    labels = np.array([keys.index(library.classes[row]) for row in np.flatnonzero(usable)[detected]])
    if np.bincount(labels, minlength=len(keys)).min() < MIN_OF_CLASS:
        raise LabError("Too few simulated particles stand out at this background and noise; refit with labels alone.")
    um_per_px = classifier.config.um_per_px
    return fit_last_layer(
        classifier, classifier_features(classifier, tiles), labels, class_keys=keys, um_per_px=um_per_px
    )
