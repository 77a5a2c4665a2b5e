"""How our figures of a FlowCam run lie beside the instrument's own, particle by particle.

    python benchmarks/instrument_measures.py [RUN_FOLDER]        (default ../shared/real/flowcam_run)

From the instrument's own masks, twice: by flowcam_measures, which computes what FlowCam computes (fringe off, caliper
widths rounded in the camera frame), and by morphology.measure, whose figures stand in results.csv, with the fringe
taken off. Then from our own segmentation: the diameter (ECD) beside that of the instrument's mask, its holes filled.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_fill_holes

ROOT = Path(__file__).resolve().parents[1]

from svp_core.instruments.detect import read_particles
from svp_core.instruments.flowcam import measures
from svp_core.morphology import measure

# Export name: (in flowcam_measures, in measure(), whether a length, tolerance, in px or else as a share)
FIGURES = {
    "Diameter (ABD)": ("abd_diameter", "ecd_px", True, 0.005, False),
    "Aspect Ratio": ("Aspect Ratio", "aspect_ratio", False, 0.005, False),
    "Circularity": ("Circularity", "circularity", False, 0.005, False),
    "Diameter (ESD)": ("esd_diameter", "esd_px", True, 0.02, False),
    "Length": ("length", "feret_max_px", True, 1.0, True),
    "Width": ("width", "feret_min_px", True, 1.0, True),
}


def compared(record):
    """{export name: (FlowCam's, by its formulas, by ours)} of one particle; lengths in um."""
    given, scale, fringe = record.columns, record.um_per_px, record.columns["fringe_size"]
    theirs = measures.measure_particle(
        record.pixels, record.mask, left=given["src_x"], top=given["src_y"], um_per_px=scale, fringe_px=fringe
    )
    theirs |= measures.derived_measures({**theirs, "cal_const": scale})
    ours, found = measure(record.pixels, mask=record.mask), {}
    for name, (formula, key, length, *_) in FIGURES.items():
        if name in given:
            value = measures.subtract_fringe(ours[key], fringe) * scale if length else ours[key]
            found[name] = float(given[name]), theirs[formula], value
    return found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, default=ROOT.parent / "shared" / "real" / "flowcam_run")
    records = [record for record in read_particles(parser.parse_args().run) if record.mask is not None]
    if not records:
        sys.exit("This run has no masks to compare with.")
    pairs = [compared(record) for record in records]
    scales = np.array([record.um_per_px for record in records])
    print(f"{len(records):,} particles; share within the tolerance, and the largest difference")
    print(f"  {'':16}{'tolerance':>10}{'FlowCam formulas':>24}{'measure(), fringe off':>26}")
    for name, (*_, most, in_px) in FIGURES.items():
        rows = np.array([pair[name] for pair in pairs if name in pair])
        if not len(rows):
            continue
        cells = []
        for at in (1, 2):
            apart = rows[:, at] - rows[:, 0]
            off = np.abs(apart / scales if in_px else apart / rows[:, 0])
            largest = f"{off.max():.2f} px" if in_px else f"{off.max():.2%}"
            cells.append(f"{np.mean(off <= most):.1%}, {largest}")
        print(f"  {name:16}{f'{most:g} px' if in_px else f'{most:.1%}':>10}{cells[0]:>24}{cells[1]:>26}")
    own = [measure(record.pixels)["ecd_px"] for record in records]
    theirs = np.array([measure(record.pixels, mask=binary_fill_holes(record.mask))["ecd_px"] for record in records])
    found = np.array([one is not None for one in own])
    error = np.array([one for one in own if one is not None]) / theirs[found] - 1
    print(f"Own segmentation: {found.mean():.1%} of the particles found; ECD beside that of the instrument's mask:")
    print(f"  median {np.median(error):+.1%}, median without sign {np.median(np.abs(error)):.1%}")
    for low, high in ((0, 6.5), (6.5, 10), (10, 20), (20, np.inf)):
        mine = (theirs[found] >= low) & (theirs[found] < high)
        if mine.any():
            print(
                f"  {low:4g} to {high:4g} px  n = {mine.sum():4}: {np.median(error[mine]):+.1%}, "
                f"{np.median(np.abs(error[mine])):.1%}"
            )


if __name__ == "__main__":
    main()
