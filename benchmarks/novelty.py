"""How well are particles unlike all classes found, and how often are known ones marked?

    python benchmarks/novelty.py [MODEL] [--instruments 8] [--each 10] [--particles FOLDER]

- Known particles of instruments drawn afresh (--instruments per magnification, --each per kind of particle): the share
  that is marked at 5 %, with its 95 % interval, by magnification and by class.
- Empty crops: noise of several strengths, and parts of a real calibration image where ../shared/real has one: none may
  be named and sure.
- A real run of other particles (../shared/real/flowcam_run, plankton), where it exists: the share marked, unsure or
  either, the verdict; and the share marked once 5, 20 or 60 of its particles are confirmed strangers, mean of 5 draws.
- CPU time of classifying with and without the calibration.

Exit code 1 if more than 6 % of the known particles are marked, or an empty crop is named.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _drawn_instruments import KINDS_OF, add_particles_folder, pool
from PIL import Image
from scipy.stats import beta

from svp_core.classification.classify import classify_records
from svp_core.classification.results import read_results_folder
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import has_novelty, is_unlike, verdict_of
from svp_core.classifier.resnet import load_classifier
from svp_core.instruments.records import ParticleRecord
from svp_core.model_files import find_model_folder
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.taught_strangers import teach_strangers

ENTROPY = 7400  # of the drawn instruments: those of benchmarks/counts.py
REAL = Path(__file__).resolve().parents[2] / "shared" / "real" / "flowcam_run"
NOISE = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0)  # grey levels
EMPTY = 200
CONFIRMED = (5, 20, 60)
MAX_KNOWN = 0.06


def records_of(images):
    """Particle records of these images."""
    return [ParticleRecord(f"{k}", "drawn", image) for k, image in enumerate(images)]


def interval(marked, total):
    """ "5.1 % (4.2 to 6.1), n 2,000": share with its exact 95 % interval."""
    low = beta.ppf(0.025, marked, total - marked + 1) if marked else 0.0
    high = beta.ppf(0.975, marked + 1, total - marked) if marked < total else 1.0
    return f"{marked / total:6.1%} ({low:.1%} to {high:.1%}), n {total:,}" if total else "none"


def known_particles(classifier, options):
    """Print the share of known particles that is marked; returns it for all of them."""
    keys = classifier.config.class_keys
    per_kind = {kind: options.each for key in keys for kind in KINDS_OF.get(key, (key,))}
    marks = []  # (magnification, kind, marked)
    by_instrument = []
    for magnification in MAGNIFICATIONS:
        for number in range(options.instruments):
            drawn = pool(options.particles, ENTROPY, magnification, number, per_kind)
            rows = classify_records(records_of(drawn.tiles), classifier).rows
            judged = [(kind, row["unlike"]) for kind, row in zip(drawn.kinds, rows, strict=True) if row["label"]]
            marks += [(magnification, kind, unlike) for kind, unlike in judged]
            by_instrument.append(np.mean([unlike for _, unlike in judged]))
    print(f"known particles of {len(by_instrument)} instruments, marked at 5 %:")
    marked = np.array([mark for *_, mark in marks], bool)
    for column, names in ((0, MAGNIFICATIONS), (1, per_kind)):
        for name in names:
            rows = marked[[one[column] == name for one in marks]]
            print(f"  {name:14} {interval(int(rows.sum()), len(rows))}")
    print(f"  {'all':14} {interval(int(marked.sum()), len(marked))}")
    print(f"  by instrument: median {np.median(by_instrument):.1%}, highest {np.max(by_instrument):.1%}", flush=True)
    return marked.mean()


def empty_crops(classifier):
    """Print what becomes of crops without a particle; returns how many are named, sure and not marked."""
    rng = np.random.default_rng(ENTROPY)
    noise = [180 + rng.normal(0, NOISE[k % len(NOISE)], (48, 48)) for k in range(EMPTY)]
    sets = {"noise": [np.round(crop).clip(0, 255).astype(np.uint8) for crop in noise]}
    for path in sorted(REAL.glob("*/cal_image*.tif"))[:1]:
        image = np.asarray(Image.open(path).convert("L"))
        corners = [(rng.integers(0, image.shape[0] - 48), rng.integers(0, image.shape[1] - 48)) for _ in range(EMPTY)]
        sets["calibration image"] = [image[top : top + 48, left : left + 48] for top, left in corners]
    named = 0
    for title, crops in sets.items():
        rows = classify_records(records_of(crops), classifier).rows
        judged = [row for row in rows if row["label"]]
        sure = [row for row in judged if row["confidence"] >= CONFIDENCE_THRESHOLD and not row["unlike"]]
        named += len(sure)
        print(f"empty crops, {title}: {len(rows)}, rejected {len(rows) - len(judged)}, named and sure {len(sure)}")
    return named


def real_run(classifier):
    """Print how many particles of the real run are marked, before and after strangers are confirmed."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in classify(ClassifyRequest(str(next(REAL.iterdir())), str(classifier.folder)), Path(folder)):
            pass
        results = read_results_folder(folder)
        if not has_novelty(results):
            print("real run: not judged")
            return
        unlike, unsure = is_unlike(results), results.probs.max(1) < CONFIDENCE_THRESHOLD
        named = {key: int((results.probs.argmax(1) == k).sum()) for k, key in enumerate(results.class_keys)}
        print(f"real run, {len(unlike)} particles: unlike {unlike.mean():.1%}, unsure {unsure.mean():.1%},", end=" ")
        verdict = verdict_of(results)
        is_alarm = verdict is not None and verdict.is_alarm
        print(f"either {(unlike | unsure).mean():.1%}; alarm: {is_alarm}; most likely {named}")
        rng = np.random.default_rng(0)
        for count in CONFIRMED:
            shares = []
            for _ in range(5):
                teach_strangers(results, rng.choice(len(unlike), count, replace=False).tolist())
                shares.append(is_unlike(results).mean())
            print(f"  {count} confirmed: {np.mean(shares):.1%} marked", flush=True)


def cost(classifier, tiles):
    """Print the CPU time per particle with and without the calibration."""
    for title, one in (("without", replace(classifier, folder=None)), ("with", classifier)):
        times = []
        for _ in range(3):
            start = time.process_time()
            classify_records(records_of(tiles), one)
            times.append((time.process_time() - start) / len(tiles))
        print(f"measured and classified {title} calibration: {1000 * min(times):.2f} ms of CPU time per particle")


def main():
    """Measure, print; exit code 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", default="resnet18")
    parser.add_argument("--instruments", type=int, default=8, help="per magnification")
    parser.add_argument("--each", type=int, default=10, help="particles per kind and instrument")
    add_particles_folder(parser)
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder(options.model))
    cost(classifier, np.load(Path(__file__).resolve().parents[1] / "sample_data" / "tiles.npy")[:256])
    named = empty_crops(classifier)
    if REAL.is_dir():
        real_run(classifier)
    return int(known_particles(classifier, options) > MAX_KNOWN or named > 0)


if __name__ == "__main__":
    sys.exit(main())
