"""From labelled tiles to a run folder: the trainings of generator and classifier, with checkpoints and a card.

A run being trained holds training_state.pt besides; started again with the same plan, it goes on from there.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from svp_core.classifier import resnet
from svp_core.classifier import train as classifier_training
from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.generator import train as generator_training
from svp_core.generator import unet
from svp_core.runs import save_run

_STATE = "training_state.pt"


def train_generator(data, out, *, plan=None, held_out=(), note="", checkpoint_steps=250, **choices):
    """Train a generator on Labelled data into the run folder `out`; yields Progress after each step.

    held_out: names of tiles kept aside, recorded in the run. note: what the tiles are, for the card. choices: fields
    of GeneratorConfig such as widths. Raises LabError where `out` holds another training.
    """
    out, plan, device = Path(out), plan or generator_training.TrainingPlan(), best_device()
    out.mkdir(parents=True, exist_ok=True)
    config = generator_training.config_for(data.tiles, data.class_keys, **choices)
    described = {**unet.config_as_dict(config), "plan": asdict(plan), "trained_on": data.counts(), "note": note}
    training = generator_training.Training(config, plan, device=device)
    if (out / _STATE).is_file():
        if json.loads((out / "plan.json").read_text("utf-8")) != json.loads(json.dumps(described)):
            raise LabError(f"{out} holds a training of other data or another plan; choose an empty folder.")
        training.resume(torch.load(out / _STATE, map_location=device, weights_only=True))
    (out / "plan.json").write_text(json.dumps(described), "utf-8")

    history = _read_history(out, before=training.step)
    loss = 0.0
    for progress in training.run(data.tiles, data.labels):
        loss += progress.loss
        if progress.step % checkpoint_steps == 0 or progress.step == plan.steps:
            history.append({"step": progress.step, "loss": loss / checkpoint_steps})
            loss = 0.0
            _keep(out, training.state(), history)
        yield progress
    half = {name: tensor.half() for name, tensor in training.average.state_dict().items()}
    card = _card("Generator", described, len(held_out))
    save_run(out, config={**described, "held_out": list(held_out)}, tensors=half, card=card, history=history)
    (out / _STATE).unlink()
    (out / "plan.json").unlink()


def train_classifier(data, out, *, validation, architecture="resnet18", plan=None, note=""):
    """Train a classifier on Labelled data into the run folder `out`; yields Progress after each step.

    validation: Labelled tiles of the same classes, best of other instruments: they pick the checkpoint and the
    temperature. Raises LabError where the classes differ.
    """
    if data.class_keys != validation.class_keys:
        raise LabError(
            f"Training has the classes {', '.join(data.class_keys)} but validation has "
            f"{', '.join(validation.class_keys)}; give the same ones."
        )
    plan, result = plan or classifier_training.TrainingPlan(), []
    config = resnet.ClassifierConfig(data.class_keys, architecture)
    yield from classifier_training.train(
        config, plan, data.tiles, data.labels,
        validation=(validation.tiles, validation.labels), device=best_device(), result=result,
    )  # fmt: skip
    (checked,) = result
    described = {
        **resnet.config_as_dict(checked.config),
        "plan": asdict(plan),
        "trained_on": data.counts(),
        "note": note,
    }
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in checked.state.items()}
    card = _card("Classifier", described, len(validation.tiles))
    save_run(out, config=described, tensors=tensors, card=card, history=checked.history)


def _keep(out, state, history):
    # Written beside and then moved, so that a kill in the middle leaves the state before.
    torch.save(state, out / f"{_STATE}.new")
    (out / f"{_STATE}.new").replace(out / _STATE)
    (out / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history), "utf-8")


def _read_history(out, *, before):
    path = out / "history.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
    return [row for row in rows if row["step"] <= before]


def _card(what, described, held_out):
    trained = "\n".join(f"- {key}: {count:,} tiles" for key, count in described["trained_on"].items())
    return f"# {what}\n\n{described['note']}\n\nTrained on\n{trained}\n\nHeld out: {held_out:,} tiles.\n"
