"""Rate of the simulator: images per second and core, by kind of particle and pixel size.

    python benchmarks/simulator.py [--images 20] [--rounds 2] [--law usual]

CPU time of one thread, for whole images from the seed to uint8, including redraws of particles that no instrument would
have detected. Every image is simulated in every round and its smallest time counts, because other programs slow down
even CPU time. The seeds are fixed. The average weights all classes of the shipped models and all pixel sizes equally.

Exit code 1 if the average is below 5 images per second and core.
"""

import argparse
import os
import sys
import time

# One thread, so that the rate is that of one core; must be set before numpy is loaded.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

from svp_core.optics.imaging_conditions import LAWS
from svp_core.optics.scenes import KINDS, particle_seed, simulate
from svp_core.particle_classes import CLASSES

TARGET = 5.0  # images per second and core
RUN_SEED = 11


def cpu_seconds(kind, um_per_px, law, images, rounds):
    """CPU seconds per image, (images,): the smallest of all rounds."""
    seconds = np.empty((rounds, images))
    for number in range(rounds):
        for k in range(images):
            start = time.thread_time()
            simulate(kind, particle_seed(RUN_SEED, k), um_per_px=um_per_px, law=LAWS[law])
            seconds[number, k] = time.thread_time() - start
    return seconds.min(axis=0)


def main():
    """Measure and print; exit code 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=20, help="images of each kind at each pixel size")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--law", choices=LAWS, default="usual")
    options = parser.parse_args()

    sizes = LAWS[options.law].pixel_sizes_um
    simulate("protein", 0)  # warm-up
    print(
        f"images per second, one core; law {options.law}, {options.images} images each, best of {options.rounds} rounds"
    )
    print(f"{'':14}" + "".join(f"{size:>9.2f}" for size in sizes) + "  um/px      all   slowest image")
    means = {}
    for kind in KINDS:
        cells = [cpu_seconds(kind, size, options.law, options.images, options.rounds) for size in sizes]
        means[kind] = float(np.mean(cells))
        line = "".join(f"{1 / cell.mean():9.1f}" for cell in cells)
        print(f"{kind:14}{line}{1 / means[kind]:16.1f}{np.max(cells):14.2f} s", flush=True)
    keys = [particle.key for particle in CLASSES]
    average = 1 / np.mean([means[key] for key in keys])
    print(f"average of {', '.join(keys)}: {average:.1f} images per second and core (target: {TARGET:.0f})")
    return int(average < TARGET)


if __name__ == "__main__":
    sys.exit(main())
