"""How often the intervals of counts hold the truth: raw and corrected, by class and size, over resampled runs.

    python benchmarks/counts.py [--model resnet18] [--runs 200]

Two known truths. The shipped, simulated FlowCam run, whose particles are drawn anew with replacement, a Poisson number
of them: how far one instrument differs from the usual ones is in it. And the model's own held-out particles: one half
corrects, runs are drawn from the other: what the method does where instrument and reference are alike. A cell is the
share of runs in which the 95 % interval holds the true number from that size on; below 90 % it is marked. Under it
stands what the classifier calls the particles of the run, beside the held-out ones that are as large in pixels.
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
MIXTURE = 400  # particles in a run drawn from the held-out ones, of which three quarters are of the first class


def sample_run(classifier):
    """(true class keys (N,), what each is called (N,), sizes in um (N,), in px (N,)) of the shipped run."""
    keys = classifier.config.class_keys
    (folder,) = (path.parent for path in RUN.glob("*/*.lst"))
    with (RUN / "truth.csv").open() as file:
        truth = {row["id"]: row["class"] for row in csv.DictReader(file)}
    records = [record for record in read_particles(folder) if not record.rejected]
    true = np.array([truth[record.name.rpartition("#")[2]] for record in records], object)
    known = np.isin(true, keys)
    records = [record for record, one in zip(records, known, strict=True) if one]
    found = [measure(record.pixels, um_per_px=record.um_per_px, mask=record.mask) for record in records]
    in_um, in_px = (np.array([each[name] for each in found], float) for name in ("ecd_um", "ecd_px"))
    probs = predict_probs(classifier, np.stack([to_tile(record.pixels) for record in records]))
    return true[known], counts.apply_thresholds(probs, keys), in_um, in_px


def shares_held(reference, drawn_run, truth, runs):
    """{"raw" and "corrected": float (K, bins)}: share of runs whose interval holds truth (K, bins).

    drawn_run: random generator -> (called, sizes in um, sizes in px or None) of one run.
    """
    rng, held, keys = np.random.default_rng(0), {"raw": [], "corrected": []}, reference.class_keys
    for number in range(runs):
        called, in_um, in_px = drawn_run(rng)
        rows = {
            "raw": counts.count_table(called, in_um, class_keys=keys),
            "corrected": counts.corrected_counts(
                called, in_um, sizes_px=in_px, reference=reference, class_keys=keys, seed=number
            ),
        }
        for kind, found in rows.items():
            found = [row for row in found if row.class_key in keys]
            held[kind].append([row.low <= true <= row.high for row, true in zip(found, truth.ravel(), strict=True)])
    return {kind: np.mean(rows, 0).reshape(truth.shape) for kind, rows in held.items()}


def of_sample_run(classifier, reference, runs):
    """Print the shares for the shipped run, and how it differs from the reference."""
    true, called, in_um, in_px = sample_run(classifier)
    keys = reference.class_keys
    truth = np.array([[((true == key) & (in_um >= edge)).sum() for edge in SIZE_BINS_UM] for key in keys])

    def drawn(rng):
        chosen = rng.integers(len(true), size=rng.poisson(len(true)))
        return called[chosen], in_um[chosen], in_px[chosen]

    show("Shipped FlowCam run, drawn anew", keys, truth, shares_held(reference, drawn, truth, runs))
    if reference.sizes_px is None:
        print("  The reference does not say how large its particles are in pixels: those of the same um speak.")
        return
    names = counts.apply_thresholds(reference.probs, keys)
    print(f"  named right, run beside held-out: {', '.join(keys)}")
    for low, high in zip((0, 10, 18, 27, 45), (10, 18, 27, 45, np.inf), strict=True):
        cells = []
        for label, key in enumerate(keys):
            mine = (true == key) & (in_px >= low) & (in_px < high)
            theirs = (reference.labels == label) & (reference.sizes_px >= low) & (reference.sizes_px < high)
            cells.append(f"{_share(called[mine] == key)} {_share(names[theirs] == key)}")
        print(f"  {low:2} to {high:3.0f} px   {'    '.join(cells)}")


def of_reference(reference, runs):
    """Print the shares where the runs are of the same instruments as the reference."""
    rng, keys = np.random.default_rng(1), reference.class_keys
    speaks = rng.permutation(len(reference.labels)) % 2 == 0
    half, rest = (_only(reference, mine) for mine in (speaks, ~speaks))
    expected = np.full(len(keys), MIXTURE / 4 / max(1, len(keys) - 1))
    expected[0] = MIXTURE * 3 / 4
    members = [np.flatnonzero(rest.labels == label) for label in range(len(keys))]
    called = counts.apply_thresholds(rest.probs, keys)
    truth = np.array(
        [
            [n * np.mean(rest.sizes_um[mine] >= edge) for edge in SIZE_BINS_UM]
            for n, mine in zip(expected, members, strict=True)
        ]
    )

    def drawn(rng):
        chosen = np.concatenate([rng.choice(of, rng.poisson(n)) for n, of in zip(expected, members, strict=True)])
        return called[chosen], rest.sizes_um[chosen], None if rest.sizes_px is None else rest.sizes_px[chosen]

    show("Held-out particles, one half by the other", keys, truth, shares_held(half, drawn, truth, runs))


def show(title, keys, truth, shares):
    """Print one table of shares."""
    print(f"\n{title}: true number, then share of runs whose interval holds it, raw and corrected")
    print(f"  {'':14}" + "".join(f"{f'from {edge:g} um':>24}" for edge in SIZE_BINS_UM))
    for label, key in enumerate(keys):
        cells = [
            f"{truth[label, at]:9.0f}  {_mark(shares['raw'][label, at])} {_mark(shares['corrected'][label, at])}"
            for at in range(len(SIZE_BINS_UM))
        ]
        print(f"  {key:14}{''.join(f'{cell:>24}' for cell in cells)}")
    for kind, found in shares.items():
        print(f"  {kind}: {found.mean():.0%} on average, in {(found >= 0.9).sum()} of {found.size} cells at least 90 %")


def _only(reference, mine):
    in_px = None if reference.sizes_px is None else reference.sizes_px[mine]
    return counts.ConfusionReference(
        reference.probs[mine], reference.labels[mine], reference.sizes_um[mine], reference.class_keys, "", in_px
    )


def _mark(share):
    return f"{share:5.0%}{' ' if share >= 0.9 else '!'}"


def _share(right):
    return f"{right.mean():4.0%} of {len(right):3}" if len(right) else "   – of   0"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet18", help="name of a classifier or its run folder")
    parser.add_argument("--runs", type=int, default=200, help="resampled runs")
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder(options.model))
    reference = read_confusion_reference(classifier.folder)
    if reference is None:
        sys.exit(f"{options.model} has no held-out answers; make them by benchmarks/reference.py.")
    of_sample_run(classifier, reference, options.runs)
    of_reference(reference, options.runs)


if __name__ == "__main__":
    main()
