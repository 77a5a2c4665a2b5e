"""Train a generator: from labelled tiles to its model folder, with held-out tiles, checks and the best checkpoint.

A training that was stopped or killed continues from its last saved state when it is started again with the same tiles
and the same plan.
"""

import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.generator.training_loop import (
    GeneratorTraining,
    GeneratorTrainingPlan,
    config_for,
    init_from,
    with_level_offsets,
)
from svp_core.model_files import (
    ModelFolder,
    as_stored,
    from_stored,
    read_model_folder,
    stored_config,
    weights_sha256,
)
from svp_core.progress import Progress
from svp_core.training import checks, time_budget
from svp_core.training.audit_checkpoint import audit_checkpoint
from svp_core.training.checkpoints import CheckpointFolder, check_rows, fingerprint, read_history
from svp_core.training.distributed import barrier, create_accelerator, is_main
from svp_core.training.finalise import finalise
from svp_core.training.run_training import run_training
from svp_core.training.split import split

if TYPE_CHECKING:
    from accelerate import Accelerator

BATCH_SIZE = {"cpu": 32, "cuda": 256}
FROM_BASE = 1 / 3  # factor on the learning rate when training starts from another generator
TIMED_TILES = 64  # whose features are computed once to plan the time of the checks
FEW_TILES, FEW_DROPOUT = 5000, 0.1  # with fewer training tiles, dropout is used
# Images per class at a check: fewest, most, and most of all classes together.
AUDITED = {"cpu": 200, "cuda": 1000}  # tiles of each set in the audit at the end; fewer in a short training
MADE_AT_CHECK = {"cpu": (24, 64, 128), "cuda": (128, 128, 128)}


@dataclass(frozen=True)
class TrainingRequest:
    """Settings of a training of a generator."""

    base: str | None = None  # model folder of a generator of ours to start from; None = random weights
    plan: GeneratorTrainingPlan | None = None  # None = one that suits device and base
    minutes: float | None = None  # fill this much time, instead of the plan's number of images
    note: str = ""  # what the tiles are, for the card
    check_images: int | None = None  # per class at a check; None = what is generated quickly on this device
    checks: int = time_budget.MAX_CHECKS  # without the one before the first step; fewer in a short training
    audited: int | None = None  # tiles of each set in the audit at the end; None = see AUDITED, 0 = no audit
    choices: dict[str, Any] = field(default_factory=dict)  # fields of GeneratorConfig, only with random weights


def train_generator(data: LabelledTiles, out: str | Path, **settings: Any) -> Generator[Progress, None, None]:
    """Train a generator on labelled tiles into the model folder `out`; yields Progress, with the loss of each step.

    settings: fields of TrainingRequest. Started again with the same data and settings, it resumes. Raises LabError
    where there are too few tiles, or `out` holds something else.
    """
    accelerator, folder, request = create_accelerator(), CheckpointFolder(out), TrainingRequest(**settings)
    if is_main(accelerator):
        identity = {"data": fingerprint(data), **as_stored(request)}  # what must be equal to resume
        identity = json.loads(json.dumps(identity, default=str))
        if folder.is_ready:
            if folder.description()["asked"] != identity:
                raise LabError(f"{out} holds a training of other data or another plan; choose an empty folder.")
        elif (folder.model_folder / "config.json").exists():
            raise LabError(f"There is a finished model in {out}; choose an empty folder.")
        else:
            yield from _begin(folder, data, request, accelerator, identity)
    barrier(accelerator)
    yield from resume_training(out, accelerator=accelerator)


def default_plan(*, from_base: bool, seed: int = 0, images: int | None = None) -> GeneratorTrainingPlan:
    """Plan for the device of this machine; images: shown in all, None = the plan's own number."""
    rate = GeneratorTrainingPlan.learning_rate * (FROM_BASE if from_base else 1)
    plan = GeneratorTrainingPlan(batch=BATCH_SIZE[best_device().type], learning_rate=rate, seed=seed)
    return replace(plan, images=images) if images else plan


