"""Coverage and width of the intervals of counts and predictive values on instruments drawn afresh; what a confidence
is worth.

    python benchmarks/counts.py [--model resnet18] [--instruments 8 6 6] [--each 150] [--small 100] [--runs 20]

Every instrument is one that no model, choice or library has seen. Its particles are classified, its background,
gradient and noise measured on their images, and the shipped library is exposed with them, as the classify task does.
From its particles runs are drawn with replacement, a Poisson number of each class, in three mixtures and as pure
protein; classes are assigned with the app's default threshold, and marked as unlike as in the app. The true number from
a size on is by measured size, so that only the correction is judged. A run's interval holds where it contains the true
number; that of a predictive value where it contains the share of right ones among all that the mixture makes of the
instrument's particles, to 0.1 %.

--reference: the matched one, or "held_out", the one that the model ships; both are judged on the same runs. Printed at
the end: accuracy and calibration by magnification and size, and how often promised thresholds keep their promise.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _drawn_instruments import add_particles_folder, class_of, joined, pool

from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import unlike_marker
from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.model_files import find_model_folder
from svp_core.morphology import measure
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.profiles.conditions import measure_conditions
from svp_core.reference_library.matching import matched_reference
from svp_core.stats import counts
from svp_core.stats.calibration import PROMISE, calibration_error, promised_thresholds
from svp_core.stats.confusion import similar_in_px
from svp_core.stats.predictive_values import predictive_values

# Of the set of instruments: by this one nothing was chosen but that the library has small particles. By 7400, the
# largest worth of the variation between instruments was (stats.between_instruments.MAX_WORTH), so intervals hold more
# often there.
ENTROPY = 9100
MAIN = ("protein", "silicone_oil", "air_bubble")
MIXTURES = {"75 : 12.5 : 12.5": (300, 50, 50), "20 : 1 : 1": (400, 20, 20), "oil-rich": (60, 260, 80)}  # of MAIN
FURTHER = 8  # particles of each other class in every mixture
PURE = 400  # particles of a pure protein run
WORST, WANTED = 0.80, 0.93
SMALL_PX = 10
ROUNDING = 0.001  # of predictive values: what a page shows as 100.0 % contains 1


@dataclass
class Instrument:
    """One instrument's particles as the app sees them."""

    magnification: str
    labels: Any  # (N,), positions in the classifier's classes
    probs: Any
    in_um: Any
    in_px: Any
    unlike: Any  # (N,), whether marked as unlike all classes
    reference: counts.ConfusionReference


