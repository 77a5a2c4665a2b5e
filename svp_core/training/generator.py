"""From labelled tiles to the run folder of a generator: part held out, checked on the way, the best checkpoint kept.

Whoever stops iterating, or is killed, finds the training where it was when it is started again with the same tiles and
the same plan.
"""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.generator import unet
from svp_core.generator.training_loop import (
    GeneratorTraining,
    GeneratorTrainingPlan,
    config_for,
    init_from,
    with_level_offsets,
)
from svp_core.model_files import ModelFolder, read_model_folder, stored_config
from svp_core.progress import Progress
from svp_core.training import checks, time_budget
from svp_core.training.checkpoints import CheckpointFolder, fingerprint, read_history
from svp_core.training.distributed import accelerator, barrier, broadcast, is_main
from svp_core.training.finalise import finalise
from svp_core.training.split import split

KEEP_EVERY_S = 60.0  # a killed training loses no more than this
ROWS = 100  # of losses in the history
BATCH_SIZE = {"cpu": 32, "cuda": 256}
FROM_BASE = 1 / 3  # of the learning rate
FEW_TILES, FEW_DROPOUT = 5000, 0.1  # below so many training tiles, parts of the network are switched off by chance
MADE_AT_CHECK = {"cpu": (24, 64, 128), "cuda": (128, 128, 128)}  # least and most of a class, of all classes together


@dataclass(frozen=True)
class TrainingRequest:
    """What somebody wants trained."""

    base: str | None = None  # run folder of a generator of ours to start from; None: from nothing
    plan: GeneratorTrainingPlan | None = None  # None: one that suits device and base
    minutes: float | None = None  # fill so much time, instead of the plan's number of images
    note: str = ""  # what the tiles are, for the card
    check_images: int | None = None  # made of each class at a check; None: what is quickly made here
    checks: int = time_budget.MOST_CHECKS  # how many, the one before the first step not counted; fewer in little time
    choices: dict = field(default_factory=dict)  # fields of GeneratorConfig such as widths, from nothing only


def train_generator(data, out, **wanted):
    """Train a generator on Labelled data into the run folder `out`; yields Progress, the loss with each step.

    wanted: fields of Order. Started again with the same data and order, it goes on where it was. Raises LabError where
    the tiles are too few, or `out` holds something else.
    """
    company, place, order = accelerator(), CheckpointFolder(out), TrainingRequest(**wanted)
    if is_main(company):
        asked = json.loads(json.dumps({"data": fingerprint(data), **asdict(order)}, default=str))
        if place.is_ready:
            if place.described()["asked"] != asked:
                raise LabError(f"{out} holds a training of other data or another plan; choose an empty folder.")
        elif (place.run / "config.json").exists():
            raise LabError(f"There is a finished model in {out}; choose an empty folder.")
        else:
            yield from _begin(place, data, order, company, asked)
    barrier(company)
    yield from resume_training(out, company=company)


def default_plan(*, from_base, seed=0, images=None):
    """TrainingPlan for the device that is here; images: shown in all, None: as many as the plan says itself."""
    rate = GeneratorTrainingPlan.learning_rate * (FROM_BASE if from_base else 1)
    chosen = {"images": images} if images else {}
    return GeneratorTrainingPlan(batch=BATCH_SIZE[best_device().type], learning_rate=rate, seed=seed, **chosen)


def resume_training(out, *, company=None):
    """Train to the end what has begun in `out`, as train_generator does; the tiles lie there already."""
    place = CheckpointFolder(out)
    if (place.run / "config.json").exists():  # it was stopped while it tidied up
        place.clear()
        return
    described = place.described()
    config = stored_config(ModelFolder(place.run, described, ""), "generator", unet.GeneratorConfig)
    plan, parts = GeneratorTrainingPlan(**described["plan"]), place.tiles(config.class_keys)
    device = company.device if company else best_device()
    training = GeneratorTraining(config, plan, device=device, accelerator=company)
    training.resume(place.state())
    checker = None
    if is_main(company):
        yield Progress(training.step, plan.steps, "Getting ready")
        checker = checks.TrainingChecks(config.class_keys, parts, count=described["checks"]["images"])
    yield from _train(place, training, checker, parts["training"], described["checks"]["every"])
    if is_main(company):
        best = checks.best_check(_checks_of(read_history(out)))
        training.average.load_state_dict(place.best(best["step"]))
        fresh, _ = yield from checker.check(
            training.generator, step=plan.steps, total=plan.steps, fresh=2 * described["checks"]["images"]
        )
        finalise(out, fresh=fresh)
    barrier(company)


