"""Run a generator's training with its checks: steps, history, saved states, early stop when it copies."""

import time
from collections.abc import Generator
from typing import Any

from svp_core.generator.training_loop import GeneratorTraining
from svp_core.progress import Progress
from svp_core.training import checks
from svp_core.training.checkpoints import CheckpointFolder, Part, check_rows, read_history
from svp_core.training.distributed import broadcast, is_main

SAVE_EVERY_S = 60.0  # a killed training loses no more than this
LOSS_ROWS = 100  # rows of losses in the history


def run_training(
    folder: CheckpointFolder,
    training: GeneratorTraining,
    checker: checks.TrainingChecks | None,  # None in all processes but the main one
    part: Part,  # the training tiles
    every: int,  # steps between two checks
) -> Generator[Progress, None, None]:
    """Train to the end of the plan, or until two checks in a row detect copying; everything is saved on the way."""
    tiles, labels, _ = part
    total, accelerator = training.plan.steps, training.accelerator
    history = read_history(folder.model_folder, up_to=training.step)
    steps, losses, saved_step, saved_at = training.run(tiles, labels), [], training.step, time.monotonic()
    stop = broadcast(accelerator, checks.must_stop(check_rows(history)))
    try:
        while not stop:
            is_due = training.step % every == 0 or training.step == total
            if is_due and broadcast(accelerator, not any(row["step"] == training.step for row in check_rows(history))):
                if checker is not None:
                    yield from _check(folder, training, checker, history)
                    saved_step, saved_at = training.step, time.monotonic()
                stop = broadcast(accelerator, checks.must_stop(check_rows(history)))
                continue
            if training.step >= total:
                break
            progress = next(steps)
            losses.append(progress.loss)
            if training.step % max(1, total // LOSS_ROWS) == 0 or training.step == total:
                history.append({"step": training.step, "loss": sum(losses) / len(losses)})
                losses = []
            if is_main(accelerator) and time.monotonic() - saved_at > SAVE_EVERY_S:
                folder.save(training.state(), history)
                saved_step, saved_at = training.step, time.monotonic()
            yield Progress(training.step, total, "Training", loss=progress.loss)
    except GeneratorExit:  # stopped between two steps
        if is_main(accelerator) and saved_step != training.step:
            folder.save(training.state(), history)
        raise


def _check(
    folder: CheckpointFolder, training: GeneratorTraining, checker: checks.TrainingChecks, history: list[dict[str, Any]]
) -> Generator[Progress, None, None]:
    """Run one check and save it: its row in the history, its tiles, the weights where they are the best so far."""
    earlier, step = len(check_rows(history)), training.step
    figures, generated = yield from checker.check(training.generator, step=step, total=training.plan.steps)
    history.append({"step": step, **figures})
    folder.save_growth(generated, check=earlier)
    best = checks.best_check(check_rows(history))["step"]
    if best == step:
        folder.save_best(step, training.ema.state_dict())
    folder.save(training.state(), history)
    folder.remove_best_except(best)
