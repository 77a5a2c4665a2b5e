"""Train a generator or classifier on a folder with one sub-folder a class: a run folder.

Several GPUs: accelerate launch -m svp_core train generator ... (pip install accelerate).
"""

import sys
from pathlib import Path

from svp_core.commands.arguments import check_folder, number_between, print_progress, run_seed, whole_number
from svp_core.errors import LabError
from svp_core.training.time_budget import MAX_MINUTES, MIN_MINUTES

NOTHING = "nothing"
NETWORKS = ("resnet18", "resnet50")


def add_arguments(parser):
    """What train takes."""
    parser.add_argument("what", choices=("generator", "classifier"))
    parser.add_argument("source", type=Path)
    parser.add_argument(
        "--from",
        dest="base",
        default="generator",
        metavar="MODEL",
        help=f"generator: name of a model or a run folder to start from, or {NOTHING}",
    )
    parser.add_argument("--class", dest="class_name", help="generator: all images are of this class")
    parser.add_argument("--minutes", type=_minutes, help="generator: train for so long, instead of so many images")
    parser.add_argument("--images", type=whole_number, help="generator: images shown in all, repeats counted")
    parser.add_argument("--validation", type=Path, help="classifier: tiles that pick the checkpoint")
    parser.add_argument("--network", default=NETWORKS[0], choices=NETWORKS, help="classifier: which ResNet")
    parser.add_argument("--epochs", type=_epochs, help="classifier: times each tile is shown")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--note", default="", help="what the tiles are, for the card")
    parser.add_argument("--out", type=Path, required=True)


def _minutes(text):
    return number_between(text, float, MIN_MINUTES, MAX_MINUTES, f"a time; give {MIN_MINUTES} to {MAX_MINUTES:,}")


def _epochs(text):
    return number_between(text, float, 0.01, 1000, "a number of epochs; give 0.01 to 1,000")


def run(options):
    """The run; started again with the same arguments, an interrupted training of a generator goes on."""
    check_folder(options.out)
    train = _train_generator if options.what == "generator" else _train_classifier
    for progress in train(options):
        what = f"steps, loss {progress.loss:.3f}" if progress.loss is not None else progress.message
        print_progress(what, progress.step, progress.total)
    print(f"Finished: {options.out}")


def _train_generator(options):
    from svp_core.datasets.labelled_tiles import read_labelled_steps
    from svp_core.training.generator import default_plan, train_generator
    from svp_core.workspace.models import find_model

    base = None if options.base == NOTHING else str(find_model(options.base))
    data = yield from read_labelled_steps(options.source, class_name=options.class_name)
    _tell_left_out(data)
    plan = default_plan(from_base=base is not None, seed=options.seed, images=options.images)
    yield from train_generator(data, options.out, base=base, plan=plan, minutes=options.minutes, note=options.note)


def _train_classifier(options):
    from svp_core.classifier.training_loop import ClassifierTrainingPlan
    from svp_core.datasets.labelled_tiles import read_labelled
    from svp_core.training.classifier import train_classifier

    if options.validation is None:
        raise LabError("A classifier needs --validation FOLDER: labelled tiles that are not trained on.")
    data = read_labelled(options.source)
    _tell_left_out(data)
    plan = ClassifierTrainingPlan(seed=options.seed, **({"epochs": options.epochs} if options.epochs else {}))
    validation = read_labelled(options.validation)
    yield from train_classifier(
        data, options.out, validation=validation, architecture=options.network, plan=plan, note=options.note
    )


def _tell_left_out(data):
    for name, reason in data.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