def _begin(place, data, order, company, asked):
    """Split the tiles, settle the plan and put everything on disk."""
    if order.minutes is not None and not time_budget.LEAST_MINUTES <= order.minutes <= time_budget.MOST_MINUTES:
        least, most = time_budget.LEAST_MINUTES, time_budget.MOST_MINUTES
        raise LabError(f"{order.minutes:g} minutes were asked for; {least} to {most:,} can be planned.")
    apart = yield from split(data)
    device, shared = (company.device, company.num_processes) if company else (best_device(), 1)
    tiles, labels, classes = data.tiles[apart.training], data.labels[apart.training], len(data.class_keys)
    config, start, parent = _start(order, tiles, data.class_keys)
    config = with_level_offsets(config, tiles, labels)
    plan = order.plan or default_plan(from_base=parent is not None)
    plan = replace(plan, batch=-(-plan.batch // shared) * shared)
    made, number = order.check_images or _made_at_check(classes, device), order.checks
    if order.minutes:
        yield Progress(0, None, "Measuring how fast this computer trains")
        trial = GeneratorTraining(config, replace(plan, batch=plan.batch // shared), device=device, start=start)
        step_s = time_budget.seconds_a_step(trial, tiles, labels)
        plan, number = time_budget.plan_for(plan, order.minutes, step_s, made=made * classes, most=number)
    plan = time_budget.with_fitting_warmup(plan)
    place.put(data, apart)
    described = {
        **unet.config_as_dict(config),
        "plan": asdict(plan),
        "note": order.note,
        "from": parent,
        "trained_on": _counts(data, apart.training),
        "held_out_counts": _counts(data, apart.held_out),
        "held_out": [data.names[position] for position in apart.held_out],
        "left_out": len(data.left_out),
        "near_copies": len(apart.repeated),
        "checks": {"every": -(-plan.steps // number), "images": made, "calls": time_budget.CALLS},
        "asked": asked,
    }
    place.begin(described, GeneratorTraining(config, plan, device=device, start=start).state())


def _start(order, tiles, class_keys):
    """(config, weights to start from or None, what the base is or None)."""
    dropout = FEW_DROPOUT if len(tiles) < FEW_TILES else 0.0
    if order.base is None:
        return config_for(tiles, class_keys, **{"dropout": dropout, **order.choices}), None, None
    run = read_model_folder(order.base)
    if "published" in run.config:
        raise LabError(
            f"{run.name} is a published checkpoint, which cannot be trained further here; start from one of our models "
            "or from nothing."
        )
    config, weights = init_from(unet.load_generator(order.base), class_keys, dropout=dropout)
    sha256 = file_sha256(Path(order.base) / "model.safetensors")
    return config, weights, {"name": run.name, "weights_sha256": sha256}


def _train(place, training, checker, part, every):
    """Steps and checks to the end of the plan, or until it copies."""
    (tiles, labels, _), total, company = part, training.plan.steps, training.accelerator
    history = read_history(place.run, up_to=training.step)
    steps, losses, kept, kept_at = training.run(tiles, labels), [], training.step, time.monotonic()
    stop = broadcast(company, checks.must_stop(_checks_of(history)))
    try:
        while not stop:
            is_due = training.step % every == 0 or training.step == total
            if is_due and broadcast(company, not any(row["step"] == training.step for row in _checks_of(history))):
                if is_main(company):
                    yield from _check(place, training, checker, history)
                    kept, kept_at = training.step, time.monotonic()
                stop = broadcast(company, checks.must_stop(_checks_of(history)))
                continue
            if training.step >= total:
                break
            progress = next(steps)
            losses.append(progress.loss)
            if training.step % max(1, total // ROWS) == 0 or training.step == total:
                history.append({"step": training.step, "loss": sum(losses) / len(losses)})
                losses = []
            if is_main(company) and time.monotonic() - kept_at > KEEP_EVERY_S:
                place.keep(training.state(), history)
                kept, kept_at = training.step, time.monotonic()
            yield Progress(training.step, total, "Training", loss=progress.loss)
    except GeneratorExit:  # somebody stopped between two steps
        if is_main(company) and kept != training.step:
            place.keep(training.state(), history)
        raise


def _check(place, training, checker, history):
    """One check: its row in the history, its tiles, the weights where they are the best so far; all on disk."""
    before, step = _checks_of(history), training.step
    figures, made = yield from checker.check(training.generator, step=step, total=training.plan.steps)
    history.append({"step": step, **figures})
    place.keep_growth(made, check=len(before))
    best = checks.best_check(_checks_of(history))["step"]
    if best == step:
        place.keep_best(step, training.average.state_dict())
    place.keep(training.state(), history)
    place.forget_but(best)


def _checks_of(history):
    return [row for row in history if "classes" in row]


def _made_at_check(classes, device):
    least, most, together = MADE_AT_CHECK[device.type]
    return max(least, min(most, together // classes // 8 * 8))


def _counts(data, positions):
    labels = data.labels[positions]
    return {key: int((labels == label).sum()) for label, key in enumerate(data.class_keys)}
