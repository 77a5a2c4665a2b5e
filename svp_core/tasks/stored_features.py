"""The features that a classification's particles were judged by, and the calibration that they belong to."""

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.own_instrument import find_own_calibration
from svp_core.classification.results import ClassificationResults, model_of
from svp_core.classification.strangers import FEATURES_FILE
from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.calibration_file import FILE, find_calibration, read_calibration


def shipped_calibration(results: ClassificationResults) -> NoveltyCalibration:
    """Calibration by the normal set of these results, which they keep themselves, else that of their model.

    Raises LabError without one, or where the model or its calibration of novelty has changed since.
    """
    model = model_of(results.summary)
    if (own := own_calibration(results)) is not None:
        return own
    calibration, reason = find_calibration(model, results.class_keys)
    if calibration is None:
        raise LabError(reason)
    if calibration.weights_sha256 != results.summary.get("weights_sha256"):
        raise LabError(f"The weights of the model {model.name} have changed since; classify the source again.")
    if calibration.basis != (results.summary.get("novelty") or {}).get("basis"):
        raise LabError(f"The novelty calibration of {model.name} has changed since; classify the source again.")
    return calibration


def own_calibration(results: ClassificationResults) -> NoveltyCalibration | None:
    """Calibration by a normal set that these results were judged by; None where they have none of their own."""
    return read_calibration(results.folder) if (results.folder / FILE).is_file() else None


def used_calibration(results: ClassificationResults) -> NoveltyCalibration:
    """Calibration that these results were judged by: of their normal set, the instrument's known run, or the model's.

    The model's, too, where the known run is gone or outdated. Raises LabError, see shipped_calibration.
    """
    shipped = shipped_calibration(results)
    if own_calibration(results) is not None:
        return shipped
    own, _ = find_own_calibration(model_of(results.summary), results.class_keys, results.summary)
    judged_by = (results.summary.get("novelty") or {}).get("calibration")
    return own if own is not None and own.description == judged_by else shipped


def stored_features(results: ClassificationResults, calibration: NoveltyCalibration) -> NDArray[np.float16]:
    """Features that the particles were judged by, float16 (N, D). Raises LabError where they were not kept."""
    path, count = results.folder / FEATURES_FILE, len(results.probs)
    width = calibration.examples.features.shape[1]
    if not path.is_file() or path.stat().st_size != 2 * width * count:
        raise LabError("These results hold no features of all their particles; classify the source again.")
    return np.fromfile(path, np.float16).reshape(count, width)
