"""How well are particles unlike all classes found, and how often are known ones marked?

    python benchmarks/novelty.py [MODEL] [--instruments 20] [--each 15] [--particles FOLDER]

- Known particles of instruments drawn afresh (--instruments per magnification, --each per kind of particle), by which
  nothing was chosen: the share that is marked at 5 %, with its 95 % interval, by magnification and by class; and in how
  many clean runs an alarm rings, a run being all particles of an instrument, those of one class, or those of half the
  sizes, each as whole tiles and as an instrument's crops.
- Empty crops: noise of several strengths, and parts of a real calibration image where ../shared/real has one, away from
  the particles that lie in it: none may be named and sure.
- A real run of other particles (../shared/real/flowcam_run, plankton), where there is one: the share marked, unsure or
  both, the verdict; and the share of the others marked once 5, 20 or 60 of its particles are confirmed strangers, mean
  and range of 5 draws.
- CPU time of classifying with and without the calibration.

Exit code 1 if more than 6 % of the known particles are marked, alarms ring in more than 2 % of the clean runs, or an
empty crop is named.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _drawn_instruments import KINDS_OF, add_particles_folder, class_of, pool
from PIL import Image
from scipy.stats import beta

from svp_core.classification.classify import classify_records
from svp_core.classification.results import read_results_folder
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import has_novelty, is_unlike, verdict_sentence, withheld_reason
from svp_core.classifier.resnet import load_classifier
from svp_core.instruments.records import ParticleRecord
from svp_core.model_files import find_model_folder
from svp_core.novelty.calibration import views_of
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.resemblance import MARGIN, compare_run
from svp_core.novelty.tile_forms import FORMS, cut_out, forms_of
from svp_core.novelty.verdict import judge_by_shipped
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.taught_strangers import teach_strangers

ENTROPY = 9300  # of the drawn instruments: nothing was chosen by them
REAL = Path(__file__).resolve().parents[2] / "shared" / "real" / "flowcam_run"
NOISE = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0)  # grey levels
EMPTY = 200
# Particles that lie in the real calibration image, found by eye: x, y in px. A crop that shows one is not empty.
IN_CALIBRATION_IMAGE = (
    *((429, 32), (214, 106), (207, 88), (699, 279), (550, 396), (566, 418), (543, 501), (504, 501), (442, 496)),
    *((1011, 54), (1236, 133), (1077, 357), (890, 776), (897, 788), (975, 781), (1221, 817), (470, 890), (432, 891)),
    *((591, 914), (1207, 520)),
)
CLEARANCE = 12  # px between such a particle's centre and an empty crop
CONFIRMED = (5, 20, 60)
MAX_KNOWN, MAX_ALARMS = 0.06, 0.02
MIN_RUN = 20  # particles of a clean run


def records_of(images):
    """Particle records of these images."""
    return [ParticleRecord(f"{k}", "drawn", image) for k, image in enumerate(images)]


def interval(marked, total):
    """ "5.1 % (4.2 to 6.1), n 2,000": share with its exact 95 % interval."""
    low = beta.ppf(0.025, marked, total - marked + 1) if marked else 0.0
    high = beta.ppf(0.975, marked + 1, total - marked) if marked < total else 1.0
    return f"{marked / total:6.1%} ({low:.1%} to {high:.1%}), n {total:,}" if total else "none"


def known_particles(classifier, options):
    """Print the share of known particles that is marked, and of clean runs with an alarm; returns both over all."""
    keys = classifier.config.class_keys
    per_kind = {kind: options.each for key in keys for kind in KINDS_OF.get(key, (key,))}
    marks, alarms = [], []  # (magnification, kind, marked); (what the run holds, whether an alarm rings)
    by_instrument = []
    for magnification in MAGNIFICATIONS:
        for number in range(options.instruments):
            drawn = pool(options.particles, ENTROPY, magnification, number, per_kind)
            alarms += clean_runs(drawn, classifier)
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
    print(f"clean runs in which an alarm rings, {len(alarms):,} runs:")
    for name in dict.fromkeys(name for name, *_ in alarms):
        rings = [ring for other, ring, _ in alarms if other == name]
        excess = max(value for other, _, value in alarms if other == name)
        print(f"  {name:22} {interval(sum(rings), len(rings))}; largest excess of a whole run {excess:.2f}")
    return marked.mean(), np.mean([ring for _, ring, _ in alarms])


def clean_runs(drawn, classifier):
    """(what it holds, whether an alarm rings, excess of the whole run) of runs of one instrument's known particles."""
    calibration, reason = find_calibration(classifier.folder, classifier.config.class_keys)
    if calibration is None:
        raise SystemExit(reason)
    names, rng, found = np.array([class_of(kind) for kind in drawn.kinds], object), np.random.default_rng(0), []
    for form in FORMS:
        crops = list(drawn.tiles) if form == "whole" else [cut_out(tile, rng) for tile in drawn.tiles]
        kept = [k for k, crop in enumerate(crops) if crop is not None]
        batch = classify_records(records_of([crops[k] for k in kept]), classifier)
        ok = [k for k, row in zip(kept, batch.rows, strict=True) if row["label"]]
        rows = [row for row in batch.rows if row["label"]]
        named = np.array([classifier.config.class_keys.index(row["label"]) for row in rows])
        values, forms = np.array([row["novelty_p"] for row in rows]), forms_of(batch.tiles)
        sizes, features = np.array([row["ecd_px"] for row in rows]), np.asarray(batch.features)
        parts = {"all": np.ones(len(ok), bool), "small ones": sizes < np.median(sizes)}
        parts |= {"large ones": ~parts["small ones"]} | {f"{name} only": names[ok] == name for name in np.unique(names)}
        for name, mask in parts.items():
            if mask.sum() >= MIN_RUN:
                excess = 0.0
                for index, spread in enumerate(calibration.spreads):
                    chosen = mask & (forms == index)
                    excess = max(excess, compare_run(spread, views_of(features[chosen], named[chosen])).excess)
                verdict = judge_by_shipped(values[mask], drawn.magnification)
                found.append((name, verdict.is_alarm or excess > MARGIN, excess))
    return found


