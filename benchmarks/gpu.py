"""Is the GPU kept busy? Images per second of the published loop and of ours, of training and of classification.

    python benchmarks/gpu.py [--seconds 15] [--device cuda|cpu] [--toy]

One script of less than five minutes for a machine with a GPU; its figures stand beside the card's name. Each line is
warmed up, then timed for --seconds: items per second, and the share of a further second in which the GPU computes (the
union of its kernels, by torch.profiler). The published loop, with random weights in float32 with TF32, is timed call by
call and extrapolated to the 500 calls of an image; ours are whole images of the shipped generator, seed to uint8, at
the calibrated call size. --toy: tiny networks and batches, for a test of this script on a CPU, whose figures mean
nothing.

Exit status 1 on a GPU where a goal is missed: 5,000 standard images per second (of an H100-class card), 100 times the
published loop, busy for 80 % of the time.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from _large_classification import ROOT

from svp_core.classifier import resnet
from svp_core.classifier import training_loop as classifier_training
from svp_core.generator import published, sampling, throughput, training_loop, unet
from svp_core.model_files import find_model_folder

GOAL_RATE, GOAL_RATIO, GOAL_BUSY = 5_000, 100, 0.8
PUBLISHED_BATCH = {"cuda": 256, "cpu": 1}
BATCHES = 8  # network calls of a run of ours
TRAINING_BATCH = 256
TILES = 8_192  # classified at once


@dataclass(frozen=True)
class Work:
    """Something to time."""

    name: str
    step: Callable[[], float]  # does some work; number of images that it was


def main() -> int:
    """Time everything and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each line")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--toy", action="store_true", help="tiny networks, to test the script")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{card}, torch {torch.__version__}{', toy size' if options.toy else ''}")
    rates, busy = {}, {}
    for work in all_work(device, options.toy):
        rates[work.name], busy[work.name] = measure(work, options.seconds, device)
        share = "" if busy[work.name] is None else f", GPU computes {busy[work.name]:.0%} of the time"
        print(f"  {work.name:<24} {rates[work.name]:>12,.4g} images/s{share}", flush=True)
    ratio = rates["standard"] / rates["published loop"]
    print(f"standard : published loop {ratio:,.0f} : 1; preview {rates['preview'] / rates['published loop']:,.0f} : 1")
    return 0 if device.type == "cpu" else report_goals(rates["standard"], ratio, busy)


def report_goals(rate: float, ratio: float, busy: dict[str, float | None]) -> int:
    """Print which goals are missed; exit status."""
    idle = [f"{name} busy {share:.0%}" for name, share in busy.items() if share is not None and share < GOAL_BUSY]
    missed = [f"{rate:,.0f} standard images/s (goal {GOAL_RATE:,})"] * (rate < GOAL_RATE)
    missed += [f"{ratio:.0f} : 1 (goal {GOAL_RATIO})"] * (ratio < GOAL_RATIO) + idle
    print("All goals are met." if not missed else f"Missed: {'; '.join(missed)}")
    return 1 if missed else 0


def measure(work: Work, seconds: float, device: torch.device) -> tuple[float, float | None]:
    """(images per second, share of the time in which the GPU computes; None on a CPU)."""
    work.step()
    wait_for(device)
    start, images = time.perf_counter(), 0.0
    while time.perf_counter() - start < seconds or not images:
        images += work.step()
        wait_for(device)
    rate = images / (time.perf_counter() - start)
    return rate, busy_share(work, device) if device.type == "cuda" else None


def busy_share(work: Work, device: torch.device) -> float:
    """Share of about a second of work in which at least one kernel runs."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        start = time.perf_counter()
        while time.perf_counter() - start < 1:
            work.step()
        wait_for(device)
        elapsed_us = 1e6 * (time.perf_counter() - start)
    spans = sorted((event.time_range.start, event.time_range.end) for event in profiler.events() or ())
    return covered(spans) / elapsed_us


def covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of these spans, sorted by their start."""
    total, until = 0.0, -np.inf
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return float(total)