def instrument(classifier, magnification, number, options):
    """The instrument of this number, with the reference that its runs are corrected by; None without a reference."""
    keys = classifier.config.class_keys
    each = {"glass_flake": options.others, "fibre": options.others, "opaque": options.others // 2}
    per_kind = dict.fromkeys(MAIN, options.each) | each | {"cell": options.others // 2}
    small = {kind: options.small if kind in MAIN else 0 for kind in per_kind}
    particles = joined(
        [
            pool(options.particles, options.entropy, magnification, number, counted, small=counted is small)
            for counted in (per_kind, small)
            if any(counted.values())
        ]
    )
    names = np.array([class_of(kind) for kind in particles.kinds], object)
    known = np.isin(names, keys)
    tiles, labels = particles.tiles[known], np.array([keys.index(name) for name in names[known]])
    um_per_px, mark = particles.truth[0]["um_per_px"], unlike_marker(classifier)
    sizes = np.array([measure(tile)["ecd_px"] for tile in tiles], float)
    if options.reference == "matched":
        conditions = measure_conditions(list(tiles[:: max(1, len(tiles) // 200)]), um_per_px=um_per_px)
        reference = conditions and matched_reference(classifier, conditions.rounded(), mark_unlike=mark)
    else:
        reference = read_confusion_reference(classifier.folder)
    if reference is None:
        raise SystemExit(f"There is no {options.reference} reference for {classifier.folder} at {magnification}.")
    probs = predict_probs(classifier, tiles)
    unlike = mark(tiles, probs) if mark else np.zeros(len(tiles), bool)
    return Instrument(magnification, labels, probs, sizes * um_per_px, sizes, unlike, reference)


def drawn_run(one, expected, rng):
    """Positions of the particles of one run: a Poisson number of each class, drawn with replacement."""
    members = [np.flatnonzero(one.labels == label) for label in range(len(expected))]
    return np.concatenate([rng.choice(of, rng.poisson(n)) for of, n in zip(members, expected, strict=True)])


def expected_numbers(keys, mixture):
    """Expected particles of every class, (K,)."""
    numbers = dict(zip(MAIN, mixture, strict=True))
    return np.array([numbers.get(key, FURTHER) for key in keys], float)


@dataclass
class Judged:
    """What the runs of one instrument and mixture give."""

    held: Any  # (runs, K, bins), whether the interval of a corrected count contains the true number
    widths: Any  # (runs, K, bins), of that interval over the true number
    oil: Any  # (runs, 2), whether oil's interval leaves out 0, and the share named oil
    values: Any  # (runs, K, 3), predictive value with its interval less the true one; NaN where nothing is named so


def judge(one, keys, expected, runs, seed):
    """Judged of one instrument. expected: numbers of every class in a run, (K,)."""
    rng, thresholds = np.random.default_rng(seed), dict.fromkeys(keys, CONFIDENCE_THRESHOLD)
    assigned = np.where(one.unlike, counts.UNLIKE, counts.apply_thresholds(one.probs, keys, thresholds=thresholds))
    truth = np.array(
        [
            [n and n * np.mean(np.nan_to_num(one.in_um[one.labels == label]) >= edge) for edge in SIZE_BINS_UM]
            for label, n in enumerate(expected)
        ]
    )
    right, held, widths, oil, values = true_predictive_values(one, keys, expected, assigned), [], [], [], []
    for number in range(runs):
        chosen = drawn_run(one, expected, rng)
        options = {
            "sizes_px": one.in_px[chosen],
            "reference": one.reference,
            "class_keys": keys,
            "thresholds": thresholds,
            "seed": number,
        }
        rows = counts.corrected_counts(assigned[chosen], one.in_um[chosen], **options)
        cells = np.array([(row.low, row.high) for row in rows if row.class_key in keys]).reshape(*truth.shape, 2)
        held.append((cells[..., 0] <= truth) & (truth <= cells[..., 1]))
        widths.append((cells[..., 1] - cells[..., 0]) / np.maximum(truth, 1))
        oil.append((cells[keys.index("silicone_oil"), 0, 0] > 0, np.mean(assigned[chosen] == "silicone_oil")))
        found = predictive_values(assigned[chosen], **options)
        values.append(np.array([(each.value, each.low, each.high) for each in found], float) - right[:, None])
    return Judged(np.array(held), np.array(widths), np.array(oil, float), np.array(values))


def true_predictive_values(one, keys, expected, assigned):
    """Share of right ones among what a mixture of this instrument's particles has assigned to each class, (K,)."""
    rates = np.array([[np.mean(assigned[one.labels == label] == key) for key in keys] for label in range(len(keys))])
    named = np.where(expected[:, None] > 0, rates * expected[:, None], 0)
    with np.errstate(invalid="ignore"):  # in a mixture without such particles
        return np.diag(named) / named.sum(0)


def show_mixture(name, instruments, keys, mixture, runs):
    """Print coverage and width by class and size; returns the mean coverage per instrument (I,)."""
    expected = expected_numbers(keys, mixture)
    judged = [judge(one, keys, expected, runs, number) for number, one in enumerate(instruments)]
    held = np.array([one.held.mean(0) for one in judged])  # (I, K, bins)
    wide = np.array([one.widths.mean(0) for one in judged])
    print(f"\n{name}: intervals that hold, and their width over the true number; lowest instrument")
    print(f"  {'':14}" + "".join(f"{f'from {edge:g} um':>26}" for edge in SIZE_BINS_UM))
    for label, key in enumerate(keys):
        cells = [
            f"{held[:, label, size].mean():5.0%}{'!' if held[:, label, size].mean() < WANTED else ' '} "
            f"{np.median(wide[:, label, size]):5.2f}  low {held[:, label, size].min():4.0%}"
            for size in range(len(SIZE_BINS_UM))
        ]
        print(f"  {key:14}{''.join(f'{cell:>26}' for cell in cells)}")
    for magnification in MAGNIFICATIONS:
        mask = [one.magnification == magnification for one in instruments]
        if any(mask):
            print(f"  {magnification}: {held[mask].mean():.1%}")
    show_values(keys, [one.values for one in judged])
    return held.mean((1, 2))


def show_values(keys, values):
    """Print how often the intervals of predictive values hold. values: of every instrument, see Judged."""
    print("  predictive values: intervals that hold, lowest instrument, their width, mean error")
    for label, key in enumerate(keys):
        of_class = [each[:, label][np.isfinite(each[:, label, 0])] for each in values]
        of_class = [each for each in of_class if len(each)]
        held = [np.mean((each[:, 1] <= ROUNDING) & (each[:, 2] >= -ROUNDING)) for each in of_class]
        errors = np.concatenate(of_class)
        print(
            f"    {key:14}{np.mean(held):5.0%}  low {min(held):4.0%}  width {np.mean(errors[:, 2] - errors[:, 1]):.3f}"
            f"  error {np.abs(errors[:, 0]).mean():.3f}"
        )


def show_pure(instruments, keys, runs):
    """Print what pure protein runs at 20x are made into."""
    at_20x = [one for one in instruments if one.magnification == "20x"]
    expected = np.array([PURE if key == "protein" else 0 for key in keys], float)
    oil = np.array([judge(one, keys, expected, runs, 50 + number).oil.mean(0) for number, one in enumerate(at_20x)])
    if len(oil):
        print(f"\nPure protein runs of {PURE} at 20x, {len(oil)} instruments")
        middle = np.median(oil[:, 1])
        print(f"  named oil: {oil[:, 1].mean():.1%} on average, {middle:.1%} median, {oil[:, 1].max():.1%} most")
        print(f"  corrected oil interval excludes 0: in {oil[:, 0].mean():.1%} of runs, ", end="")
        print(f"in most runs of {int((oil[:, 0] > 0.5).sum())} instruments")


def show_confidence(instruments, keys):
    """Print accuracy and calibration by magnification and size."""
    print("\nAccuracy, every class weighted equally (lowest instrument), calibration error; the same by size")
    for magnification in MAGNIFICATIONS:
        chosen = [one for one in instruments if one.magnification == magnification]
        if not chosen:
            continue
        right = [one.probs.argmax(1) == one.labels for one in chosen]
        single = [
            np.mean([ok[one.labels == k].mean() for k in range(len(keys))])
            for ok, one in zip(right, chosen, strict=True)
        ]
        parts = []
        for low, high in ((0, 5), (5, 10), (10, 25), (25, np.inf)):
            probs, labels = zip(*(_of_size(one, low, high) for one in chosen), strict=True)
            probs, labels = np.concatenate(probs), np.concatenate(labels)
            if len(labels) >= 30:
                parts.append(
                    f"{low:g}+ um {(probs.argmax(1) == labels).mean():.3f} ({calibration_error(probs, labels):.3f})"
                )
        everything = [np.concatenate([getattr(one, name) for one in chosen]) for name in ("probs", "labels")]
        print(
            f"  {magnification}: {np.mean(single):.3f} ({min(single):.3f}), {calibration_error(*everything):.3f};  ",
            end="",
        )
        print(", ".join(parts))


def show_promises(instruments, keys):
    """Print how many of the promised thresholds keep their promise in each mixture."""
    print(f"\nThresholds that promise {PROMISE:.0%}")
    for name, mixture in MIXTURES.items():
        expected, kept = expected_numbers(keys, mixture), []
        for one in instruments:
            weights = (expected / np.bincount(one.labels, minlength=len(keys)))[one.labels]
            named, confidence = np.where(one.unlike, -1, one.probs.argmax(1)), one.probs.max(1)
            of_these_sizes = one.reference.select(similar_in_px(one.reference, np.nan_to_num(one.in_px)))
            promises = promised_thresholds(of_these_sizes, mixture=dict(zip(keys, expected, strict=True)))
            for label, threshold in enumerate(each.threshold for each in promises):
                chosen = (named == label) & (confidence >= (np.inf if threshold is None else threshold))
                if chosen.sum() >= 10:
                    kept.append((weights * (one.labels == label))[chosen].sum() / weights[chosen].sum())
        if kept:
            of = len(instruments) * len(keys)
            print(
                f"  {name}: for {len(kept)} of {of} classes and instruments; right {np.mean(kept):.1%} on average",
                end="; ",
            )
            print(f"{np.mean(np.array(kept) >= PROMISE):.0%} of them keep it, the lowest is right in {min(kept):.1%}")


def show_unlike(instruments):
    """Print how many of these particles, all of known classes, are marked as unlike, small and larger ones."""
    unlike, in_px = (np.concatenate([getattr(one, name) for one in instruments]) for name in ("unlike", "in_px"))
    print("\nMarked as unlike all classes:", end="")
    for name, chosen in ((f"below {SMALL_PX} px", in_px < SMALL_PX), ("larger", in_px >= SMALL_PX)):
        print(f"  {name} {unlike[chosen].mean():.1%} (n {chosen.sum():,})", end="")
    print()


def _of_size(one, low, high):
    mask = (np.nan_to_num(one.in_um) >= low) & (np.nan_to_num(one.in_um) < high)
    return one.probs[mask], one.labels[mask]


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="resnet18", help="name of a classifier or a model folder")
    parser.add_argument("--instruments", type=int, nargs=3, default=(8, 6, 6), metavar="N", help="at 20x, 10x and 4x")
    parser.add_argument("--each", type=int, default=150, help="particles of protein, oil and air on each")
    parser.add_argument("--small", type=int, default=100, help="small particles of each of these besides")
    parser.add_argument("--others", type=int, default=40, help="particles of every other class on each")
    parser.add_argument("--runs", type=int, default=20, help="runs per instrument and mixture")
    parser.add_argument("--reference", choices=("matched", "held_out"), default="matched")
    parser.add_argument("--entropy", type=int, default=ENTROPY, help="of the set of instruments")
    add_particles_folder(parser)
    parser.add_argument("--json", type=Path, help="file to write the mean coverage to")
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder(options.model))
    keys = tuple(classifier.config.class_keys)
    instruments = [
        instrument(classifier, magnification, number, options)
        for magnification, count in zip(MAGNIFICATIONS, options.instruments, strict=True)
        for number in range(count)
    ]
    print(f"{len(instruments)} instruments, {options.each} usual and {options.small} small particles", end=" ")
    print(f"of {', '.join(MAIN)} on each", end="; ")
    print(f"entropy {options.entropy}; {options.reference}")
    means = {name: show_mixture(name, instruments, keys, numbers, options.runs) for name, numbers in MIXTURES.items()}
    overall = np.mean(list(means.values()), axis=0)
    print(f"\nAll mixtures: {overall.mean():.1%}; lowest instrument {overall.min():.1%}", end="")
    print(f" (wanted {WANTED:.0%} and {WORST:.0%})")
    show_pure(instruments, keys, options.runs)
    show_confidence(instruments, keys)
    show_promises(instruments, keys)
    show_unlike(instruments)
    if options.json:
        options.json.write_text(json.dumps({name: values.tolist() for name, values in means.items()}))


if __name__ == "__main__":
    main()
