"""Train a generator on data sets of the workspace: in the end a model of the workspace, usable at once."""

import json
import os

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress
from svp_core.workspace import models
from svp_core.workspace.datasets import open_dataset


def train(config, folder):
    """Train a generator.

    config: name (of the new model); datasets (ids); classes (keys of those trained on); base (name of the model to
    start from, None: from nothing); minutes (of training), or images (shown in all).
    Makes folder/run while it trains, see svp_core.training; in the end that is the model, and model.json (model: its
    name) says under which name: the one wanted, or with a number behind it where that was taken meanwhile. Stopped
    and started again it goes on from its last step, killed from its last checkpoint.
    """
    if (folder / "model.json").is_file():
        return
    run = folder / "run"
    if not (run / "config.json").is_file() and not (run / "training" / "plan.json").is_file():
        models.new_model_folder(config["name"])  # says now what is wrong with the name
    from svp_core.datasets.labelled_tiles import from_dataset, join_labelled
    from svp_core.training.checkpoints import CheckpointFolder
    from svp_core.training.generator import default_plan, resume_training, train_generator

    if CheckpointFolder(run).is_ready or (run / "config.json").is_file():
        yield from resume_training(run)
    else:
        yield Progress(0, None, "Reading the data sets")
        found = [open_dataset(dataset) for dataset in config["datasets"]]
        data = join_labelled([from_dataset(dataset) for dataset in found]).only(config["classes"])
        base = config["base"] and str(models.find_model(config["base"]))
        note = "Data sets: " + ", ".join(f"{dataset.meta['name']} ({dataset.meta['kind']})" for dataset in found) + "."
        plan = default_plan(from_base=base is not None, images=config.get("images"))
        yield from train_generator(data, run, base=base, plan=plan, minutes=config.get("minutes"), note=note)
    register_model(config["name"], folder)


def register_model(name, folder):
    """Make a finished folder/run the model of this name; returns the name that it got."""
    wanted, number = name.strip(), 1
    while True:
        called = wanted if number == 1 else f"{wanted} {number}"
        try:
            place = models.new_model_folder(called)
            break
        except LabError:
            if number > 99:
                raise
            number += 1
    os.replace(folder / "run", place)
    write_json(folder / "model.json", {"model": called})
    return called


def save_best(name, folder):
    """Make the best checkpoint of a training that was stopped the model of this name; returns the name that it got.

    Raises LabError while there is no checkpoint yet.
    """
    from svp_core.training.finalise import finalise

    finalise(folder / "run")
    return register_model(name, folder)


def model_of(folder):
    """Name of the model that a "train" job has made; None while there is none."""
    path = folder / "model.json"
    return json.loads(path.read_text("utf-8"))["model"] if path.is_file() else None