def wait_for(device: torch.device) -> None:
    """Until everything queued is computed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def all_work(device: torch.device, toy: bool) -> Iterator[Work]:
    """What is timed, one after the other, so that only one holds the GPU's memory."""
    yield Work("published loop", published_loop(device, toy))
    generator = our_generator(device, toy)
    size = 4 if toy else throughput.calibrate(generator, most_threads=torch.get_num_threads()).call_size
    for key in ("standard", "preview"):
        yield Work(key, whole_images(generator, key, size, calls=2 if toy else BATCHES))
    yield Work("training, generator", generator_steps(generator.config, device, toy))
    classifier = our_classifier(device, toy)
    yield Work("training, classifier", classifier_steps(classifier.config, device, toy))
    tiles = sample_tiles(16 if toy else TILES)

    def classify() -> float:
        return len(resnet.predict_probs(classifier, tiles))

    yield Work("classification", classify)


def published_loop(device: torch.device, toy: bool) -> Callable[[], float]:
    """Calls of the published network as its loop makes them; a fraction of an image each."""
    batch, calls = (1 if toy else PUBLISHED_BATCH[device.type]), (1 if toy else 20)
    model = published.build_published().to(device)

    def steps() -> Iterator[object]:
        while True:
            yield from published.ancestral_steps(model, lambda: torch.randn(batch, 1, 64, 64, device=device))

    denoising = steps()

    def step() -> float:
        for _ in range(calls):
            next(denoising)
        return calls * batch / published.STEPS

    return step


def whole_images(generator: unet.Generator, sampler: str, size: int, *, calls: int) -> Callable[[], float]:
    """Images from their seeds to uint8; every step has other seeds."""
    runs = iter(range(10**9))

    def step() -> float:
        seeds = sampling.image_seeds(next(runs), calls * size)
        batches = sampling.sample_tiles(
            generator, generator.class_keys[0], seeds=seeds, sampler=sampler, call_size=size
        )
        return sum(len(tiles) for _, tiles in batches)

    return step


def generator_steps(config: unet.GeneratorConfig, device: torch.device, toy: bool) -> Callable[[], float]:
    """Steps of a generator's training."""
    batch, steps = (4, 1) if toy else (TRAINING_BATCH, 10)
    plan = training_loop.GeneratorTrainingPlan(images=10**9, batch=batch)
    tiles = sample_tiles(960)
    labels = np.arange(len(tiles)) % len(config.class_keys)
    progress = training_loop.GeneratorTraining(config, plan, device=device).run(tiles, labels)

    def step() -> float:
        for _ in range(steps):
            next(progress)
        return steps * batch

    return step


def classifier_steps(config: resnet.ClassifierConfig, device: torch.device, toy: bool) -> Callable[[], float]:
    """Steps of a classifier's training; it is not evaluated meanwhile."""
    batch, steps = (4, 1) if toy else (TRAINING_BATCH, 10)
    plan = classifier_training.ClassifierTrainingPlan(batch=batch, steps=10**9, checks=1)
    tiles = sample_tiles(960)
    labels = np.arange(len(tiles)) % len(config.class_keys)
    held_out = tiles[:30], labels[:30]
    progress = classifier_training.train(config, plan, tiles, labels, validation=held_out, device=device)

    def step() -> float:
        for _ in range(steps):
            next(progress)
        return steps * batch

    return step


def our_generator(device: torch.device, toy: bool) -> unet.Generator:
    """The shipped generator; toy: a tiny untrained one."""
    if not toy:
        return unet.load_generator(find_model_folder("generator"), device=device)
    config = unet.GeneratorConfig(("protein", "silicone_oil"), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32))
    return unet.Generator(unet.build_unet(config).to(device).eval(), config, None, device)


def our_classifier(device: torch.device, toy: bool) -> resnet.Classifier:
    """The shipped ResNet-18; toy: an untrained one."""
    if not toy:
        return resnet.load_classifier(find_model_folder("resnet18"), device=device)
    config = resnet.ClassifierConfig(("protein", "silicone_oil"))
    return resnet.Classifier(resnet.build_classifier(config).to(device).eval(), config, None, device)


def sample_tiles(count: int) -> np.ndarray:
    """`count` tiles, uint8 (N, 64, 64): those of the sample data, repeated."""
    tiles = np.load(ROOT / "sample_data" / "tiles.npy")
    return np.resize(tiles, (count, *tiles.shape[1:]))


if __name__ == "__main__":
    sys.exit(main())
