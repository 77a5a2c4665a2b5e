"""What ranking a queue anew after each page is worth: planted errors found with it and without.

    python benchmarks/reranking.py [--rare 200] [--seeds 5] [--tiles FOLDER] [--sets digits]

The sets and planted errors are those of benchmarks/suspects.py. A reviewer who is always right goes through the queue,
40 particles a page, until as many particles are decided as there are errors, and twice as many. Share of the errors
found by then, in the queue's own order and ranked anew after each page; mean and 95 % interval over seeds (t).
Exit code 1 where ranking anew finds fewer in any column by more than the seeds' spread.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[1]

from benchmarks.generator_quality import finished
from benchmarks.suspects import CASES, digits, particles, plant
from svp_core.classifier.resnet import load_classifier
from svp_core.embedding.features import layered_features
from svp_core.label_errors import find_label_errors
from svp_core.model_files import find_model_folder
from svp_core.review.reranking import prepare_rerank, rerank

PAGE = 40


def main():
    """Plant, review twice, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rare", type=int, default=200, help="silicone oil droplets, and as many air bubbles")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="+", choices=("particles", "digits"), default=("particles", "digits"))
    parser.add_argument("--tiles", type=Path, help="folder to keep drawn tiles in")
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder("resnet18"))
    sets = {"particles": lambda: particles(options.rare, classifier, options.tiles), "digits": digits}
    print("| planted | found after k: queue | anew | after 2k: queue | anew |\n|---|---|---|---|---|")
    worse = False
    for name in options.sets:
        tiles, truth, likeness, pair, words = sets[name]()
        features = layered_features(classifier, tiles)
        place = {tile.tobytes(): row for row, tile in enumerate(tiles)}
        for kind, share in CASES:
            found = []
            for seed in range(options.seeds):
                given = plant(truth, likeness, kind=kind, share=share, pair=pair, seed=seed)
                judged = finished(
                    find_label_errors(
                        tiles,
                        given,
                        embed=lambda part: features[[place[tile.tobytes()] for tile in part]],  # noqa: B023
                        class_names=words,
                        seed=seed,
                    )
                )
                first = prepare_rerank(judged.coordinates, given, judged.scores.score, class_count=len(words))
                found.append([reviewed(first, given, truth, pages, anew) for pages in (1, 2) for anew in (False, True)])
            found = np.array(found)
            spread = student.ppf(0.975, max(1, len(found) - 1)) * found.std(0, ddof=1) / np.sqrt(len(found))
            worse |= bool((found[:, 1::2].mean(0) < found[:, ::2].mean(0) - spread[::2]).any())
            cells = (f"{100 * m:.1f} ± {100 * s:.1f} %" for m, s in zip(found.mean(0), spread, strict=True))
            print(f"| {name}, {kind} {100 * share:g} % | {' | '.join(cells)} |", flush=True)
    return 1 if worse else 0


def reviewed(first, given, truth, times, anew):
    """Share of the wrong labels found once `times` as many particles are decided as there are wrong labels."""
    now, wrong, done = given.copy(), given != truth, np.zeros(len(given), bool)
    left = times * int(wrong.sum())
    order = rerank(first, given)
    while left > 0:
        order = rerank(first, now) if anew else order
        page = order[~done[order]][: min(PAGE, left)]
        done[page], now[page] = True, truth[page]
        left -= PAGE
    return wrong[done].sum() / wrong.sum()


if __name__ == "__main__":
    sys.exit(main())
