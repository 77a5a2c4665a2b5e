"""What a training says about itself, while it is under way and afterwards: for screens, without any network."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svp_core.training.checkpoints import read_growth, read_history


@dataclass(frozen=True)
class TrainingLog:
    """A training as far as it is."""

    facts: dict  # its plan; of a finished run its config
    rows: list  # of the history that have a loss
    checks: list  # of the history that have figures by class
    growth: np.ndarray  # uint8 (checks, classes * n, 64, 64), always from the same noise, class after class

    @property
    def class_keys(self):
        """Keys of its classes in label order."""
        return list(self.facts["generator"]["class_keys"])

    def grown(self, class_key):
        """Its images of one class: uint8 (checks, n, 64, 64)."""
        each = self.growth.shape[1] // len(self.class_keys)
        first = self.class_keys.index(class_key) * each
        return self.growth[:, first : first + each]


def read_record(run):
    """The Record of a run folder, finished or under way; None where no training has begun in it."""
    run = Path(run)
    described = next((path for path in (run / "config.json", run / "training" / "plan.json") if path.is_file()), None)
    if described is None:
        return None
    history = read_history(run)
    checks = [row for row in history if "classes" in row]
    facts = json.loads(described.read_text("utf-8"))
    return TrainingLog(facts, [row for row in history if "loss" in row], checks, read_growth(run, len(checks)))


def error_of(check, part, band=None):
    """Error of denoising at a check, in one band of noise or averaged over all. part: "training" or "held_out"."""
    errors = check["errors"][part]
    return errors[band] if band else sum(errors.values()) / len(errors)
