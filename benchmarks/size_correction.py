"""Fit the size correction on simulated particles of known diameter, and judge it on instruments drawn afresh.

    python benchmarks/size_correction.py --sets FOLDER [--count 500] [--model resnet18] [--out FILE.safetensors]

Simulates what FOLDER lacks (about 20,000 particles, an hour on two cores), fits on particles that each have another
instrument, sets the intervals on 24 instruments that the fit did not see (conformal), and prints for 24 further ones,
by size: the measured over the true diameter, the estimated over the true one, and how often the interval holds.
Particles are named by the classifier --model, right or wrong, as classify names them. With --judge FILE an existing
correction is judged instead of fitted.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from _drawn_instruments import class_of
from _size_sets import read_measured, simulate_missing

from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.model_files import find_model_folder, weights_sha256
from svp_core.size_correction.correction import (
    SHIPPED,
    SIZE_EDGES_UM,
    SizeCorrection,
    groups,
    load_correction,
    save_correction,
)
from svp_core.size_correction.features import CLASSES, POLYSTYRENE, features

QUANTILES = (0.5, 0.025, 0.975)
HIDDEN, NETWORKS, EPOCHS, BATCH, RATE, DECAY = 64, 3, 40, 256, 0.01, 0.003
UNKNOWN, MISNAMED = 0.1, 0.1  # share of the particles fitted without a class, and with a wrong one
MIN_GROUP = 60  # particles to set the ends of a size by; with fewer, those of all sizes
BINS_UM = ((0, 5), (5, 10), (10, 25), (25, np.inf))
FLAT_BINS, FLAT_RANGE = 16, (0.3, 6.0)  # of the logarithm of the size, within which the weights are equal


def main():
    """Fit or read, judge, print, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", type=Path, required=True, help="folder of simulated sets; missing ones are made")
    parser.add_argument("--count", type=int, default=500, help="particles of each kind and law to fit on")
    parser.add_argument("--model", default="resnet18", help="classifier that names the particles")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="file to write")
    parser.add_argument("--judge", type=Path, help="judge this correction instead of fitting one")
    options = parser.parse_args()
    torch.manual_seed(0)
    simulate_missing(options.sets, options.count)
    started, particles = time.perf_counter(), list(read_measured(options.sets))
    model = find_model_folder(options.model)
    named = name_particles(particles, load_classifier(model))
    print(f"{len(particles):,} measured and named in {time.perf_counter() - started:.0f} s")
    if options.judge:
        correction = load_correction(options.judge)
    else:
        correction = fit(particles)
        facts = {"classifier": model.name, "classifier_sha256": weights_sha256(model)}
        correction = set_ends(correction, particles, named, facts)
    for cropped in (False, True):
        print(f"\n{'Crops around the particle' if cropped else 'Tiles'}, instruments drawn afresh")
        judge(correction, [(p, name) for p, name in zip(particles, named, strict=True) if p.cropped == cropped])
    if not options.judge:
        save_correction(correction, options.out)
        print(f"\n{options.out}: {options.out.stat().st_size / 1024:.0f} kB; {json.dumps(dict(correction.facts))}")


def name_particles(particles, classifier):
    """Class of each particle as the classifier names its tile, None for those to fit on; beads keep their own."""
    named, keys = np.full(len(particles), None, object), classifier.config.class_keys
    at = [k for k, p in enumerate(particles) if p.role != "fit" and not p.cropped]
    best = predict_probs(classifier, np.stack([particles[k].tile for k in at])).argmax(1)
    by_tile = {id(particles[k].tile): keys[one] for k, one in zip(at, best, strict=True)}
    for k, particle in enumerate(particles):
        if particle.role != "fit":
            named[k] = POLYSTYRENE if particle.kind == POLYSTYRENE else by_tile.get(id(particle.tile))
    return named


