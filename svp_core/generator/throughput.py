"""Calibrate images per network call and CPU threads by timing them on this machine.

Larger calls cost less per image, but a network may round differently then. A larger call is therefore used only where
it gives exactly the same output as the usual one, so that a seed gives the same image in every order.
"""

import time
from dataclasses import dataclass

import torch

from svp_core.generator.unet import Generator

SIZES = {"cpu": (8, 16, 32, 64), "cuda": (128, 256, 512, 1024)}  # images per call; the first is the usual one
ROUNDS = 3
GAIN = 0.95  # a larger call or another thread is used only where it costs less than this share of the time


@dataclass(frozen=True)
class Throughput:
    """One way to run a network, and its cost."""

    call_size: int  # images per call
    threads: int  # CPU threads; on a GPU the number that is set already
    image_ms: float  # wall time per image within a call


def calibrate(generator: Generator, *, most_threads: int) -> Throughput:
    """The fastest Throughput for one of our generators on its device, starting at the usual call size on one thread.

    Takes about twenty network calls. Leaves torch's number of threads unchanged.
    """
    before, device = torch.get_num_threads(), generator.device.type
    usual, *larger = SIZES[device]
    thread_counts = _thread_counts(most_threads) if device == "cpu" else [before]
    try:
        best, usual_output = None, torch.empty(0)
        for threads in thread_counts:
            torch.set_num_threads(threads)
            image_ms, usual_output = _timed(generator, usual)
            if best is None or image_ms < GAIN * best.image_ms:
                best = Throughput(usual, threads, image_ms)
        assert best is not None, "at least one number of threads is timed"
        torch.set_num_threads(best.threads)
        for size in larger:
            try:
                image_ms, output = _timed(generator, size)
            except torch.OutOfMemoryError:  # of a GPU: a larger call does not fit either
                break
            if not torch.equal(output[:usual], usual_output):
                break
            if image_ms < GAIN * best.image_ms:
                best = Throughput(size, best.threads, image_ms)
        return best
    finally:
        torch.set_num_threads(before)


def _thread_counts(most):
    """1, 2, 4, ... and `most` itself."""
    return sorted({2**power for power in range(most.bit_length())} | {most})


@torch.inference_mode()
def _timed(generator, size):
    """(ms per image, output) of a call of this many images; the first images are always the same."""
    config = generator.config
    side, source = config.tile_px // config.patch, torch.Generator().manual_seed(0)
    scaled = torch.randn(size, config.patch**2, side, side, generator=source).to(generator.device)
    labels, times = torch.zeros(size, dtype=torch.long, device=generator.device), []
    output = scaled
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        outputs = [generator.predict(scaled, torch.tensor(0.1), labels)]
        if generator.guide:
            outputs.append(generator.predict_guide(scaled, torch.tensor(0.1), labels))
        output = torch.cat(outputs, 1).cpu()  # the copy waits for the GPU
        times.append(time.perf_counter() - start)
    return 1000 * min(times[1:]) / size, output
