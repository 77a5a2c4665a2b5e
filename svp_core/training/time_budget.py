"""How much can be trained in a given time on this machine: measured first, then planned."""

import time
from dataclasses import replace

LEAST_MINUTES, MOST_MINUTES = 2, 7 * 24 * 60
MOST_CHECKS, LEAST_CHECKS = 10, 3
CHECK_SHARE = 0.2  # of the time, at most, goes into looking how far it is
CALLS = 16  # denoising steps of a check's images, of the standard sampler
SAMPLE_SHARE = 0.45  # time of a network call in sampling, of that of an image in training; guidance included
OVERHEAD_S = 3.0  # of a check besides its sampling
MIN_STEPS = 20
TRIAL_STEPS, TRIAL_S = 8, 15.0  # of training, to time it; the shorter ends it


def seconds_a_step(training, tiles, labels):
    """Time of a training step here, s: the median of a few. The Training is spent by it."""
    times, begun = [], time.monotonic()
    last = begun
    for progress in training.run(tiles, labels):
        now = time.monotonic()
        times.append(now - last)
        last = now
        if progress.step >= TRIAL_STEPS or now - begun > TRIAL_S:
            break
    # The first is spent on getting ready.
    counted = sorted(times[1:] or times)
    return counted[len(counted) // 2]


def plan_for(plan, minutes, step_s, *, made, most=MOST_CHECKS):
    """(TrainingPlan, number of checks) that fill so many minutes.

    step_s: time of a step of plan.batch images. made: images made at a check. most: checks.
    """
    check_s = OVERHEAD_S + made * CALLS * SAMPLE_SHARE * step_s / plan.batch
    # One check more at the start, and one on fresh images, twice as many, at the end.
    number = min(most, max(LEAST_CHECKS, int(CHECK_SHARE * 60 * minutes / check_s) - 3))
    steps = max(MIN_STEPS, int((60 * minutes - (number + 3) * check_s) / step_s))
    return replace(plan, images=steps * plan.batch), number


def with_fitting_warmup(plan):
    """The plan with a warm-up that suits its length."""
    return replace(plan, warmup_steps=max(1, min(plan.warmup_steps, plan.steps // 10)))
