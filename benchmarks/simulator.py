"""How many particles the simulator draws per second and core, by kind and pixel size.

    python benchmarks/simulator.py [--images 20] [--rounds 2] [--law usual]

CPU time of one thread, whole images from the seed to uint8, redraws of what no instrument would have detected included.
Every image is drawn in every round and its smallest time counts, since other programs slow even CPU time down. The
seeds are always the same. The average takes every kind that generator and classifier learn, at every pixel size, alike.

Exit code 1 if the average is below 5 images per second and core.
"""

import argparse
import os
import sys
import time

# One thread, or the figure is not one core's; must be set before numpy is loaded.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

from svp_core.optics.scenes import KINDS, LAWS, particle_seed, simulate
from svp_core.particle_classes import CLASSES

TARGET = 5.0  # images per second and core
RUN_SEED = 11


def cpu_seconds(kind, um_per_px, law, images, rounds):
    """CPU seconds of each image, (images,): the smallest of all rounds."""
    spent = np.empty((rounds, images))
    for each in range(rounds):
        for k in range(images):
            start = time.thread_time()
            simulate(kind, particle_seed(RUN_SEED, k), um_per_px=um_per_px, law=LAWS[law])
            spent[each, k] = time.thread_time() - start
    return spent.min(axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20, help="of each kind at each pixel size")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--law", choices=LAWS, default="usual")
    wanted = parser.parse_args()

    sizes = LAWS[wanted.law].pixel_sizes_um
    simulate("protein", 0)  # load what is loaded on first use
    print(f"images per second, one core; law {wanted.law}, {wanted.images} images each, best of {wanted.rounds} rounds")
    print(f"{'':14}" + "".join(f"{size:>9.2f}" for size in sizes) + "  um/px      all   slowest image")
    means = {}
    for kind in KINDS:
        cells = [cpu_seconds(kind, size, wanted.law, wanted.images, wanted.rounds) for size in sizes]
        means[kind] = float(np.mean(cells))
        line = "".join(f"{1 / cell.mean():9.1f}" for cell in cells)
        print(f"{kind:14}{line}{1 / means[kind]:16.1f}{np.max(cells):14.2f} s", flush=True)
    keys = [each.key for each in CLASSES]
    average = 1 / np.mean([means[key] for key in keys])
    print(f"average of {', '.join(keys)}: {average:.1f} images per second and core ({TARGET:.0f} wanted)")
    return int(average < TARGET)


if __name__ == "__main__":
    sys.exit(main())
