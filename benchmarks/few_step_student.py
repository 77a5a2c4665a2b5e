"""A student of the shipped generator that needs four network calls per image: is it good enough to ship?

    python benchmarks/few_step_student.py --folder FOLDER [--trajectories 4000] [--images 100000] [--count 1000]

The student is the same network, started from the teacher's weights and trained to make in one call what the teacher's
sampler "standard" makes in several: from the image where one of STEPS starts to the same image at the next one's noise
level, with the guidance that the teacher pays a second call for (distillation by segments of the trajectory, as
progressive distillation, Salimans and Ho 2022, arXiv 2202.00512, all segments at once). It learns from --trajectories
of the teacher per class, whose seeds are used for nothing else, shown --images times in all with flips and quarter
turns.

Printed are teacher, student and the teacher's own sampler with as many steps, each against the same held-out simulated
particles (--count per class): the metrics that decide, the limits they have to keep, and the processor time per image
in float32 against the published loop. Exit status 1 where the student does not keep the limits. What is finished is
kept in --folder and not done again. By default about one and a half hours of one core.
"""

import argparse
import functools
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from generation import cpu_seconds_per_image, published_steps
from generator_quality import HELD_OUT_SEED, MADE_SEED, simulated, tell
from numpy.typing import NDArray

from svp_core.device import fast_arithmetic
from svp_core.generator import published, samplers, sampling, unet
from svp_core.generator.pipeline import edm_scheduler
from svp_core.model_files import find_model_folder
from svp_core.near_duplicates import orient
from svp_core.progress import run_to_end
from svp_core.quality import compare

TEACHER = samplers.SAMPLERS["standard"]
STEPS = (0, 7, 9, 11)  # of the teacher, where the student's calls start: noise levels 80, 4.3, 1.5 and 0.49
TRAJECTORY_SEED = 900
CHUNK = 64  # trajectories of a task
BATCH, LEARNING_RATE, WARMUP_STEPS, EMA_GAMMA = 32, 3e-4, 100, 6.94
CALL_SIZE = 16
KID_RATIO, SPEED_RATIO = 1.3, 1000  # the student's KID at most, and the published loop's time at least, in such parts
SHAPE = ("shape", "roundness", "large")  # metrics in which the student lies within the teacher's interval
SHOWN = ("kid", *SHAPE, "texture", "brightness", "recall", "told_apart")
CPU = torch.device("cpu")