def fit(particles):
    """SizeCorrection whose ends are not yet set, fitted on the particles of the role fit."""
    rng = np.random.default_rng(0)
    chosen = [p for p in particles if p.role == "fit"]
    labels = [_disturbed(class_of(p.kind), rng) for p in chosen]
    inputs = features([p.measures for p in chosen], labels, [p.um_per_px for p in chosen])
    target, weights = log_ratio(chosen), flat_weights(chosen)
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-3
    lowest, highest = np.quantile(inputs, (0.001, 0.999), axis=0).astype(np.float32)
    scaled = torch.tensor((np.clip(inputs, lowest, highest) - mean) / spread)
    nets = [train(scaled, torch.tensor(target), torch.tensor(weights), seed) for seed in range(NETWORKS)]
    layers = [[net[at] for net in nets] for at in (0, 2, 4)]
    first, second, last = (np.stack([_with_bias(layer) for layer in same]) for same in layers)
    scales = [p.um_per_px for p in chosen]
    shifts = np.zeros((2, len(SIZE_EDGES_UM), 2), np.float32)
    found = SizeCorrection(
        *(mean, spread, lowest, highest, first, second, last, shifts),
        um_per_px=(round(min(scales), 3), round(max(scales), 3)),
        facts={"fitted on": len(chosen)},
    )
    error = target - found.quantiles(inputs)[:, 0]
    print(f"fitted on {len(chosen):,} images of particles, s.d. of the logarithm {error.std():.3f}")
    return found


