"""Refit a classifier's last layer with the lab's own labels, and measure the gain on labels it did not see."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.model_files import weights_sha256
from svp_core.profiles.conditions import conditions_from_dict
from svp_core.progress import Progress, Steps
from svp_core.stats.confusion import apply_thresholds
from svp_core.tasks.request import JobRequest, optional
from svp_core.tasks.train import discard_run, register_model, registered_model
from svp_core.tasks.validation import labelled_particles, record_of, standing_of
from svp_core.validation.draw import weights_of
from svp_core.validation.figures import LabelledParticles
from svp_core.workspace import instrument_profiles, models
from svp_core.workspace.validations import open_validation

MIN_LABELS = 60  # of the classifier's classes
MIN_PER_CLASS = 5  # of at least two classes


@dataclass(frozen=True)
class RefitRequest(JobRequest):
    """A refit of one classifier with the labels of one validation."""

    profile: str  # id of the instrument
    weights_sha256: str  # of the classifier
    validation: str  # id
    labels: int  # number of answered particles: with further answers it is another refit
    simulated: bool | None = optional()  # True: start from simulated instruments like this one

    @property
    def title(self) -> str:
        return "Refit with own labels"


def refit_request(profile_id: str, sha256: str, *, simulated: bool = False) -> RefitRequest:
    """The request for the classifier's stored validation. Raises LabError where there is none."""
    record = instrument_profiles.find_profile(profile_id).validation_of(sha256)
    if record is None:
        raise LabError("This classifier was not validated on this instrument; label particles under Validate first.")
    validation = open_validation(profile_id, str(record["id"]))
    return RefitRequest(profile_id, sha256, validation.id, standing_of(validation).answered, simulated or None)


def refit(request: RefitRequest, folder: Path) -> Steps:
    """Refit the last layer and measure the gain.

    Writes folder/run, a model folder that is not a model of the workspace yet, and refit.json: n, weights, before,
    after and difference (estimates as dicts), by_class, is_offered, and the probabilities of every labelled particle
    by a layer that did not see its label.
    """
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.features import embed_tiles
    from svp_core.stats.paired_accuracy import paired_accuracy
    from svp_core.training.adapted_layer import Adaptation
    from svp_core.training.last_layer import save_last_layer

    validation = open_validation(request.profile, request.validation)
    labelled, rows = labelled_particles(validation, standing_of(validation))
    keys = labelled.class_keys
    is_known = np.isin(labelled.truth, keys)
    _check_labels(labelled, is_known)
    model_folder = models.find_model(validation.facts["weights"])
    if weights_sha256(model_folder) != request.weights_sha256:
        raise LabError(f"The weights of {model_folder.name} have changed since the validation; validate it again.")
    classifier = load_classifier(model_folder)
    features = yield from embed_tiles(classifier, validation.tiles[rows["id"].to_numpy(int) - 1])
    yield Progress(len(features), len(features), "Fitting, and testing on labels that were left out")
    codes = np.array([keys.index(label) for label in labelled.truth[is_known]])
    before = _probs(classifier, features[is_known])
    start = _simulated(classifier, request.profile) if request.simulated else classifier
    adaptation = Adaptation(start, features[is_known], codes)
    after = adaptation.cross_validated_probs()
    accuracy = paired_accuracy(
        before.argmax(1) == codes,
        after.argmax(1) == codes,
        weights_of(labelled.ranges, labelled.range_of[is_known]),
    )
    adapted = adaptation.adapted(start)
    probs = _probs(adapted, features)
    probs[is_known] = after
    counts = {key: int((codes == number).sum()) for number, key in enumerate(keys)}
    note = f"Refitted with {len(codes):,} labelled particles of one instrument; it is meant for that instrument."
    discard_run(folder)
    save_last_layer(adapted, folder / "run", counts=counts, note=note)
    result = {
        "n": len(codes),
        "weights": validation.facts["weights"],
        **{name: asdict(getattr(accuracy, name)) for name in ("before", "after", "difference")},
        "by_class": _by_class(keys, codes, before.argmax(1), after.argmax(1)),
        "is_offered": accuracy.difference.low > 0,
        "probs": probs.round(5).tolist(),
        "particles": rows["id"].tolist(),
    }
    write_json(folder / "refit.json", result)