def main() -> int:
    """Draw trajectories, train, generate, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where trajectories, student and tiles are kept")
    parser.add_argument("--trajectories", type=int, default=4000, help="of the teacher, per class")
    parser.add_argument("--images", type=int, default=100_000, help="shown to the student in all")
    parser.add_argument("--count", type=int, default=1000, help="images per class that are measured")
    parser.add_argument("--rounds", type=int, default=5, help="of timing")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    teacher = unet.load_generator(find_model_folder("generator"), device=CPU)
    student = trained_student(teacher, folder, options.trajectories, options.images)

    held_out = {key: simulated(key, 2 * options.count, HELD_OUT_SEED, folder) for key in teacher.class_keys}
    few = len(STEPS)
    makers = {
        f"teacher, {TEACHER.steps} steps": functools.partial(teacher_tiles, teacher, steps=TEACHER.steps),
        f"student, {few} calls": functools.partial(student_tiles, student),
        f"teacher, {few} steps": functools.partial(teacher_tiles, teacher, steps=few),
    }
    figures = {name: measure(name, make, held_out, options.count, folder) for name, make in makers.items()}
    print_figures(figures)
    cost = speed(teacher, student, options.rounds)
    of_teacher, of_student, _ = figures.values()
    missed = list(broken_limits(of_teacher, of_student, cost))
    print("Limits: " + ("all kept." if not missed else "not kept: " + "; ".join(missed) + "."))
    return 1 if missed else 0


def trained_student(teacher: unet.Generator, folder: Path, trajectories: int, images: int) -> unet.Generator:
    """The student of this teacher, trained where `folder` does not hold it."""
    path = folder / f"student_{trajectories}_{images}.pt"
    network = unet.build_unet(unet.guide_config(teacher.config)).eval()
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        states = {key: drawn_trajectories(teacher, key, trajectories, folder) for key in teacher.class_keys}
        network.load_state_dict(teacher.model.state_dict())
        network = train(network, teacher, list(states.values()), images)
        torch.save(network.state_dict(), path)
    return unet.Generator(network, unet.guide_config(teacher.config), None, CPU)


def drawn_trajectories(teacher: unet.Generator, key: str, count: int, folder: Path) -> NDArray[np.float32]:
    """States of the teacher's images at the noise levels of STEPS and at their end: (count, len(STEPS) + 1, 4, 32, 32).

    A whole number of CHUNKs, at least one.
    """
    path = folder / f"trajectories_{key}_{count}.npy"
    if not path.is_file():
        run_seed = TRAJECTORY_SEED + teacher.class_keys.index(key)
        seeds = sampling.image_seeds(run_seed, max(CHUNK, count // CHUNK * CHUNK))
        chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
        states = []
        with ProcessPoolExecutor(initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for part in pool.map(functools.partial(_trajectories, key), chunks):
                states.append(part)
                tell(f"drawing trajectories of {key}: {len(states) * CHUNK:,} of {len(seeds):,}")
        np.save(path, np.concatenate(states))
    return np.load(path, mmap_mode="r")


def _trajectories(key: str, seeds: list[int]) -> NDArray[np.float32]:
    generator = unet.load_generator(find_model_folder("generator"), device=CPU)
    parts = []
    for start in range(0, len(seeds), CALL_SIZE):
        steps = TEACHER.denoise_steps(generator, key, seeds[start : start + CALL_SIZE], TEACHER.steps)
        kept = [step.noisy for step in steps if step.step in (*STEPS, TEACHER.steps)]
        parts.append(torch.stack(kept, dim=1).numpy())
    return np.concatenate(parts).astype(np.float32)


@functools.cache
def levels() -> list[float]:
    """Noise levels of STEPS, then 0."""
    scheduler = edm_scheduler(
        unet.GeneratorConfig.sigma_data, TEACHER.sigma_min, TEACHER.sigma_max, TEACHER.stochastic, TEACHER.rho
    )
    scheduler.set_timesteps(TEACHER.steps)
    return [*scheduler.sigmas[list(STEPS)].tolist(), 0.0]


def train(
    network: torch.nn.Module, teacher: unet.Generator, states: Sequence[NDArray[np.float32]], images: int
) -> torch.nn.Module:
    """The averaged weights (EMA) of the network after `images` images. states: per class, from drawn_trajectories."""
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=_power_average)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99), fused=True)
    steps = max(1, images // BATCH)
    for step in range(steps):
        loss = segment_loss(network, *_batch(step, states), teacher.config.sigma_data)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for group in optimiser.param_groups:
            cosine = 0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / WARMUP_STEPS) * cosine
        optimiser.step()
        average.update_parameters(network)
        if step % 100 == 0:
            tell(f"training: step {step:,} of {steps:,}, loss {loss.item():.4f}")
    return average.module


def _power_average(averaged, current, seen):
    # Power-function EMA (Karras et al. 2024, arXiv 2312.02696), as the teacher's.
    return averaged + (current - averaged) * (1 - (1 - 1 / (int(seen) + 1)) ** (EMA_GAMMA + 1))


def _batch(step: int, states: Sequence[NDArray[np.float32]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(states before and after a segment (BATCH, 2, 4, 32, 32), number of each one's segment, labels) of a step."""
    rng = np.random.default_rng([0, step])
    labels, segments = rng.integers(len(states), size=BATCH), rng.integers(len(STEPS), size=BATCH)
    pairs = [
        _turned(torch.from_numpy(states[k][rng.integers(len(states[k])), s : s + 2].copy()), int(rng.integers(8)))
        for k, s in zip(labels, segments, strict=True)
    ]
    return torch.stack(pairs), torch.from_numpy(segments), torch.from_numpy(labels)


def _turned(pair: torch.Tensor, which: int) -> torch.Tensor:
    """One of the 8 flips and quarter turns of both states: the teacher was trained with them, too."""
    return F.pixel_unshuffle(orient(F.pixel_shuffle(pair, 2), which), 2)


def segment_loss(
    network: torch.nn.Module, pairs: torch.Tensor, segments: torch.Tensor, labels: torch.Tensor, sigma_data: float
) -> torch.Tensor:
    """Mean squared error of the network's raw output, in which every noise level weighs the same (Karras et al. 2022).

    The output wanted is the one with which a step of first order leads from the first state to the second one.
    """
    sigmas = torch.tensor(levels()).reshape(-1, 1, 1, 1)
    sigma, ratio = sigmas[segments], (sigmas[1:] / sigmas[:-1])[segments]
    before, after = pairs.unbind(1)
    wanted = (after - ratio * before) / (1 - ratio)
    c_skip, c_out, c_in, c_noise = unet.preconditioning(sigma, sigma_data)
    with fast_arithmetic(CPU):
        inputs = (c_in * before).contiguous(memory_format=torch.channels_last)
        output = network(inputs, unet.TIME_SCALE * c_noise.flatten(), labels).sample
    return F.mse_loss(output.float(), (wanted - c_skip * before) / c_out)


