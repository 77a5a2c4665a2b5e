"""Training log: losses, checks and sample growth of a training, in progress or finished, read without any network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.training.checkpoints import check_rows, read_growth, read_history

# Why a training ended, for card and screen.
ENDINGS = {
    "done": "The training ran to the end of its plan.",
    "copying": "The training stopped early: its images began to copy training images. The best earlier checkpoint was "
    "kept.",
    "stopped": "The training was stopped by hand.",
}


@dataclass(frozen=True)
class TrainingLog:
    """A training so far."""

    facts: dict[str, Any]  # its plan; for a finished model its config
    rows: list[dict[str, Any]]  # rows of the history that have a loss
    checks: list[dict[str, Any]]  # rows of the history that have figures per class
    growth: NDArray[np.uint8]  # (checks, classes * n, 64, 64), always from the same noise, class after class

    @property
    def class_keys(self) -> list[str]:
        """Keys of its classes in label order."""
        return list(self.facts["generator"]["class_keys"])

    def growth_of(self, class_key: str) -> NDArray[np.uint8]:
        """Images of one class at every check: (checks, n, 64, 64)."""
        per_class = self.growth.shape[1] // len(self.class_keys)
        first = self.class_keys.index(class_key) * per_class
        return self.growth[:, first : first + per_class]


def read_log(model_folder: str | Path) -> TrainingLog | None:
    """The log of a model folder, finished or in training; None where no training was started in it."""
    model_folder = Path(model_folder)
    candidates = (model_folder / "config.json", model_folder / "training" / "plan.json")
    description = next((path for path in candidates if path.is_file()), None)
    if description is None:
        return None
    history = read_history(model_folder)
    checks = check_rows(history)
    facts = json.loads(description.read_text("utf-8"))
    return TrainingLog(facts, [row for row in history if "loss" in row], checks, read_growth(model_folder, len(checks)))


def error_of(check: Mapping[str, Any], part: str, band: str | None = None) -> float:
    """Denoising error at a check, in one noise band or averaged over all. part: "training" or "held_out"."""
    errors = check["errors"][part]
    return errors[band] if band else sum(errors.values()) / len(errors)
