"""A training that is over, or was stopped, becomes a run: the best checkpoint, its facts, its card."""

from svp_core.errors import LabError
from svp_core.model_files import save_model
from svp_core.training import checks
from svp_core.training.card import write_card
from svp_core.training.checkpoints import CheckpointFolder, read_history


def finalise(out, *, fresh=None):
    """Make the run of what was trained in the folder `out` so far; what only the training needed goes.

    fresh: figures of the best checkpoint on new images, as Checker.check gives them; None where it was stopped before.
    Raises LabError while there is no check after the first step yet.
    """
    place, history = CheckpointFolder(out), read_history(out)
    if not place.is_ready:
        raise LabError(f"There is no training under way in {out}; start one.")
    checked = [row for row in history if "classes" in row]
    if not any(row["step"] for row in checked):
        raise LabError("There is no checkpoint to keep yet; go on until the first check after the start.")
    described, best = place.described(), checks.best_check(checked)
    described.pop("asked")
    facts = {
        **described,
        "steps": history[-1]["step"],
        "best_step": best["step"],
        "ended": _ended(described, history, checked),
        "measured": {"best": best, "fresh": fresh},
    }
    tensors = place.best(best["step"])
    save_model(place.run, config=facts, tensors=tensors, card=write_card(place.run.name, facts), history=history)
    place.clear()


def _ended(described, history, checked):
    """Why the training ended: "done", "copying" or "stopped"."""
    if checks.must_stop(checked):
        return "copying"
    plan = described["plan"]
    return "done" if history[-1]["step"] >= -(-plan["images"] // plan["batch"]) else "stopped"
