"""Teach a classification what its strangers look like, from some that a person has confirmed."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from svp_core.classification.results import NOVELTY_P, ClassificationResults, numeric_column
from svp_core.classification.strangers import TAUGHT_FILE
from svp_core.files import save_array, write_json
from svp_core.novelty.tile_forms import forms_of
from svp_core.tasks.stored_features import shipped_calibration, stored_features
from svp_core.tile_file import read_tiles


def teach_strangers(results: ClassificationResults, confirmed: Sequence[int]) -> None:
    """Mark the particles that resemble confirmed strangers; what was taught before is replaced.

    confirmed: their positions among the classified particles. Writes TAUGHT_FILE into the folder of the job, and into
    its summary their number, their positions and, where there are enough, what they gained on held-out ones. Raises
    LabError for too few, and where the results or the model lack what is needed.
    """
    from svp_core.novelty.teaching import judge_taught, teaching_gain

    calibration, count = shipped_calibration(results), len(results.probs)
    features, rows = stored_features(results, calibration), np.asarray(sorted(set(confirmed)), np.intp)
    named, forms = results.probs.argmax(1), forms_of(np.asarray(read_tiles(results.folder / "tiles.npy")[:count]))
    values = judge_taught(calibration.examples, features, named, forms, rows).p_values
    before = numeric_column(results, NOVELTY_P)[rows] if NOVELTY_P in results.table else np.full(len(rows), np.nan)
    gain = teaching_gain(calibration.examples, features, named, forms, rows, before)
    save_array(results.folder / TAUGHT_FILE, values.astype(np.float32))
    _note(results, {"confirmed": len(rows), "positions": rows.tolist(), **({"gain": asdict(gain)} if gain else {})})


def forget_strangers(results: ClassificationResults) -> None:
    """Undo teach_strangers()."""
    (results.folder / TAUGHT_FILE).unlink(missing_ok=True)
    _note(results, None)


def _note(results, taught):
    path = results.folder / "summary.json"
    summary = json.loads(path.read_text("utf-8"))
    novelty = {name: value for name, value in (summary.get("novelty") or {}).items() if name != "taught"}
    write_json(path, {**summary, "novelty": novelty | ({"taught": taught} if taught else {})})
