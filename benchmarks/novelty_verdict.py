"""p-values, sample verdicts and taught strangers on instruments by which nothing was chosen.

    python benchmarks/novelty_verdict.py [MODEL] [--instruments 12] [--sampled 22] [--particles FOLDER]

- Shipped calibration: known particles marked at 5 %, by magnification; AUC and share found by kind of stranger.
- The alarm by the shipped calibration on other instruments, as whole tiles and as an instrument's crops, by
  magnification: clean runs (all known particles of an instrument), and DRAWN samples of 500 of each instrument, with
  replacement, with 10 and 20 % strangers of all instruments of its magnification.
- A normal set of one's own: known particles are split at random, half of them normal, SPLITS times. Known ones marked
  at 5 %; distance of their p-values from uniform (Kolmogorov-Smirnov; the largest of SPLITS against its 1 % limit that
  counts both halves); samples of 500 in which the alarm rings, clean and with 10 and 20 % strangers of each kind.
- Taught: 5, 20 and 60 confirmed strangers of a kind; AUC as the page orders (by p-value) and by score, share found of
  the others, known ones marked, of all and of the class of which most are; share found in the list by
  Benjamini-Hochberg, and of known ones in it. TIMES draws.
- A real run of plankton in ../shared/real, where there is one: taught, with AUC against the known particles.
- CPU time per particle of judging, beyond the classifier.

Exit code 1 if known particles are marked outside 4 to 6 % by the shipped calibration, or the alarm rings in more than
2 % of the clean samples, by it or by one's own.
"""

import argparse
import sys
import time

import numpy as np
from _drawn_instruments import add_particles_folder, pool
from novelty_filters import JUDGE, KNOWN, STRANGE, by_distances, drawn, join, particles_of, real_strangers
from sklearn.metrics import roc_auc_score

from svp_core.classifier.resnet import load_classifier
from svp_core.embedding.features import fixed_features
from svp_core.model_files import find_model_folder
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.listing import FALSE_SHARE
from svp_core.novelty.normal_set import calibrate_on_normal
from svp_core.novelty.teaching import judge_taught, like_confirmed, unconfirmed_rates
from svp_core.novelty.tile_forms import FORMS, cut_out, forms_of
from svp_core.novelty.verdict import judge_by_shipped, judge_sample
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.stats.intervals import estimate_share

SAMPLED = 9700  # entropy of the instruments that the alarm by the shipped calibration is measured on, none chosen by
SAMPLED_STRANGE = {"fibre": 12, "glass_flake": 8}
SAMPLED_KNOWN = {"20x": 167, "10x": 34, "4x": 34}  # of a class; of 20x, which marks most known ones, enough for a run
DRAWN = 4  # samples of each
SPLITS, SAMPLES, SAMPLE_SIZE = 50, 4, 500
SHARES = (0.1, 0.2)  # of strangers in a sample
CONFIRMED, TIMES = (5, 20, 60), 5
KS_LIMIT = 1.628  # of the statistic times sqrt(n m / (n + m)), at 1 %
MAX_ALARMS, MARKED = 0.02, (0.04, 0.06)


def text(mask):
    """ "5.1 % (4.2 to 6.1), n 2,000": share with its 95 % interval."""
    share = estimate_share(mask)
    return f"{share.value:6.1%} ({share.low:.1%} to {share.high:.1%}), n {share.n:,}"


def auc(known, strange):
    """Share of pairs in which the stranger scores higher."""
    return roc_auc_score(np.repeat([0, 1], [len(known), len(strange)]), np.concatenate([known, strange]))


def by_shipped(calibration, particles, is_known):
    """Print what the shipped calibration marks; returns the share of known ones."""
    scores, values = by_distances(calibration, particles)
    print(f"shipped calibration, known particles marked: {text(values[is_known] <= LEVEL)}")
    magnifications = np.array(list(MAGNIFICATIONS))[particles.instruments % len(MAGNIFICATIONS)]
    for name in MAGNIFICATIONS:
        print(f"  {name:16} {text(values[is_known & (magnifications == name)] <= LEVEL)}")
    for kind in STRANGE:
        mask = particles.kinds == kind
        print(f"  {kind:16} AUC {auc(scores[is_known], scores[mask]):.2f}, found {text(values[mask] <= LEVEL)}")
    return (values[is_known] <= LEVEL).mean()


