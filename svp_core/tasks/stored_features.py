"""The features that a classification's particles were judged by, and the calibration that they belong to."""

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults, model_of
from svp_core.classification.strangers import FEATURES_FILE
from svp_core.errors import LabError
from svp_core.novelty.calibration import NoveltyCalibration
from svp_core.novelty.calibration_file import find_calibration


def shipped_calibration(results: ClassificationResults) -> NoveltyCalibration:
    """Calibration that comes with the model of these results. Raises LabError without one, or where it has changed."""
    model = model_of(results.summary)
    calibration, reason = find_calibration(model, results.class_keys)
    if calibration is None:
        raise LabError(reason)
    if calibration.weights_sha256 != results.summary.get("weights_sha256"):
        raise LabError(f"The weights of the model {model.name} have changed since; classify the source again.")
    return calibration


def stored_features(results: ClassificationResults, calibration: NoveltyCalibration) -> NDArray[np.float16]:
    """Features that the particles were judged by, float16 (N, D). Raises LabError where they were not kept."""
    path, count = results.folder / FEATURES_FILE, len(results.probs)
    width = calibration.examples.features.shape[1]
    if not path.is_file() or path.stat().st_size != 2 * width * count:
        raise LabError("These results hold no features of their particles; classify the source again.")
    return np.fromfile(path, np.float16).reshape(count, width)
