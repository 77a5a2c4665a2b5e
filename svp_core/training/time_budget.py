"""Plan a training that fills a given time: the time per step is measured first."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # screens and commands read the limits, and must not load a network library
    import numpy as np
    from numpy.typing import NDArray

    from svp_core.generator.training_loop import GeneratorTraining, GeneratorTrainingPlan

MIN_MINUTES, MAX_MINUTES = 2, 7 * 24 * 60
MAX_CHECKS, MIN_CHECKS = 10, 3
CHECK_SHARE = 0.2  # largest share of the time that checks may take
CALLS = 16  # denoising steps of a check's images, with the standard sampler
SAMPLE_SHARE = 0.45  # time of a network call in sampling, relative to one image in training; guidance included
OVERHEAD_S = 3.0  # time of a check without its sampling
AUDIT_SHARE, MIN_AUDITED = 0.15, 20  # largest share of the time that the audit at the end may take; fewest tiles
# An audit denoises each tile at three noise levels with four draws, by two networks, in single precision; a call takes
# about half the time of an image in training.
AUDIT_CALLS, AUDIT_CALL_SHARE = 24, 0.5
MIN_STEPS = 20
TRIAL_STEPS, TRIAL_S = 8, 15.0  # length of the timing run: whichever limit is reached first


def seconds_per_step(training: "GeneratorTraining", tiles: "NDArray[np.uint8]", labels: "NDArray[np.integer]") -> float:
    """Median time of a training step on this machine, in s. The GeneratorTraining is used up by it."""
    times, started = [], time.monotonic()
    last = started
    for progress in training.run(tiles, labels):
        now = time.monotonic()
        times.append(now - last)
        last = now
        if progress.step >= TRIAL_STEPS or now - started > TRIAL_S:
            break
    # The first step includes set-up.
    steady = sorted(times[1:] or times)
    return steady[len(steady) // 2]


def plan_for(
    plan: "GeneratorTrainingPlan",
    minutes: float,
    step_s: float,
    *,
    images: int,
    most: int = MAX_CHECKS,
    used_s: float = 0.0,
) -> "tuple[GeneratorTrainingPlan, int]":
    """Plan and number of checks that fill this many minutes, from the start of the job to its finished model.

    step_s: time of a step of plan.batch images. images: generated at a check. most: largest number of checks. used_s:
    time spent on preparation, and still to be spent on it, before the first step.
    """
    check_s = OVERHEAD_S + images * CALLS * SAMPLE_SHARE * step_s / plan.batch
    seconds = max(0.0, 60 * minutes - used_s)
    # Plus one check at the start, and one with twice as many, new images at the end.
    number = min(most, max(MIN_CHECKS, int(CHECK_SHARE * seconds / check_s) - 3))
    steps = max(MIN_STEPS, int((seconds - (number + 3) * check_s) / step_s))
    return replace(plan, images=steps * plan.batch), number


def audited_tiles(minutes: float, image_s: float, *, most: int) -> int:
    """Tiles of each set that an audit can compare in its share of this time. image_s: of one image in training."""
    tiles = int(AUDIT_SHARE * 60 * minutes / max(1e-9, audit_seconds(1, image_s)))
    return min(most, max(MIN_AUDITED, tiles))


def audit_seconds(tiles: int, image_s: float) -> float:
    """Estimated time of an audit of so many tiles of each set, in s. image_s: of one image in training."""
    return 2 * tiles * AUDIT_CALLS * AUDIT_CALL_SHARE * image_s


def with_fitting_warmup(plan: "GeneratorTrainingPlan") -> "GeneratorTrainingPlan":
    """The plan with a warm-up of at most a tenth of its steps."""
    return replace(plan, warmup_steps=max(1, min(plan.warmup_steps, plan.steps // 10)))
