"""Coverage of the intervals of raw and corrected counts, by class and size, over resampled runs.

    python benchmarks/counts.py [--model resnet18] [--runs 200]

Two data sets with known truth. The shipped, simulated FlowCam run, whose particles are resampled with replacement, a
Poisson number of them: it includes the difference between one instrument and those of the reference. And the model's
held-out particles: one half is the reference, runs are drawn from the other half: the method where instrument and
reference agree. A cell is the share of runs whose 95 % interval contains the true number from that size on; below 90 %
it is marked. Below the first table: recall by size in pixels, in the run and among the held-out particles.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.images import to_tile
from svp_core.instruments.detect import read_particles
from svp_core.model_files import find_model_folder
from svp_core.morphology import measure
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.stats import counts

RUN = ROOT / "sample_data" / "flowcam_run"
MIXTURE = 400  # particles per run drawn from the held-out ones; three quarters are of the first class


def sample_run(classifier):
    """(true class keys (N,), predicted ones (N,), sizes in um (N,), in px (N,)) of the shipped run."""
    keys = classifier.config.class_keys
    (folder,) = (path.parent for path in RUN.glob("*/*.lst"))
    with (RUN / "truth.csv").open() as file:
        truth = {row["id"]: row["class"] for row in csv.DictReader(file)}
    records = [(record, record.pixels) for record in read_particles(folder) if record.pixels is not None]
    true = np.array([truth[record.name.rpartition("#")[2]] for record, _ in records], object)
    known = np.isin(true, keys)
    records = [pair for pair, is_known in zip(records, known, strict=True) if is_known]
    measured = [measure(pixels, um_per_px=record.um_per_px, mask=record.mask) for record, pixels in records]
    in_um, in_px = (np.array([measures[name] for measures in measured], float) for name in ("ecd_um", "ecd_px"))
    probs = predict_probs(classifier, np.stack([to_tile(pixels) for _, pixels in records]))
    return true[known], counts.apply_thresholds(probs, keys), in_um, in_px


def coverage(reference, draw_run, truth, runs):
    """Share of runs whose interval contains truth (K, bins): {"raw" and "corrected": float (K, bins)}.

    draw_run: random generator -> (predicted keys, sizes in um, sizes in px or None) of one run.
    """
    rng, contained, keys = np.random.default_rng(0), {"raw": [], "corrected": []}, reference.class_keys
    for number in range(runs):
        predicted, in_um, in_px = draw_run(rng)
        rows = {
            "raw": counts.count_table(predicted, in_um, class_keys=keys),
            "corrected": counts.corrected_counts(
                predicted, in_um, sizes_px=in_px, reference=reference, class_keys=keys, seed=number
            ),
        }
        for kind, table in rows.items():
            cells = zip((row for row in table if row.class_key in keys), truth.ravel(), strict=True)
            contained[kind].append([row.low <= true <= row.high for row, true in cells])
    return {kind: np.mean(rows, 0).reshape(truth.shape) for kind, rows in contained.items()}


def show_sample_run(classifier, reference, runs):
    """Print the coverage for the shipped run, and how it differs from the reference."""
    true, predicted, in_um, in_px = sample_run(classifier)
    keys = reference.class_keys
    truth = np.array([[((true == key) & (in_um >= edge)).sum() for edge in SIZE_BINS_UM] for key in keys])

    def draw_run(rng):
        chosen = rng.integers(len(true), size=rng.poisson(len(true)))
        return predicted[chosen], in_um[chosen], in_px[chosen]

    show("Shipped FlowCam run, resampled", keys, truth, coverage(reference, draw_run, truth, runs))
    if reference.sizes_px is None:
        print("  The reference has no sizes in pixels; particles of the same size in um are used instead.")
        return
    reference_predicted = counts.apply_thresholds(reference.probs, keys)
    print(f"  recall, run and held-out: {', '.join(keys)}")
    for low, high in zip((0, 10, 18, 27, 45), (10, 18, 27, 45, np.inf), strict=True):
        cells = []
        for label, key in enumerate(keys):
            in_run = (true == key) & (in_px >= low) & (in_px < high)
            held_out = (reference.labels == label) & (reference.sizes_px >= low) & (reference.sizes_px < high)
            cells.append(f"{_share(predicted[in_run] == key)} {_share(reference_predicted[held_out] == key)}")
        print(f"  {low:2} to {high:3.0f} px   {'    '.join(cells)}")


def show_reference(reference, runs):
    """Print the coverage where the runs are of the same instruments as the reference."""
    rng, keys = np.random.default_rng(1), reference.class_keys
    is_reference = rng.permutation(len(reference.labels)) % 2 == 0
    half, rest = (_subset(reference, rows) for rows in (is_reference, ~is_reference))
    expected = np.full(len(keys), MIXTURE / 4 / max(1, len(keys) - 1))
    expected[0] = MIXTURE * 3 / 4
    members = [np.flatnonzero(rest.labels == label) for label in range(len(keys))]
    predicted = counts.apply_thresholds(rest.probs, keys)
    truth = np.array(
        [
            [n * np.mean(rest.sizes_um[rows] >= edge) for edge in SIZE_BINS_UM]
            for n, rows in zip(expected, members, strict=True)
        ]
    )

    def draw_run(rng):
        chosen = np.concatenate([rng.choice(rows, rng.poisson(n)) for n, rows in zip(expected, members, strict=True)])
        return predicted[chosen], rest.sizes_um[chosen], None if rest.sizes_px is None else rest.sizes_px[chosen]

    show("Held-out particles, one half with the other as reference", keys, truth, coverage(half, draw_run, truth, runs))


def show(title, keys, truth, shares):
    """Print one table of coverage."""
    print(f"\n{title}: true number, then share of runs whose interval contains it, raw and corrected")
    print(f"  {'':14}" + "".join(f"{f'from {edge:g} um':>24}" for edge in SIZE_BINS_UM))
    for label, key in enumerate(keys):
        cells = [
            f"{truth[label, size]:9.0f}  {_mark(shares['raw'][label, size])} {_mark(shares['corrected'][label, size])}"
            for size in range(len(SIZE_BINS_UM))
        ]
        print(f"  {key:14}{''.join(f'{cell:>24}' for cell in cells)}")
    for kind, table in shares.items():
        print(f"  {kind}: {table.mean():.0%} on average, at least 90 % in {(table >= 0.9).sum()} of {table.size} cells")


def _subset(reference, rows):
    in_px = None if reference.sizes_px is None else reference.sizes_px[rows]
    return counts.ConfusionReference(
        reference.probs[rows], reference.labels[rows], reference.sizes_um[rows], reference.class_keys, "", in_px
    )


def _mark(share):
    return f"{share:5.0%}{' ' if share >= 0.9 else '!'}"


def _share(correct):
    return f"{correct.mean():4.0%} of {len(correct):3}" if len(correct) else "   – of   0"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="resnet18", help="name of a classifier or a model folder")
    parser.add_argument("--runs", type=int, default=200, help="resampled runs")
    options = parser.parse_args()
    folder = find_model_folder(options.model)
    classifier, reference = load_classifier(folder), read_confusion_reference(folder)
    if reference is None:
        sys.exit(f"{options.model} has no confusion reference; write one with benchmarks/reference.py.")
    show_sample_run(classifier, reference, options.runs)
    show_reference(reference, options.runs)


if __name__ == "__main__":
    main()
