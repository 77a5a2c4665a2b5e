"""How many images share a network call, and how many threads compute it: measured where it will run, in seconds.

More images a call cost less each, but a network may round differently then. A larger call is therefore taken only where
it gives the very same output as the usual one, so that a seed gives the same image in every order.
"""

import time
from dataclasses import dataclass

import torch

SIZES = {"cpu": (8, 16, 32, 64), "cuda": (128, 256, 512, 1024)}
ROUNDS = 3
GAIN = 0.95  # a larger call or another thread has to bring it below this share of the time to be taken


@dataclass(frozen=True)
class Throughput:
    """One way to run a network, and what it costs."""

    call_size: int  # images in a call
    threads: int  # of the processor; on a GPU those that are set already
    image_ms: float  # one image in one call, wall time


def calibrate(generator, *, most_threads):
    """The quickest Pace for one of our generators on its device, beginning at the usual call size on one thread.

    Takes some twenty network calls. Leaves torch's number of threads as it was.
    """
    before, device = torch.get_num_threads(), generator.device.type
    usual, *larger = SIZES[device]
    try:
        best = None
        for threads in _thread_counts(most_threads) if device == "cpu" else (before,):
            torch.set_num_threads(threads)
            found, expected = _timed(generator, usual)
            if best is None or found < GAIN * best.image_ms:
                best = Throughput(usual, threads, found)
        torch.set_num_threads(best.threads)
        for size in larger:
            found, output = _timed(generator, size)
            if not torch.equal(output[:usual], expected):
                break
            if found < GAIN * best.image_ms:
                best = Throughput(size, best.threads, found)
        return best
    finally:
        torch.set_num_threads(before)


def _thread_counts(most):
    """1, 2, 4, ... and the most itself."""
    return sorted({2**power for power in range(most.bit_length())} | {most})


@torch.inference_mode()
def _timed(generator, size):
    """(ms an image, output) of a call of so many images; the first images are always the same."""
    config = generator.config
    side, source = config.tile_px // config.patch, torch.Generator().manual_seed(0)
    scaled = torch.randn(size, config.patch**2, side, side, generator=source).to(generator.device)
    labels, times = torch.zeros(size, dtype=torch.long, device=generator.device), []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        said = [generator.output(scaled, torch.tensor(0.1), labels)]
        if generator.guide:
            said.append(generator.guide_output(scaled, torch.tensor(0.1), labels))
        output = torch.cat(said, 1).cpu()  # on its way back it waits for the GPU
        times.append(time.perf_counter() - start)
    return 1000 * min(times[1:]) / size, output