def alarms_by_shipped(calibration, classifier, options):
    """Print how often the alarm rings on samples of single instruments; returns the share of clean ones."""
    rng, rings, names = np.random.default_rng(2), {}, list(MAGNIFICATIONS)
    pools = [
        pool(options.particles, SAMPLED, name, number, dict.fromkeys(KNOWN, SAMPLED_KNOWN[name]) | SAMPLED_STRANGE)
        for number in range(options.sampled)
        for name in MAGNIFICATIONS
    ]
    tiles, kinds = (np.concatenate([getattr(one, part) for one in pools]) for part in ("tiles", "kinds"))
    numbers = np.repeat(np.arange(len(pools)), [len(one.tiles) for one in pools])
    for form in FORMS:
        crops = [tile if form == "whole" else cut_out(tile, rng) for tile in tiles]
        kept = [k for k, crop in enumerate(crops) if crop is not None]
        particles = particles_of([crops[k] for k in kept], kinds[kept], numbers[kept], classifier)
        values, places = by_distances(calibration, particles)[1], particles.instruments % len(names)
        for number in np.unique(particles.instruments):
            magnification = names[number % len(names)]
            own = values[(particles.instruments == number) & np.isin(particles.kinds, KNOWN)]
            samples = [("clean", 0.0, own)]
            for kind in SAMPLED_STRANGE:
                strange = values[(particles.kinds == kind) & (places == number % len(names))]
                for share in SHARES * DRAWN:
                    count = round(share * SAMPLE_SIZE)
                    sample = np.concatenate([rng.choice(own, SAMPLE_SIZE - count), rng.choice(strange, count)])
                    samples.append((kind, share, sample))
            for kind, share, sample in samples:
                alarm = judge_by_shipped(sample, magnification).is_alarm
                rings.setdefault((form, kind, share), []).append((magnification, alarm))
    print(f"shipped calibration, samples of {len(pools)} instruments:")
    for (form, kind, share), alarms in sorted(rings.items()):
        of_all = np.array([alarm for _, alarm in alarms])
        parts = [f"{name} {np.mean([alarm for other, alarm in alarms if other == name]):.0%}" for name in names]
        print(f"  alarm, {form:6} {kind:12} {share:4.0%}: {text(of_all)}; {', '.join(parts)}")
    return np.mean([alarm for key, alarms in rings.items() if key[1] == "clean" for _, alarm in alarms])


def by_own(shipped, particles, is_known):
    """Print what normal sets of one's own do; returns the share of clean samples with an alarm."""
    rng, rows = np.random.default_rng(0), np.flatnonzero(is_known)
    marked, distances, rings = [], [], {("clean", 0.0): []}
    for _ in range(SPLITS):
        normal, others = np.array_split(rng.permutation(rows), 2)
        part = particles.take(normal)
        own, _ = calibrate_on_normal(shipped, part.features, part.named, forms_of(part.tiles), description="normal")
        _, values = by_distances(own, particles)
        clean = values[others][np.isfinite(values[others])]
        marked.append(clean <= LEVEL)
        distances.append(distance_from_uniform(clean, len(normal)))
        for _ in range(SAMPLES):
            known = rng.choice(clean, SAMPLE_SIZE, replace=False)
            rings["clean", 0.0].append(judge_sample(known, among=len(normal)).is_alarm)
            for kind in STRANGE:
                strange = values[(particles.kinds == kind) & np.isfinite(values)]
                for share in SHARES:
                    count = round(share * SAMPLE_SIZE)
                    sample = np.concatenate([known[count:], rng.choice(strange, count)])
                    verdict = judge_sample(sample, among=len(normal))
                    rings.setdefault((kind, share), []).append(verdict.is_alarm)
    print(f"own normal set, known particles marked: {text(np.concatenate(marked))} in {SPLITS} splits")
    print(f"  largest distance from uniform {max(distances):.2f}, limit at 1 % {KS_LIMIT}; above it {over(distances)}")
    for (kind, share), alarms in rings.items():
        print(f"  alarm, {kind:12} {share:4.0%}: {text(np.array(alarms))}")
    return np.mean(rings["clean", 0.0])