def train(inputs, target, weights, seed):
    """A network (features -> quantiles of the log) by the pinball loss."""
    torch.manual_seed(seed)
    sizes, quantiles = (inputs.shape[1], HIDDEN, HIDDEN), torch.tensor(QUANTILES)
    layers = [part for pair in pairwise(sizes) for part in (torch.nn.Linear(*pair), torch.nn.Tanh())]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN, len(QUANTILES)))
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=DECAY)
    steps = EPOCHS * (len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    order = torch.randperm(len(inputs))
    for step in range(steps):
        at = step % (len(inputs) // BATCH)
        order = order if at else torch.randperm(len(inputs))
        batch = order[at * BATCH : (at + 1) * BATCH]
        error = target[batch, None] - net(inputs[batch])
        loss = (torch.maximum(quantiles * error, (quantiles - 1) * error) * weights[batch, None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net


def set_ends(correction, particles, named, facts):
    """The correction with ends that hold on the instruments of the role calibrate."""
    chosen = [(p, name) for p, name in zip(particles, named, strict=True) if p.role == "calibrate"]
    held, labels = zip(*chosen, strict=True)
    inputs = features([p.measures for p in held], labels, [p.um_per_px for p in held])
    logs, target = correction.quantiles(inputs), log_ratio(held)
    misses = np.column_stack([logs[:, 1] - target, target - logs[:, 2]])
    cut, size = groups(inputs, logs[:, 0])
    shifts = np.zeros((2, len(SIZE_EDGES_UM), 2), np.float32)
    for of_cut in (0, 1):
        for of_size in range(len(SIZE_EDGES_UM)):
            mask = (cut == of_cut) & (size == of_size)
            mask = mask if mask.sum() >= MIN_GROUP else cut == of_cut
            level = min(1.0, 0.975 * (1 + 1 / mask.sum()))
            shifts[of_cut, of_size] = np.quantile(misses[mask], level, axis=0)
    instruments = len({p.instrument for p in held})
    facts = {**correction.facts, **facts, "intervals from": len(held), "of instruments": instruments}
    facts["beads_between_instruments"] = round(bead_spread(correction, particles), 4)
    return SizeCorrection(**{**vars(correction), "shifts": shifts, "facts": facts})


def bead_spread(correction, particles):
    """Relative s.d., between instruments that the fit did not see, of the mean estimated diameter of beads."""
    beads = [p for p in particles if p.kind == POLYSTYRENE and p.role != "fit" and not p.measures["touches_edge"]]
    inputs = features([p.measures for p in beads], [POLYSTYRENE] * len(beads), [p.um_per_px for p in beads])
    errors = correction.quantiles(inputs)[:, 0] - log_ratio(beads)
    names = np.array([p.instrument for p in beads])
    each = [errors[names == name] for name in np.unique(names) if (names == name).sum() > 3]
    within = np.mean([part.var(ddof=1) / len(part) for part in each])
    return float(np.sqrt(max(0.0, np.var([part.mean() for part in each], ddof=1) - within)))


def judge(correction, chosen):
    """Print bias and coverage by true size and class on the instruments of the role judge."""
    chosen = [(p, name) for p, name in chosen if p.role == "judge"]
    held, labels = zip(*chosen, strict=True)
    scales, ecd_px = np.array([(p.um_per_px, p.measures["ecd_px"]) for p in held]).T
    true, kinds = np.array([p.diameter_um for p in held]), np.array([p.kind for p in held])
    cut = np.array([p.measures["touches_edge"] for p in held])
    estimated, low, high = correction.estimate([p.measures for p in held], labels, scales).T
    inside = (true >= low) & (true <= high)
    instruments = np.array([p.instrument for p in held])
    worst = min(inside[instruments == name].mean() for name in np.unique(instruments))
    print(f"{len(np.unique(instruments))} instruments, {len(held):,} particles; worst instrument {worst:.2f}")
    print(f"{'':28}{'n':>6}{'ECD/true':>10}{'est./true':>10}{'mean':>7}{'holds':>8}{'width':>7}")
    everything = np.ones(len(true), bool)
    rows = [("all, by true size", everything, true), ("all, by estimated size", everything, estimated)]
    rows += [("cut by the tile", cut, true), ("whole", ~cut, true)]
    rows += [(kind, (kinds == kind) & ~cut, true) for kind in dict.fromkeys(kinds)]
    for title, mask, sizes in rows:
        for smallest, largest in BINS_UM:
            these = mask & (sizes >= smallest) & (sizes < largest)
            if not these.any():
                continue
            ratio, raw = estimated[these] / true[these], ecd_px[these] * scales[these] / true[these]
            width = np.median(np.log(high[these] / low[these]))
            print(
                f"{title:22}{f'{smallest:g}-{largest:g}':>6}{these.sum():6}{np.median(raw):10.2f}{np.median(ratio):10.2f}"
                f"{ratio.mean():7.2f}{inside[these].mean():8.3f}{np.exp(width / 2):7.2f}"
            )


def log_ratio(particles):
    """log(true diameter / ECD), float32 (N,)."""
    return np.log([p.diameter_um / (p.um_per_px * p.measures["ecd_px"]) for p in particles]).astype(np.float32)


def flat_weights(particles):
    """Weights by which all sizes of a kind count alike within a magnification: small ones are not drawn to the mean."""
    logs, scales = np.log([p.diameter_um for p in particles]), np.array([p.um_per_px for p in particles])
    kinds, magnification, weights = np.array([p.kind for p in particles]), np.digitize(scales, (0.4, 0.85)), logs * 0
    for kind in np.unique(kinds):
        for one in range(3):
            mask = (magnification == one) & (kinds == kind)
            counts, edges = np.histogram(logs[mask], FLAT_BINS)
            inverse = 1 / counts[np.clip(np.digitize(logs[mask], edges) - 1, 0, FLAT_BINS - 1)]
            weights[mask] = np.clip(inverse / np.median(inverse), *FLAT_RANGE)
    return (weights / weights.mean()).astype(np.float32)


def _disturbed(label, rng):
    """The class, sometimes none or a wrong one, so that the correction does not lean on the name alone."""
    draw = rng.random()
    if label == POLYSTYRENE or draw > UNKNOWN + MISNAMED:
        return label
    return None if draw < UNKNOWN else str(rng.choice([key for key in CLASSES if key != POLYSTYRENE]))


def _with_bias(layer):
    return np.vstack([layer.weight.detach().numpy().T, layer.bias.detach().numpy()])


if __name__ == "__main__":
    main()
