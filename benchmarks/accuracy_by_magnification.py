"""Accuracy of classifiers on instruments drawn afresh, by magnification and size; protein that they name oil.

    python benchmarks/accuracy_by_magnification.py [MODEL ...] [--instruments 8] [--count 30] [--write]

Draws --instruments whole instruments per magnification from the usual law, of seeds that no model, reference or choice
has used, and --count particles per class on each; --particles: folder that keeps them. Intervals are 95 %, resampled by
instrument, since those of one instrument are alike; where all are right, Wilson's. Sizes are measured ones. --write:
put the tables into the models' cards, and the accuracies by magnification into drawn_instruments.json, which the app
shows.
"""

import argparse
import itertools
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from _drawn_instruments import KINDS_OF, add_particles_folder, class_of, pool
from reference_library import per_kind

from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classifier.expected_accuracy import ExpectedAccuracy, write_expected_accuracy
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.model_files import find_model_folder, read_model_folder
from svp_core.morphology import measure
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.particle_classes import SIZE_BINS_UM, sort_keys
from svp_core.stats.intervals import estimate_share

SEED = 9_002  # of instruments and particles
HEADING, NEXT = "## On instruments drawn afresh", "## Measured"
RESAMPLED = 2_000


def main():
    """Simulate, classify, print, and write where requested."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=["resnet18", "resnet18_six", "resnet50"])
    parser.add_argument("--instruments", type=int, default=8, help="per magnification")
    parser.add_argument("--count", type=int, default=30, help="particles per class and instrument")
    add_particles_folder(parser)
    parser.add_argument("--write", action="store_true", help="put the tables into the cards")
    options = parser.parse_args()
    models = {model: load_classifier(find_model_folder(model)) for model in options.models}
    every = sort_keys(key for classifier in models.values() for key in classifier.config.class_keys)
    names = [(magnification, number) for magnification in MAGNIFICATIONS for number in range(options.instruments)]
    with ProcessPoolExecutor() as processes:
        jobs = [(*name, every, options.count, options.particles) for name in names]
        parts = list(processes.map(simulated_run, *zip(*jobs, strict=True)))
    tiles, kinds, sizes = (np.concatenate([part[index] for part in parts]) for index in range(3))
    truth = np.array([class_of(kind) for kind in kinds], object)
    instrument = np.repeat(np.arange(len(names)), [len(part[0]) for part in parts])
    magnification = np.array([names[index][0] for index in instrument])
    for model, classifier in models.items():
        folder, keys = find_model_folder(model), classifier.config.class_keys
        known = np.isin(truth.astype(str), keys)
        probs = predict_probs(classifier, tiles[known])
        named = np.array(keys, object)[probs.argmax(1)]
        about = truth[known], kinds[known], sizes[known], instrument[known], magnification[known]
        lines = tables(keys, named, probs.max(1), *about, options)
        print(f"\n# {folder.name}\n", *lines, sep="\n", flush=True)
        if options.write:
            write(folder, lines)
            correct = named == truth[known]
            write_expected_accuracy(folder, by_magnification(correct, instrument[known], magnification[known]))


def simulated_run(magnification, number, keys, count, folder):
    """(tiles, kinds, sizes in µm) of one instrument, for these classes."""
    counts = {kind: each for kind, each in per_kind(count).items() if class_of(kind) in keys}
    particles = pool(folder, SEED, magnification, number, counts)
    px = np.array([measure(tile)["ecd_px"] or np.nan for tile in particles.tiles], float)
    return particles.tiles, particles.kinds, px * particles.truth[0]["um_per_px"]


def tables(keys, named, confidence, truth, kinds, sizes, instrument, magnification, options):
    """Markdown lines: accuracy by magnification, by class and by size; pure protein runs."""
    correct = named == truth
    columns = [("all", np.ones(len(correct), bool)), *((name, magnification == name) for name in MAGNIFICATIONS)]
    head = [f"{name} (n = {mask.sum():,})" for name, mask in columns]
    lines = [
        f"By `python benchmarks/accuracy_by_magnification.py`: {options.instruments} simulated instruments per "
        f"magnification, {options.count} particles per class on each; nothing was trained on them. "
        "Half of the protein is drawn as sheets, strands, patches and stretched clumps. 95 % intervals, "
        "resampled by instrument (where all are right, Wilson's); sizes are measured ones, with n in each cell.",
        "",
        f"| classified correctly | {' | '.join(head)} |",
        "|---" * (len(head) + 1) + "|",
    ]
    rows = [("all classes", np.ones(len(correct), bool)), *((key, truth == key) for key in keys)]
    of_equal_n = [title for title, _ in rows]
    rows += [(f"{key}: {kind}", kinds == kind) for key in keys for kind in KINDS_OF.get(key, ())]
    edges = (0, *SIZE_BINS_UM, np.inf)
    for low, high in itertools.pairwise(edges):
        title = (
            f"below {high:g} µm" if not low else f"{low:g} µm and larger" if high == np.inf else f"{low:g}–{high:g} µm"
        )
        rows.append((title, (sizes >= low) & (sizes < high)))
    rows.append(("nothing measurable", np.isnan(sizes)))
    for title, row in rows:
        cells = [interval(correct, instrument, row & column, with_n=title not in of_equal_n) for _, column in columns]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    sure_oil = (named == "silicone_oil") & (confidence >= CONFIDENCE_THRESHOLD)
    protein = truth == "protein"
    cells = [interval(sure_oil, instrument, protein & column) for _, column in columns]
    lines += [
        "",
        f"Protein named silicone oil at the default threshold of {CONFIDENCE_THRESHOLD:g}: "
        + ", ".join(f"{name} {cell}" for (name, _), cell in zip(columns, cells, strict=True))
        + ".",
        "",
    ]
    return lines


def by_magnification(correct, instrument, magnification):
    """Accuracy of every magnification, list of ExpectedAccuracy."""
    rows = []
    for name in MAGNIFICATIONS:
        mask = magnification == name
        low, high = ends(correct, instrument, mask)
        instruments = len(np.unique(instrument[mask]))
        rows.append(ExpectedAccuracy(name, float(correct[mask].mean()), low, high, instruments, int(mask.sum())))
    return rows


def interval(hits, instrument, mask, *, with_n=False):
    """Share of the masked particles with its interval, "91.4 % (88.0 to 94.1)"; "–" where there are fewer than 20."""
    if mask.sum() < 20:
        return "–"
    low, high = ends(hits, instrument, mask)
    n = f"; n {mask.sum():,}" if with_n else ""
    return f"{100 * hits[mask].mean():.1f} % ({100 * low:.1f} to {100 * high:.1f}{n})"


def ends(hits, instrument, mask):
    """Ends of the 95 % interval of a share, by the bootstrap over instruments; it has no width where all are right."""
    if hits[mask].all() or not hits[mask].any():
        share = estimate_share(hits[mask])
        return share.low, share.high
    groups = [hits[mask & (instrument == number)] for number in np.unique(instrument[mask])]
    counted = np.array([[group.sum(), len(group)] for group in groups])
    drawn = counted[np.random.default_rng(0).integers(len(groups), size=(RESAMPLED, len(groups)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def write(folder, lines):
    """Put the tables into the card, before the other measured figures, in place of earlier ones."""
    card = read_model_folder(folder).card
    before, _, after = card.partition(NEXT)
    before = before.partition(HEADING)[0].rstrip()
    body = "\n".join(lines).rstrip()
    (folder / "card.md").write_text(f"{before}\n\n{HEADING}\n\n{body}\n\n{NEXT}{after}".rstrip() + "\n", "utf-8")
    print(f"Written: {folder / 'card.md'}")


if __name__ == "__main__":
    main()
