"""Autoencoder filters, distances and the classifier's own doubt on the same particles: which strangers does each find?

    python benchmarks/novelty_filters.py [MODEL] [--instruments 12] [--images 24000] [--particles FOLDER]

Every score is fitted to, or calibrated on, the known particles of the same instruments, and judged on known particles
and strangers of other instruments, by both of which nothing was chosen; and on a real run of plankton where
../shared/real has one. Per score: AUC by kind of stranger with its 95 % interval (resampled by instrument), share
found at p <= 0.05 within the named class, share of known particles marked; and for the autoencoders, the threshold by
Youden, which is chosen with the strangers.

Rows: autoencoder, plain; autoencoder, texture-weighted; largest probability of the classifier (Hendrycks and Gimpel
2017); distances by the shipped calibration; distances by these known particles as a normal set.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _drawn_instruments import KINDS_OF, add_particles_folder, pool
from sklearn.metrics import roc_auc_score

from svp_core.classification.classify import classify_records, classify_source
from svp_core.classifier.resnet import load_classifier
from svp_core.instruments.records import ParticleRecord
from svp_core.model_files import find_model_folder
from svp_core.novelty.autoencoder import AutoencoderConfig
from svp_core.novelty.calibration import LEVEL, MIN_NAMED, conformal_p, views_of
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.normal_set import calibrate_on_normal
from svp_core.novelty.reconstruction import ReconstructionPlan, train_filter
from svp_core.novelty.roc import roc_curve
from svp_core.novelty.tile_forms import forms_of
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.progress import run_to_end
from svp_core.stats.intervals import estimate_share

FIT, JUDGE = 7500, 9500  # entropies of the instruments
KNOWN = ("protein", "silicone_oil", "air_bubble")
STRANGE = ("glass_flake", "fibre", *KINDS_OF["other"])
PER_KIND = {**dict.fromkeys(KNOWN, 20), "glass_flake": 10, "fibre": 10, "opaque": 5, "cell": 5}
REAL = Path(__file__).resolve().parents[2] / "shared" / "real" / "flowcam_run"
PLANKTON = "plankton (real)"
RESAMPLES = 400


@dataclass
class Particles:
    """Tiles with all that the scores see of them."""

    tiles: Any  # uint8 (N, 64, 64)
    kinds: Any  # (N,)
    instruments: Any  # (N,)
    named: Any  # (N,)
    confidence: Any  # (N,)
    features: Any  # (N, D)

    def take(self, rows):
        """Those of these rows."""
        return Particles(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def particles_of(images, kinds, instruments, classifier):
    """Particles of these images; those without an outline are left out."""
    keys = list(classifier.config.class_keys)
    batch = classify_records([ParticleRecord(f"{k}", "drawn", image) for k, image in enumerate(images)], classifier)
    return _as_particles([batch], np.asarray(kinds), np.asarray(instruments), keys)


def _as_particles(batches, kinds, instruments, keys):
    rows = [row for batch in batches for row in batch.rows]
    ok = np.array([row["status"] == "ok" for row in rows])
    named = [row for row in rows if row["status"] == "ok"]
    return Particles(
        np.concatenate([batch.tiles for batch in batches]),
        kinds[ok],
        instruments[ok],
        np.array([keys.index(row["label"]) for row in named]),
        np.array([row["confidence"] for row in named]),
        np.concatenate([np.asarray(batch.features) for batch in batches]),
    )


def drawn(entropy, classifier, options):
    """Particles of the drawn instruments of this entropy."""
    pools = [
        pool(options.particles, entropy, magnification, number, PER_KIND)
        for number in range(options.instruments)
        for magnification in MAGNIFICATIONS
    ]
    instruments = np.repeat(np.arange(len(pools)), [len(one.tiles) for one in pools])
    kinds = np.concatenate([one.kinds for one in pools])
    return particles_of(np.concatenate([one.tiles for one in pools]), kinds, instruments, classifier)


def real_strangers(classifier):
    """Particles of the real run; None where there is none."""
    if not REAL.is_dir():
        return None
    batches = list(classify_source(next(REAL.iterdir()), classifier))
    count = sum(len(batch.rows) for batch in batches)
    keys = list(classifier.config.class_keys)
    return _as_particles(batches, np.repeat(PLANKTON, count), np.repeat(-1, count), keys)


def scores_of(classifier, fit, judge, options):
    """Name of a score -> (scores, p-values) of the judged particles."""
    found = {}
    for name, weighted in (("autoencoder, plain", False), ("autoencoder, texture-weighted", True)):
        config, plan = AutoencoderConfig(weighted=weighted), ReconstructionPlan(images=options.images)
        steps = train_filter(fit.tiles, fit.named, config=config, plan=plan, device=torch.device("cpu"))
        trained = run_to_end(steps)
        scores = trained.score(judge.tiles)
        found[name] = scores, trained.p_values(scores, judge.named)
        print(f"{name}: loss {trained.history[0]['loss']:.3f} -> {trained.history[-1]['loss']:.3f}", flush=True)
    found["largest probability"] = -judge.confidence, within_class(-fit.confidence, fit.named, -judge.confidence, judge)
    shipped, reason = find_calibration(classifier.folder, classifier.config.class_keys)
    if shipped is None:
        raise SystemExit(reason)
    forms = forms_of(fit.tiles)
    own, _ = calibrate_on_normal(shipped, fit.features, fit.named, forms, description="known particles")
    for name, calibration in (("distances, shipped calibration", shipped), ("distances, this normal set", own)):
        found[name] = by_distances(calibration, judge)
    return found


def within_class(known, known_named, scores, judge):
    """Conformal p-values of scores among known ones that were named alike."""
    values = np.ones(len(scores))
    for label in np.unique(judge.named):
        alike = known_named == label
        alike = alike if alike.sum() >= MIN_NAMED else np.ones(len(alike), bool)
        values[judge.named == label] = conformal_p(scores[judge.named == label], known[alike])
    return values


def by_distances(calibration, judge):
    """(scores, p-values) of the judged particles; NaN where their form of tile is not known."""
    scores, values = (np.full(len(judge.named), np.nan) for _ in range(2))
    forms = forms_of(judge.tiles)
    for index, form in enumerate(calibration.forms):
        rows = np.flatnonzero(forms == index)
        if len(rows) and len(form.named):
            views = views_of(judge.features[rows], judge.named[rows])
            scores[rows], values[rows] = form.judge_distances(form.measure(views), judge.named[rows])
    return scores, values


def auc_interval(known, strange, of_known, of_strange):
    """(AUC, low, high): resampled by instrument."""
    rng, values = np.random.default_rng(0), []
    truth = np.repeat([0, 1], [len(known), len(strange)])
    for _ in range(RESAMPLES):
        chosen = [
            np.concatenate(
                [np.flatnonzero(numbers == k) for k in rng.choice(np.unique(numbers), len(np.unique(numbers)))]
            )
            if len(np.unique(numbers)) > 1
            else rng.integers(0, len(numbers), len(numbers))
            for numbers in (of_known, of_strange)
        ]
        labels = np.repeat([0, 1], [len(rows) for rows in chosen])
        values.append(roc_auc_score(labels, np.concatenate([known[chosen[0]], strange[chosen[1]]])))
    return roc_auc_score(truth, np.concatenate([known, strange])), *np.percentile(values, (2.5, 97.5))


def print_table(found, judge):
    """Print one line per score and kind of stranger; returns the same as rows."""
    is_known, rows = np.isin(judge.kinds, KNOWN), []
    for name, (scores, values) in found.items():
        marked = estimate_share(values[is_known] <= LEVEL)
        print(
            f"\n{name}: known particles marked {marked.value:.1%} ({marked.low:.1%} to {marked.high:.1%}), n {marked.n}"
        )
        for kind in dict.fromkeys([*STRANGE, *judge.kinds[~is_known]]):
            strange = (judge.kinds == kind) & np.isfinite(scores)
            if not strange.any():
                print(f"  {kind:16} not judged: no known particle has this form of tile")
                continue
            auc, low, high = auc_interval(
                scores[is_known], scores[strange], judge.instruments[is_known], judge.instruments[strange]
            )
            share = estimate_share(values[strange] <= LEVEL)
            curve = roc_curve(scores[is_known], scores[strange], values[is_known], values[strange])
            youden = curve.youden
            print(
                f"  {kind:16} AUC {auc:.2f} ({low:.2f} to {high:.2f}); found {share.value:4.0%} "
                f"({share.low:.0%} to {share.high:.0%}), n {share.n}; by Youden {youden.found:.0%} at "
                f"{youden.false_alarms:.0%} false alarms",
                flush=True,
            )
            rows.append({"score": name, "kind": kind, "auc": auc, "found": share.value, "n": share.n})
    return rows


def join(*parts):
    """All particles of these."""
    return Particles(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in Particles.__dataclass_fields__)
    )


def main():
    """Draw, train, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", default="resnet18")
    parser.add_argument("--instruments", type=int, default=12, help="per magnification and set")
    parser.add_argument("--images", type=int, default=24_000, help="shown to each autoencoder")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="the table as JSON")
    add_particles_folder(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    classifier = load_classifier(find_model_folder(options.model))
    fit = drawn(FIT, classifier, options)
    fit = fit.take(np.isin(fit.kinds, KNOWN))
    parts = [drawn(JUDGE, classifier, options), real_strangers(classifier)]
    judge = join(*(part for part in parts if part is not None))
    print(f"fitted to {len(fit.kinds):,} known particles of {3 * options.instruments} instruments", flush=True)
    rows = print_table(scores_of(classifier, fit, judge, options), judge)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