def empty_crops(classifier):
    """Print what becomes of crops without a particle; returns how many are named, sure and not marked."""
    rng = np.random.default_rng(ENTROPY)
    noise = [180 + rng.normal(0, NOISE[k % len(NOISE)], (48, 48)) for k in range(EMPTY)]
    sets = {"noise": [np.round(crop).clip(0, 255).astype(np.uint8) for crop in noise]}
    for path in sorted(REAL.glob("*/cal_image*.tif"))[:1]:
        image = np.asarray(Image.open(path).convert("L"))
        corners = empty_corners(image.shape, rng)
        sets["calibration image"] = [image[top : top + 48, left : left + 48] for top, left in corners]
    named = 0
    for title, crops in sets.items():
        rows = classify_records(records_of(crops), classifier).rows
        judged = [row for row in rows if row["label"]]
        sure = [row for row in judged if row["confidence"] >= CONFIDENCE_THRESHOLD and not row["unlike"]]
        named += len(sure)
        print(f"empty crops, {title}: {len(rows)}, rejected {len(rows) - len(judged)}, named and sure {len(sure)}")
    return named


def empty_corners(shape, rng):
    """Top left corners of EMPTY crops of 48 px that show none of the particles in the calibration image."""
    corners = []
    while len(corners) < EMPTY:
        top, left = rng.integers(0, shape[0] - 48), rng.integers(0, shape[1] - 48)
        if not any(
            -CLEARANCE <= x - left < 48 + CLEARANCE and -CLEARANCE <= y - top < 48 + CLEARANCE
            for x, y in IN_CALIBRATION_IMAGE
        ):
            corners.append((top, left))
    return corners


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
        print(f"either {(unlike | unsure).mean():.1%}; most likely {named}")
        print(f"  {verdict_sentence(results) or 'no alarm'} {withheld_reason(results)}")
        rng = np.random.default_rng(0)
        for count in CONFIRMED:
            shares = []
            for _ in range(5):
                confirmed = rng.choice(len(unlike), count, replace=False)
                teach_strangers(results, confirmed.tolist())
                shares.append(np.delete(is_unlike(read_results_folder(folder)), confirmed).mean())
            between = f"{min(shares):.1%} to {max(shares):.1%}"
            print(f"  {count} confirmed: {np.mean(shares):.1%} of the others marked ({between})", flush=True)


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
    parser.add_argument("--instruments", type=int, default=20, help="per magnification")
    parser.add_argument("--each", type=int, default=15, help="particles per kind and instrument")
    add_particles_folder(parser)
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder(options.model))
    cost(classifier, np.load(Path(__file__).resolve().parents[1] / "sample_data" / "tiles.npy")[:256])
    named = empty_crops(classifier)
    if REAL.is_dir():
        real_run(classifier)
    known, alarms = known_particles(classifier, options)
    return int(known > MAX_KNOWN or alarms > MAX_ALARMS or named > 0)


if __name__ == "__main__":
    sys.exit(main())
