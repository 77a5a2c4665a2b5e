"""Teach a classification what its strangers look like, from some that a person has confirmed."""

import json
from collections.abc import Sequence

import numpy as np

from svp_core.classification.results import ClassificationResults
from svp_core.classification.strangers import TAUGHT_FILE
from svp_core.files import save_array, write_json
from svp_core.novelty.tile_forms import forms_of
from svp_core.tasks.stored_features import shipped_calibration, stored_features
from svp_core.tile_file import read_tiles


def teach_strangers(results: ClassificationResults, confirmed: Sequence[int]) -> None:
    """Mark the particles that resemble confirmed strangers; what was taught before is replaced.

    confirmed: their positions among the classified particles. Writes TAUGHT_FILE into the folder of the job, and their
    number into its summary. Raises LabError for too few, and where the results or the model lack what is needed.
    """
    from svp_core.novelty.teaching import taught_p_values

    calibration, count = shipped_calibration(results), len(results.probs)
    features = stored_features(results, calibration)
    values = taught_p_values(
        calibration.examples,
        features,
        results.probs.argmax(1),
        forms_of(np.asarray(read_tiles(results.folder / "tiles.npy")[:count])),
        np.asarray(sorted(set(confirmed)), np.intp),
    )
    save_array(results.folder / TAUGHT_FILE, values.astype(np.float32))
    _note(results, {"confirmed": len(set(confirmed))})


def forget_strangers(results: ClassificationResults) -> None:
    """Undo teach_strangers()."""
    (results.folder / TAUGHT_FILE).unlink(missing_ok=True)
    _note(results, None)


def _note(results, taught):
    path = results.folder / "summary.json"
    summary = json.loads(path.read_text("utf-8"))
    novelty = {name: value for name, value in (summary.get("novelty") or {}).items() if name != "taught"}
    write_json(path, {**summary, "novelty": novelty | ({"taught": taught} if taught else {})})
