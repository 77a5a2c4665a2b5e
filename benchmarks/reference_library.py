"""Library of simulated instruments for the matched reference: writes weights/reference_library.

    python benchmarks/reference_library.py [--instruments 40] [--each 10] [--small 6] [--particles FOLDER] [--part 0/2]

Draws --instruments instruments per magnification from the usual law, of a set that no model is trained or judged on,
and --each particles a class on each (of "other" half opaque pieces, half cells), with --small more of the law "small",
since the usual one hardly has droplets below ten pixels; stores their images without noise and their truth. Nothing in
it depends on a classifier; run benchmarks/novelty_calibration.py afterwards, whose files point to its rows. With --part
only that share of the instruments is simulated, and nothing is written.
"""

import argparse
import sys

import numpy as np
from _drawn_instruments import KINDS_OF, add_particles_folder, class_of, pool

from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.particle_classes import all_keys
from svp_core.reference_library.library import FOLDER, LEVELS, Library, write_library

ENTROPY = 7300  # of this set of instruments


def per_kind(each):
    """Kind -> particles per instrument, for `each` of every class."""
    kinds = {key: KINDS_OF.get(key, (key,)) for key in all_keys()}
    return {kind: each // len(of_class) for of_class in kinds.values() for kind in of_class}


def pools_of(magnification, numbers, options):
    """Pools of these instruments: the usual particles of all of them, then the small ones.

    New kinds of particles come last: calibrations point to their particles by row (KnownExamples.library).
    """
    return [
        pool(options.particles, ENTROPY, magnification, number, per_kind(each), small=small)
        for each, small in ((options.each, False), (options.small, True))
        for number in numbers
    ]


def main():
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--instruments", type=int, default=40, help="per magnification")
    parser.add_argument("--each", type=int, default=10, help="particles per class and instrument")
    parser.add_argument("--small", type=int, default=6, help="small ones besides, per class and instrument")
    add_particles_folder(parser)
    parser.add_argument("--part", default="", metavar="I/N", help="simulate every Nth instrument only, write nothing")
    options = parser.parse_args()
    every = [(magnification, number) for number in range(options.instruments) for magnification in MAGNIFICATIONS]
    if options.part:
        part, parts = map(int, options.part.split("/"))
        for magnification, number in every[part::parts]:
            pools_of(magnification, [number], options)
        return
    for magnification in MAGNIFICATIONS:
        pools = pools_of(magnification, range(options.instruments), options)
        truth = [one for each in pools for one in each.truth]
        library = Library(
            magnification,
            np.concatenate([each.images for each in pools]).astype(np.float32) / np.float32(LEVELS),
            tuple(class_of(one["kind"]) for one in truth),
            np.repeat([each.number for each in pools], [len(each.truth) for each in pools]),
            np.array([one["um_per_px"] for one in truth]),
            np.array([one["diameter_um"] for one in truth]),
        )
        size = write_library(FOLDER, library)
        print(f"{magnification}: {len(truth):,} particles of {options.instruments} instruments, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