def refit_result(folder: Path) -> dict[str, Any]:
    """Content of refit.json. Raises LabError for an unfinished refit."""
    try:
        return json.loads((folder / "refit.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This refit did not finish; start it again.") from None


def adopt_refit(request: RefitRequest, folder: Path, name: str) -> str:
    """Make the refitted classifier a model of the workspace; returns its name.

    Its validation, by layers that did not see the label they are tested on, is stored with the instrument. Raises
    LabError where the gain is not above zero, for an invalid name, and where it was added already.
    """
    result = refit_result(folder)
    if not result["is_offered"]:
        raise LabError("The interval of the gain does not lie above zero; label more particles before you refit.")
    added = registered_model(folder)
    refitted_folder = models.find_model(added) if added else folder / "run"
    if not added:
        models.new_model_folder(name)  # refuses an unusable name
    sha256 = weights_sha256(refitted_folder)
    if added and instrument_profiles.find_profile(request.profile).validation_of(sha256):
        raise LabError("This refitted classifier is among the models already; choose it under Classify.")
    validation = open_validation(request.profile, request.validation)
    labelled, rows = labelled_particles(validation, standing_of(validation))
    is_fitted = rows["id"].isin(result["particles"]).to_numpy()
    by_particle = dict(zip(result["particles"], result["probs"], strict=True))
    probs = np.array([by_particle[particle] for particle in rows["id"][is_fitted]], float)
    assigned = apply_thresholds(
        probs, labelled.class_keys, thresholds=dict.fromkeys(labelled.class_keys, CONFIDENCE_THRESHOLD)
    )
    selected = labelled.select(is_fitted)
    refitted = LabelledParticles(
        selected.truth, probs, assigned, selected.class_keys, selected.ranges, selected.range_of
    )
    model = added or register_model(name, folder)
    record = record_of(validation, refitted, pd.DataFrame(rows[is_fitted]), standing_of(validation))
    record |= {"weights": model, "weights_sha256": sha256, "refitted_from": validation.facts["weights"]}
    instrument_profiles.update_validation(request.profile, sha256, record)
    return model


def _check_labels(labelled: LabelledParticles, is_known: NDArray[np.bool_]) -> None:
    counts = {key: int((labelled.truth == key).sum()) for key in labelled.class_keys}
    if is_known.sum() < MIN_LABELS or sum(count >= MIN_PER_CLASS for count in counts.values()) < 2:
        listed = ", ".join(f"{key} {count:,}" for key, count in counts.items())
        raise LabError(
            f"Labelled particles: {listed}. A refit needs {MIN_LABELS} of the classifier's classes, {MIN_PER_CLASS} of "
            "at least two of them; draw and label more."
        )


def _probs(classifier: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
    from svp_core.training.last_layer import layer_probs

    return layer_probs(classifier, features).astype(float)


def _simulated(classifier: Any, profile_id: str) -> Any:
    """The classifier with a last layer from simulated instruments like this one."""
    from svp_core.training.simulated_layer import fit_simulated_layer

    conditions = instrument_profiles.find_profile(profile_id).conditions
    return fit_simulated_layer(classifier, conditions_from_dict(conditions))


def _by_class(
    keys: tuple[str, ...], codes: NDArray[np.intp], before: NDArray[np.intp], after: NDArray[np.intp]
) -> list[dict[str, Any]]:
    """Numbers of right ones per class: class, n, before, after."""
    return [
        {
            "class": key,
            "n": int((codes == number).sum()),
            "before": int((before[codes == number] == number).sum()),
            "after": int((after[codes == number] == number).sum()),
        }
        for number, key in enumerate(keys)
    ]
