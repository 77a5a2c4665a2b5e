"""The command line: python -m svp_core COMMAND. Thin: reads arguments, calls the core, prints progress.

Exit code 0 when the work was done (rejected images included), 2 with one clear sentence when it could not be.
"""

import argparse
import csv
import sys
import time
from pathlib import Path

from svp_core.errors import LabError


def main(arguments=None):
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 2
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m svp_core", description="SvP Lab without the browser")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, text):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=function)
        return added

    one = command("simulate", _simulate, "Draw particles by physical optics, with their truth")
    one.add_argument(
        "--class", dest="kind", required=True, help="protein, silicone_oil, air_bubble, glass_flake or fibre"
    )
    one.add_argument("--count", type=_positive, default=100)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--um-per-px", type=float, help="pixel size; left out, one of several instruments' is drawn")
    one.add_argument("--instruments", choices=("usual", "soft", "other"), default="usual", help="see scenes.LAWS")
    one.add_argument("--out", type=Path, required=True)

    one = command("generate", _generate, "Make tiles with the diffusion model")
    one.add_argument("--class", dest="class_key", required=True)
    one.add_argument("--count", type=_positive, default=16)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--sampler", choices=("preview", "standard", "diverse"), default="standard")
    one.add_argument("--steps", type=_positive, help="network calls an image; left out, the sampler's own")
    one.add_argument("--weights", default="generator", help="name of a shipped model or a run folder")
    one.add_argument("--out", type=Path, required=True)

    one = command("classify", _classify, "Name and measure every particle of a folder, archive, run or picture")
    one.add_argument("source", type=Path)
    one.add_argument("--weights", default="resnet18", help="name of a shipped model or a run folder")
    one.add_argument("--um-per-px", type=float, help="pixel size, instead of what the files say")
    one.add_argument("--out", type=Path, required=True)

    one = command("train", _train, "Train a generator or classifier on a folder with one sub-folder a class")
    one.add_argument("what", choices=("generator", "classifier"))
    one.add_argument("source", type=Path)
    one.add_argument("--validation", type=Path, help="classifier: tiles that pick the checkpoint")
    one.add_argument("--images", type=_positive, help="generator: images shown in all, repeats counted")
    one.add_argument("--epochs", type=float, help="classifier: times each tile is shown")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--note", default="", help="what the tiles are, for the card")
    one.add_argument("--out", type=Path, required=True)

    one = command("sample-data", _sample_data, "Build the shipped sample data again")
    one.add_argument("--out", type=Path, default=Path("sample_data"))

    one = command("sample-results", _sample_results, "Name the sample particles and record a denoising, for Home")
    one.add_argument("--out", type=Path, default=Path("sample_data"))

    command("install-samples", _install_samples, "Put the sample data set into the workspace")
    command("app", _app, "Open the app in the browser")
    return parser


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


def _simulate(options):
    from svp_core.images import encode_png
    from svp_core.optics import scenes

    if options.kind not in scenes.KINDS:
        raise LabError(f"{options.kind!r} cannot be simulated; kinds are {', '.join(scenes.KINDS)}.")
    folder = options.out / options.kind
    folder.mkdir(parents=True, exist_ok=True)
    law = scenes.LAWS[options.instruments]
    with open(options.out / f"{options.kind}.csv", "w", newline="", encoding="utf-8") as file:
        writer = None
        for k in range(options.count):
            seed = scenes.particle_seed(options.seed, k)
            drawn = scenes.simulate(options.kind, seed, um_per_px=options.um_per_px, law=law)
            name = f"{options.kind}/{options.kind}_{seed:08d}.png"
            (options.out / name).write_bytes(encode_png(drawn.pixels))
            writer = writer or _truth_writer(file, drawn.truth)
            writer.writerow({"image": name, **drawn.truth})
            _show("particles", k + 1, options.count)


def _truth_writer(file, truth):
    writer = csv.DictWriter(file, ["image", *truth], lineterminator="\n", restval="")
    writer.writeheader()
    return writer


