"""Does augmentation help? The experiment on simulated particles, whose truth is known, with 100 and 1,000 real tiles.

    python benchmarks/experiment.py --out FOLDER [--quick] [--networks resnet18] [--seeds 5] [--dose 500]
                                    [--generator-images 20000]
    python benchmarks/experiment.py --identical 200

Particles of ten simulated instruments at 10x; whole instruments are held out. Each arm is trained with 100 and with
1,000 real tiles of each minority class (silicone oil, air bubbles; fewer where a training fold has fewer) and compared
with class weights at the same number. Prints the table and the verdict; FOLDER keeps the report. Stopped, it goes on
when it is started again. --quick: random forest and logistic regression on features instead of ResNet-18, no arm that
trains a generator, dose 200.

The shipped generator and the features were trained on other particles of the same simulator, which favours the arms
that use them; what helps on a lab's own particles only an experiment there can say.

--identical N: two identical arms, N times, by a small forest on drawn clouds of points; prints in how many a difference
is claimed. Exit status 1 unless it is 2 to 8 %.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from svp_core.commands.arguments import print_progress
from svp_core.experiment import leak_guard
from svp_core.experiment.cell import run_cell
from svp_core.experiment.comparison import OWN, compare_arms
from svp_core.experiment.design import Design, parse_arm
from svp_core.experiment.folds import split_folds
from svp_core.experiment.outcome import read_outcome
from svp_core.experiment.particles import RealParticles
from svp_core.experiment.stored import design_as_config
from svp_core.experiment.verdict import FIGURE_TITLES, interval
from svp_core.progress import run_to_end
from svp_core.tasks.experiment import ExperimentRequest, experiment

REAL = (100, 1000)  # real tiles of each minority class
PLAIN = ("real", "weights", "oversampling")
FULL, QUICK = ("classical", "fine_tuned", "shipped", "simulator"), ("classical", "shipped", "simulator")
SHOWN = ("macro_precision", "macro_recall", "macro_auprc")
KEYS = ("protein", "silicone_oil", "air_bubble")


def main():
    """Run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--networks", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--dose", type=int)
    parser.add_argument("--steps", type=int, default=600, help="optimisation steps of a ResNet")
    parser.add_argument("--generator-images", type=int, default=20_000, help="shown to a generator trained in the fold")
    parser.add_argument("--real", type=int, nargs="+", default=REAL)
    parser.add_argument("--protein", type=int, default=1700)
    parser.add_argument("--minority", type=int, default=1700, help="particles of silicone oil, and of air bubbles")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--identical", type=int, metavar="N", help="repetitions of two identical arms, nothing else")
    options = parser.parse_args()
    if options.identical:
        sys.exit(identical_arms(options.identical))
    if options.out is None:
        parser.error("--out is missing")
    dose = options.dose or (200 if options.quick else 500)
    added = [f"{source}:{dose}" for source in (QUICK if options.quick else FULL)]
    design = Design(
        arms=tuple(f"{arm}@{real}" for real in options.real for arm in (*PLAIN, *added)),
        networks=tuple(options.networks or (("forest", "logistic") if options.quick else ("resnet18",))),
        seeds=options.seeds,
        baseline=f"weights@{options.real[0]}",
        minority=KEYS[1:],
        steps=options.steps,
        generator_images=options.generator_images,
    )
    counts = f"protein={options.protein},silicone_oil={options.minority},air_bubble={options.minority}"
    request = ExperimentRequest("simulator", counts, "Simulated particles", design_as_config(design))
    run_to_end(
        experiment(request, options.out, processes=options.processes),
        lambda progress: print_progress(progress.message or "units", progress.step, progress.total),
    )
    print_tables(read_outcome(options.out))


def print_tables(outcome):
    """The table of arms for every network, and the verdict."""
    own = {(f.network, f.arm, f.figure): f for f in outcome.figures if f.prevalence == OWN}
    for network in outcome.design.networks:
        titles = " | ".join(FIGURE_TITLES[name] for name in SHOWN)
        print(f"\n{network}\n\n| real | arm | {titles} |\n|---|---|---|---|---|")
        for arm in outcome.design.parsed():
            if (network, arm.key, SHOWN[0]) in own:
                cells = [cell(own[network, arm.key, name]) for name in SHOWN]
                print(f"| {arm.real:,} | {arm.title.partition(f', {arm.real:,} real')[0]} | {' | '.join(cells)} |")
    print("\n*: shown after Holm's correction.\n")
    print(*outcome.sentences, *outcome.notes, sep="\n")


def cell(figure):
    """Value, and the difference to the baseline with its interval, "93.1 %, +0.8 (+0.2 to +1.5)*"."""
    text = f"{100 * figure.value.value:.1f} %"
    if figure.difference is not None:
        text += f", {100 * figure.difference.value:+.1f} ({interval(figure.difference)})".replace("-", "−")
    return text + ("*" if figure.is_different else "")


def identical_arms(repetitions):
    """Claim rate of two identical arms; 0 where it lies within 2 to 8 %, else 1."""
    leak_guard.find_lookalikes = lambda tiles, others: np.zeros((0, 2), np.int64)  # the tiles are noise
    claimed = 0
    arms = ("real", "real@10000")  # a limit that no class reaches: the same tiles, another training
    design = Design(arms=arms, networks=("forest",), seeds=3, baseline="real", minority=KEYS[1:], trees=20)
    for repetition in range(repetitions):
        real, features = clouds(repetition)
        blocks, cells = np.arange(len(real.labels)), {}
        for seed in range(design.seeds):
            fold = split_folds(real.labels, KEYS, blocks=blocks, seed=seed)
            for arm in arms:
                steps = run_cell(
                    design, parse_arm(arm), "forest", seed, real=real, features=features, fold=fold, pools={}
                )
                cells["forest", arm, seed] = run_to_end(steps).predictions
        figures = compare_arms(design, KEYS, cells, blocks=blocks, prevalence=dict.fromkeys(KEYS, 1.0))
        claimed += any(f.is_different for f in figures if f.figure == "macro_precision" and f.prevalence == OWN)
        print_progress("repetitions", repetition + 1, repetitions)
    print(f"A difference of macro precision is claimed in {claimed} of {repetitions} ({claimed / repetitions:.1%}).")
    return 0 if 0.02 <= claimed / repetitions <= 0.08 else 1


def clouds(seed):
    """(RealParticles, features): three overlapping clouds of points, 160, 80 and 80."""
    rng = np.random.default_rng([14, seed])
    labels = np.repeat([0, 1, 2], (160, 80, 80))
    features = rng.normal(size=(len(labels), 12)).astype(np.float32)
    features[np.arange(len(labels)), labels] += 1.8
    tiles = rng.integers(0, 255, (len(labels), 64, 64)).astype(np.uint8)
    return RealParticles(tiles, labels, KEYS, tuple(map(str, range(len(labels))))), features


if __name__ == "__main__":
    main()
