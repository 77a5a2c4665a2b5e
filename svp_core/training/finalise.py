"""Finalise a finished or stopped training: best checkpoint, facts and card become a model folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.model_files import save_model
from svp_core.training import checks
from svp_core.training.card import write_card
from svp_core.training.checkpoints import CheckpointFolder, check_rows, read_history


def finalise(
    out: str | Path, *, fresh: Mapping[str, Any] | None = None, audit: Mapping[str, Any] | None = None
) -> None:
    """Make a finished model of the training in the folder `out`, and remove what only the training needed.

    fresh: figures of the best checkpoint on new images, as TrainingChecks.check gives them; None where the training was
    stopped before. audit: as audit_checkpoint returns it, likewise. Raises LabError before the first check after the
    start.
    """
    folder, history = CheckpointFolder(out), read_history(out)
    if not folder.is_ready:
        raise LabError(f"There is no training in progress in {out}; start one.")
    checked = check_rows(history)
    if not any(row["step"] for row in checked):
        raise LabError("There is no checkpoint yet; continue until the first check after the start.")
    description, best = folder.description(), checks.best_check(checked)
    description.pop("asked")
    facts = {
        **description,
        "steps": history[-1]["step"],
        "best_step": best["step"],
        "ended": _ending(description, history, checked),
        "measured": {"best": best, "fresh": fresh},
        "audit": audit,
    }
    model_folder = folder.model_folder
    card = write_card(model_folder.name, facts)
    save_model(model_folder, config=facts, tensors=folder.best(best["step"]), card=card, history=history)
    folder.clear()


def _ending(description: Mapping[str, Any], history: Sequence[Mapping[str, Any]], checked) -> str:
    """Why the training ended: a key of training_log.ENDINGS."""
    if checks.must_stop(checked):
        return "copying"
    plan = description["plan"]
    return "done" if history[-1]["step"] >= -(-plan["images"] // plan["batch"]) else "stopped"
