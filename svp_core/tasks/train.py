"""Train a generator on data sets of the workspace; the result is a model of the workspace, usable at once."""

import errno
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from svp_core.access.person import REVIEWER, require
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.request import JobRequest, optional
from svp_core.workspace import models
from svp_core.workspace.datasets import open_dataset

_MOVING = "moving.json"  # the name under which folder/run is being moved among the models


@dataclass(frozen=True)
class TrainRequest(JobRequest):
    """Training of a generator, for a number of minutes or of images."""

    name: str  # of the new model
    datasets: tuple[str, ...]  # ids of data sets
    classes: tuple[str, ...]  # keys of the classes to train on
    base: str | None = None  # name of the model to start from; None: from random weights
    minutes: float | None = optional()
    images: int | None = optional()  # shown in total, repeats counted

    @property
    def title(self) -> str:
        return f"Train {self.name}"


def train(request: TrainRequest, folder: Path) -> Steps:
    """Train a generator; a stopped job resumes from its last step, a killed one from its last checkpoint.

    Writes folder/run while it trains, see svp_core.training; at the end that becomes the model, and model.json (model:
    its name) says under which name: the requested one, or with a number behind it where that was taken meanwhile.
    """
    if registered_model(folder):
        return
    run = folder / "run"
    if not (run / "config.json").is_file() and not (run / "training" / "plan.json").is_file():
        models.new_model_folder(request.name)  # refuses an unusable name before any work
    if not (run / "training" / "plan.json").is_file():  # a resumed training keeps the step that it stopped at
        yield Progress(0, None, "Loading the network library")
    from svp_core.datasets.labelled_tiles import from_dataset, join_labelled
    from svp_core.training.checkpoints import CheckpointFolder
    from svp_core.training.generator import default_plan, resume_training, train_generator

    if CheckpointFolder(run).is_ready or (run / "config.json").is_file():
        yield from resume_training(run)
    else:
        yield Progress(0, None, "Reading the data sets")
        sources = [open_dataset(dataset) for dataset in request.datasets]
        data = join_labelled([from_dataset(dataset) for dataset in sources]).only(request.classes)
        base = request.base and str(models.find_model(request.base))
        names = ", ".join(f"{dataset.meta['name']} ({dataset.meta['kind']})" for dataset in sources)
        plan = default_plan(from_base=base is not None, images=request.images)
        yield from train_generator(
            data, run, base=base, plan=plan, minutes=request.minutes, note=f"Data sets: {names}."
        )
    register_model(request.name, folder)


def register_model(name: str, folder: Path) -> str:
    """Move a finished folder/run among the models of the workspace under this name; returns the name it got.

    The name is noted before the move: a process that is killed in between leaves a model that registered_model finds.
    """
    require(REVIEWER, "create a model")  # else the loop below would try a hundred names
    stem, number = name.strip(), 1
    while True:
        unique_name = stem if number == 1 else f"{stem} {number}"
        try:
            target = models.new_model_folder(unique_name)
            write_json(folder / _MOVING, {"model": unique_name})
            with models.creating_model(target, job=folder.name):
                (folder / "run").replace(target)
            break
        except LabError:
            if number > 99:
                raise
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                reason = error.strerror or str(error)
                raise LabError(f"The model {unique_name!r} cannot be stored ({reason}); start it again.") from None
        number += 1
    write_json(folder / "model.json", {"model": unique_name})
    return unique_name


def discard_run(folder: Path) -> None:
    """Remove a folder/run that a killed process has left and that is made again from the start."""
    (folder / _MOVING).unlink(missing_ok=True)
    shutil.rmtree(folder / "run", ignore_errors=True)


def registered_model(folder: Path) -> str | None:
    """Name of the model that folder/run has become; None where it has not. Completes a move that was cut short."""
    if name := model_of(folder):
        return name
    try:
        name = json.loads((folder / _MOVING).read_text("utf-8"))["model"]
        if not (folder / "run").exists() and models.find_model(name).is_relative_to(models.models_folder()):
            write_json(folder / "model.json", {"model": name})
            return name
    except (OSError, ValueError, KeyError):
        pass
    return None


def save_best(name: str, folder: Path) -> str:
    """Make the best checkpoint of a stopped training a model of this name; returns the name it got.

    Asked again after a process was killed in it, it goes on. Raises LabError while there is no checkpoint yet.
    """
    from svp_core.training.checkpoints import CheckpointFolder
    from svp_core.training.finalise import finalise

    require(REVIEWER, "create a model")  # before anything is changed
    if registered := registered_model(folder):
        return registered
    if (folder / "run" / "config.json").is_file():  # finished, as the last step of the training itself would find it
        CheckpointFolder(folder / "run").clear()
    else:
        finalise(folder / "run")
    return register_model(name, folder)


def model_of(folder: Path) -> str | None:
    """Name of the model that a training has produced; None while there is none."""
    try:
        return json.loads((folder / "model.json").read_text("utf-8"))["model"]
    except (OSError, ValueError, KeyError):
        return None