def _generate(options):
    from svp_core.generator.sample import image_seeds, sample_tiles
    from svp_core.generator.unet import load_generator
    from svp_core.images import encode_png
    from svp_core.runs import find_run

    generator = load_generator(find_run(options.weights))
    if options.class_key not in generator.class_keys:
        raise LabError(f"{generator.folder.name} makes {', '.join(generator.class_keys)}, not {options.class_key!r}.")
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = image_seeds(options.seed, options.count)
    with open(options.out / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "class", "run_seed", "position", "image_seed", "sampler", "steps", "weights", "kind"])
        made = sample_tiles(generator, options.class_key, seeds=seeds, sampler=options.sampler, steps=options.steps)
        for start, tiles in made:
            for position, tile in enumerate(tiles, start):
                name = f"{options.class_key}_{options.seed}_{position:05d}.png"
                (options.out / name).write_bytes(encode_png(tile))
                writer.writerow([name, options.class_key, options.seed, position, seeds[position], options.sampler,
                                 options.steps or "", generator.folder.name, "synthetic"])  # fmt: skip
            _show("images", start + len(tiles), options.count)


def _classify(options):
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.sources import recognise
    from svp_core.results import ResultsWriter, classify_source, count_classes
    from svp_core.runs import find_run

    if options.um_per_px is not None and not 0.01 <= options.um_per_px <= 100:
        raise LabError(f"A pixel of {options.um_per_px} um cannot be; give 0.01 to 100.")
    classifier = load_classifier(find_run(options.weights))
    summary = recognise(options.source)
    print(f"{summary.title}: {summary.count if summary.count is not None else 'some'} particles", file=sys.stderr)
    rows = []
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = ResultsWriter(file, classifier.config.class_keys)
        for chunk in classify_source(options.source, classifier, um_per_px=options.um_per_px):
            writer.write(chunk)
            rows += chunk.rows
            _show("particles", len(rows), summary.count)
    rejected = sum(row["status"] == "rejected" for row in rows)
    counts = ", ".join(f"{key} {count}" for key, count in count_classes(rows).items())
    print(f"{len(rows)} rows in {options.out}: {counts}, rejected {rejected}")


def _train(options):
    from svp_core import training
    from svp_core.classifier.train import TrainingPlan as ClassifierPlan
    from svp_core.generator.train import TrainingPlan as GeneratorPlan
    from svp_core.labelled import read_labelled

    data = read_labelled(options.source)
    for name, reason in data.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    chosen = {"seed": options.seed}
    if options.what == "generator":
        chosen |= {"images": options.images} if options.images else {}
        steps = training.train_generator(data, options.out, plan=GeneratorPlan(**chosen), note=options.note)
    else:
        if options.validation is None:
            raise LabError("A classifier needs --validation FOLDER: labelled tiles that are not trained on.")
        chosen |= {"epochs": options.epochs} if options.epochs else {}
        validation = read_labelled(options.validation)
        steps = training.train_classifier(
            data, options.out, validation=validation, plan=ClassifierPlan(**chosen), note=options.note
        )
    for progress in steps:
        _show(f"steps, loss {progress.loss:.3f}", progress.step, progress.total)
    print(f"Finished: {options.out}")


def _sample_data(options):
    from svp_core.sample_data.build import build

    for progress in build(options.out):
        _show(progress.message or "steps", progress.step, progress.total)


def _sample_results(options):
    from svp_core.classifier.resnet import load_classifier
    from svp_core.generator.unet import load_generator
    from svp_core.runs import find_run
    from svp_core.sample_data.shown import build_shown

    models = {"classifier": load_classifier(find_run("resnet18")), "generator": load_generator(find_run("generator"))}
    for progress in build_shown(options.out, **models):
        _show(progress.message, progress.step, progress.total)


def _install_samples(options):
    from svp_core.workspace.datasets import install_samples

    install_samples()


def _app(options):
    from svp_core import launch

    launch.main()


_shown = [0.0]


def _show(what, done, total):
    """One line that is written over, at most five times a second, and only where a person can see it."""
    if not sys.stderr.isatty() or (done != total and time.monotonic() - _shown[0] < 0.2):
        return
    _shown[0] = time.monotonic()
    print(f"\r{done}{f' of {total}' if total else ''} {what}   ", end="\n" if done == total else "", file=sys.stderr)