@torch.inference_mode()
def student_tiles(student: unet.Generator, key: str, seeds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Tiles of the student, uint8 (n, 64, 64) per batch; the last batch is not filled up."""
    config, noise_levels = student.config, levels()
    mean, spread = config.level(label := config.class_keys.index(key))
    for start in range(0, len(seeds), CALL_SIZE):
        noise, own, _ = TEACHER.draw_start(student, seeds[start : start + CALL_SIZE])
        state, labels = noise * noise_levels[0] + mean + spread * own, torch.full((len(noise),), label)
        for sigma, following in itertools.pairwise(noise_levels):
            c_skip, c_out, c_in, c_noise = unet.preconditioning(torch.tensor(sigma), config.sigma_data)
            inputs = (c_in * state).contiguous(memory_format=torch.channels_last)
            clean = c_skip * state + c_out * student.predict(inputs, c_noise, labels)
            state = clean + following / sigma * (state - clean)
        yield student.to_tiles(state)


def teacher_tiles(
    teacher: unet.Generator, key: str, seeds: Sequence[int], *, steps: int
) -> Iterator[NDArray[np.uint8]]:
    """Tiles of the teacher with so many steps, uint8 (n, 64, 64) per batch."""
    for _, tiles in sampling.sample_tiles(teacher, key, seeds=seeds, sampler=TEACHER, steps=steps, call_size=CALL_SIZE):
        yield tiles


def measure(name, make, held_out, count, folder):
    """class -> metric -> entry of svp_core.quality, of the tiles that `make` gives for the same seeds."""
    tiles = {}
    for key in held_out:
        path = folder / f"{name.replace(', ', '_').replace(' ', '_')}_{key}_{count}.npy"
        if not path.is_file():
            tell(f"generating {count:,} x {key}: {name}")
            np.save(path, np.concatenate(list(make(key, sampling.image_seeds(MADE_SEED, count)))))
        tiles[key] = np.load(path)
    report = run_to_end(compare(real=held_out, synthetic=tiles), lambda progress: tell(f"measured {progress.message}"))
    return {key: section["figures"] for key, section in report["classes"].items()}


def print_figures(figures):
    """The metrics that decide: value and 95 % interval, by class and maker."""
    for metric in SHOWN:
        for key in next(iter(figures.values())):
            for name, by_class in figures.items():
                entry = by_class[key][metric]
                interval = f"({entry['low']:.4f} to {entry['high']:.4f})"
                print(f"{metric:<11} {key:<13} {name:<18} {entry['value']:8.4f} {interval}")


def speed(teacher, student, rounds):
    """Processor time per image of the published loop, of teacher and student, float32, one thread; prints them.

    Returns how many times the student's the published loop's is.
    """
    torch.set_num_threads(1)
    denoising, key = published_steps(published.build_published(), CALL_SIZE, CPU), teacher.class_keys[-1]

    def published_call():
        next(denoising)
        return CALL_SIZE / published.STEPS

    def whole(make):
        return sum(len(tiles) for tiles in make(key, sampling.image_seeds(0, 4 * CALL_SIZE)))

    timed = {
        "published": published_call,
        "teacher": functools.partial(whole, functools.partial(teacher_tiles, teacher, steps=TEACHER.steps)),
        "student": functools.partial(whole, functools.partial(student_tiles, student)),
    }
    with patch("svp_core.device.has_fast_bfloat16", return_value=False):
        costs = cpu_seconds_per_image(timed, rounds)
    for name, seconds in costs.items():
        print(f"{name:<10} {np.median(seconds):8.4f} s of one processor an image, float32")
    ratios = np.array(costs["published"]) / np.array(costs["student"])
    print(f"published : student {np.median(ratios):.0f} ({ratios.min():.0f} to {ratios.max():.0f}, {rounds} rounds)")
    return float(np.median(ratios))


def broken_limits(teacher, student, cost):
    """One sentence for every limit that the student does not keep."""
    for key, figures in student.items():
        kid, own = figures["kid"]["value"], teacher[key]["kid"]["value"]
        if kid > KID_RATIO * own:
            yield f"KID of {key} {kid:.4f}, more than {KID_RATIO} times the teacher's {own:.4f}"
        for metric in SHAPE:
            value, low, high = figures[metric]["value"], teacher[key][metric]["low"], teacher[key][metric]["high"]
            if not low <= value <= high:
                yield f"{metric} of {key} {value:.3f}, outside of the teacher's {low:.3f} to {high:.3f}"
    if cost < SPEED_RATIO:
        yield f"the published loop costs {cost:.0f} times as much, not {SPEED_RATIO:,}"


if __name__ == "__main__":
    sys.exit(main())