def distance_from_uniform(values, among):
    """Largest difference from a uniform distribution, in units of its spread when counted among so many."""
    ordered = np.sort(values)
    grid = np.arange(1, len(values) + 1) / len(values)
    largest = max((grid - ordered).max(), (ordered - grid + 1 / len(values)).max())
    return largest * np.sqrt(len(values) * among / (len(values) + among))


def over(distances):
    """How many are above the limit, as text."""
    return f"{sum(distance > KS_LIMIT for distance in distances)} of {len(distances)}"


def taught(calibration, particles, is_known, kinds):
    """Print what confirmed strangers of each kind find of the others."""
    rng = np.random.default_rng(1)
    forms = forms_of(particles.tiles)
    for count in CONFIRMED:
        print(f"taught with {count}:")
        for kind in kinds:
            rows, figures = np.flatnonzero(particles.kinds == kind), []
            sample = np.concatenate([np.flatnonzero(is_known), rows])
            for _ in range(TIMES):
                confirmed = rng.choice(len(rows), count, replace=False) + int(is_known.sum())
                part = particles.take(sample)
                judged = judge_taught(calibration.examples, part.features, part.named, forms[sample], confirmed)
                held = np.setdiff1d(np.arange(int(is_known.sum()), len(sample)), confirmed)
                known, (scores, values) = slice(int(is_known.sum())), judged
                rates = unconfirmed_rates(values, confirmed)
                listed, found = rates <= FALSE_SHARE, like_confirmed(values, rates)
                marked = found[known]
                figures.append(
                    (
                        auc(-values[known], -values[held]),
                        auc(scores[known], scores[held]),
                        found[held].mean(),
                        marked.mean(),
                        max(marked[part.named[known] == label].mean() for label in np.unique(part.named[known])),
                        listed[held].mean(),
                        listed[known].sum() / max(1, listed.sum()),
                    )
                )
            means, lowest = np.mean(figures, axis=0), np.min(figures, axis=0)
            print(
                f"  {kind:16} AUC {means[0]:.3f} (lowest {lowest[0]:.3f}), by score {means[1]:.3f}, found "
                f"{means[2]:.0%}, known marked {means[3]:.1%}, of one class {means[4]:.1%}; listed {means[5]:.0%}, "
                f"{means[6]:.1%} of the list known; {len(rows) - count} held out",
                flush=True,
            )


def cost(calibration, particles, count=512):
    """Print the CPU time of judging particles whose classifier features are there."""
    tiles, start = particles.tiles[:count], time.process_time()
    fixed_features(tiles)
    by_distances(calibration, particles.take(np.arange(count)))
    print(f"judging: {1000 * (time.process_time() - start) / count:.2f} ms of CPU time per particle")


def main():
    """Draw, judge, print; exit code 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?", default="resnet18")
    parser.add_argument("--instruments", type=int, default=12, help="per magnification")
    parser.add_argument("--sampled", type=int, default=22, help="instruments per magnification, for the alarm")
    add_particles_folder(parser)
    options = parser.parse_args()
    classifier = load_classifier(find_model_folder(options.model))
    shipped, reason = find_calibration(classifier.folder, classifier.config.class_keys)
    if shipped is None:
        raise SystemExit(reason)
    particles = drawn(JUDGE, classifier, options)
    is_known = np.isin(particles.kinds, KNOWN)
    cost(shipped, particles)
    marked = by_shipped(shipped, particles, is_known)
    alarms = max(alarms_by_shipped(shipped, classifier, options), by_own(shipped, particles, is_known))
    taught(shipped, particles, is_known, STRANGE)
    if (real := real_strangers(classifier)) is not None:
        both = join(particles.take(is_known), real)
        taught(shipped, both, np.isin(both.kinds, KNOWN), sorted(set(real.kinds)))
    return int(not MARKED[0] <= marked <= MARKED[1] or alarms > MAX_ALARMS)


if __name__ == "__main__":
    sys.exit(main())
