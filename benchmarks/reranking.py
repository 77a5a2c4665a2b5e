"""Benefit of re-ranking a review queue after each page: planted label errors found with and without it.

    python benchmarks/reranking.py [--rare 200] [--seeds 5] [--tiles FOLDER] [--sets digits]

Data sets and planted errors are those of benchmarks/suspects.py. A reviewer who is always right reviews the queue, 40
particles per page, until as many particles are decided as there are errors, and twice as many. Share of the errors
found by then, in the original order and re-ranked after each page; mean and 95 % interval over seeds (t).
Exit code 1 where re-ranking finds fewer in any column by more than the spread over seeds.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[1]

from _planted_errors import CASES, digits, particles, plant, search

from svp_core.classifier.resnet import load_classifier
from svp_core.embedding.features import layered_features
from svp_core.model_files import find_model_folder
from svp_core.review.reranking import prepare_rerank, rerank

BATCH_SIZE = 40  # particles per page


def main():
    """Plant errors, simulate the reviews, print; exit code 1 where re-ranking is worse."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rare", type=int, default=200, help="silicone oil droplets, and equally many air bubbles")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="+", choices=("particles", "digits"), default=("particles", "digits"))
    parser.add_argument("--tiles", type=Path, help="folder to store simulated tiles in")
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder("resnet18"))
    sets = {"particles": lambda: particles(options.rare, classifier, options.tiles), "digits": digits}
    print(
        "| planted | after k: original order | re-ranked | after 2k: original order | re-ranked |\n" + "|---" * 5 + "|"
    )
    worse = False
    for name in options.sets:
        tiles, truth, confusability, pair, class_names = sets[name]()
        features = layered_features(classifier, tiles)
        for kind, share in CASES:
            found = []
            for seed in range(options.seeds):
                given = plant(truth, confusability, kind=kind, share=share, pair=pair, seed=seed)
                report = search(tiles, features, given, class_names, seed)
                baseline = prepare_rerank(report.coordinates, given, report.scores.score, class_count=len(class_names))
                found.append(
                    [
                        share_found(baseline, given, truth, times, reranked=reranked)
                        for times in (1, 2)
                        for reranked in (False, True)
                    ]
                )
            found = np.array(found)
            spread = student.ppf(0.975, max(1, len(found) - 1)) * found.std(0, ddof=1) / np.sqrt(len(found))
            worse |= bool((found[:, 1::2].mean(0) < found[:, ::2].mean(0) - spread[::2]).any())
            cells = (f"{100 * m:.1f} ± {100 * s:.1f} %" for m, s in zip(found.mean(0), spread, strict=True))
            print(f"| {name}, {kind} {100 * share:g} % | {' | '.join(cells)} |", flush=True)
    return 1 if worse else 0


def share_found(baseline, given, truth, times, *, reranked):
    """Share of the wrong labels found once `times` as many particles are decided as there are wrong labels."""
    labels, wrong, decided = given.copy(), given != truth, np.zeros(len(given), bool)
    remaining = times * int(wrong.sum())
    order = rerank(baseline, given)
    while remaining > 0:
        order = rerank(baseline, labels) if reranked else order
        page = order[~decided[order]][: min(BATCH_SIZE, remaining)]
        decided[page], labels[page] = True, truth[page]
        remaining -= BATCH_SIZE
    return wrong[decided].sum() / wrong.sum()


if __name__ == "__main__":
    sys.exit(main())
