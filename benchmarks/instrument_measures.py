"""Our measures of a FlowCam run compared with the instrument's own, particle by particle.

    python benchmarks/instrument_measures.py [RUN_FOLDER]        (default ../shared/real/flowcam_run)

From the instrument's own masks, twice: by instruments.flowcam.measures, which follows FlowCam's formulas (fringe
subtracted, caliper widths rounded in the camera frame), and by morphology.measure, whose values are in results.csv,
with the fringe subtracted. Then the diameter (ECD) of our own outlines compared with that of the instrument's mask,
holes filled: by the run's thresholds, as particles without a mask are measured, and by segment(), which knows no run.
"""

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.ndimage import binary_fill_holes

ROOT = Path(__file__).resolve().parents[1]

from svp_core.instruments.detect import read_particles
from svp_core.instruments.flowcam import measures
from svp_core.morphology import measure

# Name in exports: (name in flowcam.measures, in measure(), is a length, tolerance, in px rather than relative)
COMPARED = {
    "Diameter (ABD)": ("abd_diameter", "ecd_px", True, 0.005, False),
    "Aspect Ratio": ("Aspect Ratio", "aspect_ratio", False, 0.005, False),
    "Circularity": ("Circularity", "circularity", False, 0.005, False),
    "Diameter (ESD)": ("esd_diameter", "esd_px", True, 0.02, False),
    "Length": ("length", "feret_max_px", True, 1.0, True),
    "Width": ("width", "feret_min_px", True, 1.0, True),
}


def compare(record):
    """{name in exports: (FlowCam's value, by its formulas, by ours)} of one particle; lengths in um."""
    columns, scale, fringe = record.columns, record.um_per_px, record.columns["fringe_size"]
    by_formulas = measures.measure_particle(
        record.pixels, record.mask, left=columns["src_x"], top=columns["src_y"], um_per_px=scale, fringe_px=fringe
    )
    by_formulas |= measures.derived_measures({**by_formulas, "cal_const": scale})
    ours, values = measure(record.pixels, mask=record.mask), {}
    for name, (formula, key, length, *_) in COMPARED.items():
        if name in columns:
            value = measures.subtract_fringe(ours[key], fringe) * scale if length else ours[key]
            values[name] = float(columns[name]), by_formulas[formula], value
    return values


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", nargs="?", type=Path, default=ROOT.parent / "shared" / "real" / "flowcam_run")
    records = [record for record in read_particles(parser.parse_args().run) if record.mask is not None]
    if not records:
        sys.exit("This run has no masks.")
    pairs = [compare(record) for record in records]
    scales = np.array([record.um_per_px for record in records])
    print(f"{len(records):,} particles; share within the tolerance, and the largest difference")
    print(f"  {'':16}{'tolerance':>10}{'FlowCam formulas':>24}{'measure(), no fringe':>26}")
    for name, (*_, tolerance, in_px) in COMPARED.items():
        rows = np.array([pair[name] for pair in pairs if name in pair])
        if not len(rows):
            continue
        cells = []
        for column in (1, 2):
            difference = rows[:, column] - rows[:, 0]
            error = np.abs(difference / scales if in_px else difference / rows[:, 0])
            largest = f"{error.max():.2f} px" if in_px else f"{error.max():.2%}"
            cells.append(f"{np.mean(error <= tolerance):.1%}, {largest}")
        print(f"  {name:16}{f'{tolerance:g} px' if in_px else f'{tolerance:.1%}':>10}{cells[0]:>24}{cells[1]:>26}")
    reference = [ecd(record) for record in records]
    by_run = outlines_by_thresholds(parser.parse_args().run)
    if by_run:
        print_errors(
            "By the run's thresholds", [by_run.get(record.name.rpartition("/")[2]) for record in records], reference
        )
    print_errors("By segment()", [segmented_ecd(record) for record in records], reference)


def filled(mask):
    """The mask with its holes filled."""
    return np.asarray(binary_fill_holes(mask), bool)


def outlines_by_thresholds(run):
    """{name: ECD in px} of the particles of a run, read from a copy of it without mask images."""
    with TemporaryDirectory() as folder:
        for path in run.rglob("*"):
            if path.is_file() and not path.stem.endswith("_bin"):
                shutil.copy(path, folder)
        records = [record for record in read_particles(folder) if record.mask is not None]
    return {record.name.rpartition("/")[2]: ecd(record) for record in records}


def ecd(record):
    """Diameter of a record's mask with its holes filled, px; None for an empty mask."""
    return measure(record.pixels, mask=filled(record.mask))["ecd_px"]


def segmented_ecd(record):
    """Diameter of the outline by segment(), px; None where it finds nothing."""
    return measure(record.pixels)["ecd_px"]


def print_errors(title, own, reference):
    """Print the errors of our own diameters, in px or None, relative to those of the instrument's masks."""
    found = np.array([diameter is not None for diameter in own])
    reference = np.asarray(reference)[found]
    errors = np.array([diameter for diameter in own if diameter is not None]) / reference - 1
    print(f"{title}: {found.mean():.1%} of particles found; ECD relative to the instrument's mask:")
    within = np.mean(np.abs(errors) <= 0.15)
    print(
        f"  median {np.median(errors):+.1%}, median absolute {np.median(np.abs(errors)):.1%}, {within:.1%} within 15 %"
    )
    for low, high in ((0, 6.5), (6.5, 10), (10, 20), (20, np.inf)):
        in_range = (reference >= low) & (reference < high)
        if in_range.any():
            print(
                f"  {low:4g} to {high:4g} px  n = {in_range.sum():4}: {np.median(errors[in_range]):+.1%}, "
                f"{np.median(np.abs(errors[in_range])):.1%}"
            )


if __name__ == "__main__":
    main()