def resume_training(out: str | Path, *, accelerator: "Accelerator | None" = None) -> Generator[Progress, None, None]:
    """Continue the training in `out` to its end, as train_generator does, with the tiles stored there."""
    folder = CheckpointFolder(out)
    if (folder.model_folder / "config.json").exists():  # it was stopped while finalise() removed its files
        folder.clear()
        return
    description = folder.description()
    config = stored_config(ModelFolder(folder.model_folder, description, ""), "generator", unet.GeneratorConfig)
    plan, parts = from_stored(GeneratorTrainingPlan, description["plan"]), folder.tiles(config.class_keys)
    device = accelerator.device if accelerator else best_device()
    training = GeneratorTraining(config, plan, device=device, accelerator=accelerator)
    training.resume(folder.state())
    count, every = description["checks"]["images"], description["checks"]["every"]
    checker = None
    if is_main(accelerator):
        checker = yield from checks.TrainingChecks.prepare(
            config.class_keys, parts, count=count, step=training.step, total=plan.steps
        )
    yield from run_training(folder, training, checker, parts["training"], every)
    if checker is not None:
        best = checks.best_check(check_rows(read_history(out)))
        training.ema.load_state_dict(folder.best(best["step"]))
        at_end = {"step": plan.steps, "total": plan.steps}
        fresh, generated = yield from checker.check(training.generator, fresh=2 * count, **at_end)
        audit = yield from audit_checkpoint(training.generator, parts, generated, description, **at_end)
        finalise(out, fresh=fresh, audit=audit)
    barrier(accelerator)


def _begin(folder, data, request, accelerator, identity):
    """Split the tiles, fix the plan and write everything to disk."""
    started = time.monotonic()
    _check_minutes(request.minutes)
    parts = yield from split(data)
    device, processes = (accelerator.device, accelerator.num_processes) if accelerator else (best_device(), 1)
    tiles, labels, classes = data.tiles[parts.training], data.labels[parts.training], len(data.class_keys)
    config, start, base = _start(request, tiles, data.class_keys)
    config = with_level_offsets(config, tiles, labels)
    plan = request.plan or default_plan(from_base=base is not None)
    plan = replace(plan, batch=-(-plan.batch // processes) * processes)
    images, number = request.check_images or _images_at_check(classes, device), request.checks
    audited = AUDITED[device.type] if request.audited is None else request.audited
    if request.minutes:
        yield Progress(0, None, "Measuring how fast this computer trains")
        trial = GeneratorTraining(config, replace(plan, batch=plan.batch // processes), device=device, start=start)
        step_s = time_budget.seconds_per_step(trial, tiles, labels)
        sample = tiles[:: max(1, len(tiles) // TIMED_TILES)][:TIMED_TILES]
        preparing_s = checks.preparation_seconds(_counts(data, parts.training).values(), sample)
        if request.audited is None:
            audited = time_budget.audited_tiles(request.minutes, step_s / plan.batch, most=audited)
        used_s = time.monotonic() - started + preparing_s + time_budget.audit_seconds(audited, step_s / plan.batch)
        plan, number = time_budget.plan_for(
            plan, request.minutes, step_s, images=images * classes, most=number, used_s=used_s
        )
    plan = time_budget.with_fitting_warmup(plan)
    folder.write_tiles(data, parts)
    description = {
        **unet.config_as_dict(config),
        "plan": as_stored(plan),
        "note": request.note,
        "from": base,
        "trained_on": _counts(data, parts.training),
        "held_out_counts": _counts(data, parts.held_out),
        "held_out": [data.names[index] for index in parts.held_out],
        "held_out_by": "folders of the source" if parts.by_folders else "chance",
        "left_out": len(data.left_out),
        "near_copies": len(parts.repeated),
        "checks": {"every": -(-plan.steps // number), "images": images, "calls": time_budget.CALLS, "audited": audited},
        "asked": identity,
    }
    folder.begin(description, GeneratorTraining(config, plan, device=device, start=start).state())


def _check_minutes(minutes):
    low, high = time_budget.MIN_MINUTES, time_budget.MAX_MINUTES
    if minutes is not None and not low <= minutes <= high:
        raise LabError(f"Minutes of training must be {low} to {high:,}; got {minutes:g}.")


def _start(request: TrainingRequest, tiles: np.ndarray, class_keys: Sequence[str]):
    """(config, weights to start from or None, description of the base or None)."""
    dropout = FEW_DROPOUT if len(tiles) < FEW_TILES else 0.0
    if request.base is None:
        return config_for(tiles, class_keys, **{"dropout": dropout, **request.choices}), None, None
    base = read_model_folder(request.base)
    if "published" in base.config:
        raise LabError(
            f"{base.name} is a published checkpoint, which cannot be trained further here; start from one of our "
            "models or from scratch."
        )
    config, weights = init_from(unet.load_generator(request.base), class_keys, dropout=dropout)
    return config, weights, {"name": base.name, "weights_sha256": weights_sha256(base.folder)}


def _images_at_check(classes: int, device: torch.device) -> int:
    fewest, most, together = MADE_AT_CHECK[device.type]
    return max(fewest, min(most, together // classes // 8 * 8))


def _counts(data, indices):
    labels = data.labels[indices]
    return {key: int((labels == label).sum()) for label, key in enumerate(data.class_keys)}
