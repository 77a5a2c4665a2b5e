"""Train a generator or a classifier on a folder with one sub-folder per class, or a novelty filter on normal particles.

Several GPUs: accelerate launch -m svp_core train generator ... (pip install accelerate).
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from svp_core.commands.arguments import (
    MODEL_HELP,
    check_folder,
    number_between,
    print_left_out,
    print_progress,
    run_seed,
    whole_number,
)
from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.training.time_budget import MAX_MINUTES, MIN_MINUTES

NO_BASE = "nothing"
NETWORKS = ("resnet18", "resnet50")


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of train."""
    parser.add_argument("what", choices=("generator", "classifier", "novelty"), help="kind of model")
    parser.add_argument(
        "source", type=Path, help="labelled images, one sub-folder per class; novelty: normal particles"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new model folder")
    parser.add_argument("--seed", type=run_seed, default=0, help="of split, initial weights and order of images")
    parser.add_argument("--note", default="", help="what the images are, for the card of the model")
    generator = parser.add_argument_group("generator")
    generator.add_argument(
        "--from",
        dest="base",
        default="generator",
        metavar="MODEL",
        help=f"model to start from: {MODEL_HELP}; {NO_BASE!r} for random weights",
    )
    generator.add_argument("--class", dest="class_name", metavar="CLASS", help="all images are of this class")
    generator.add_argument(
        "--minutes", type=_minutes, help=f"duration, {MIN_MINUTES} to {MAX_MINUTES:,}, instead of a number of images"
    )
    generator.add_argument("--images", type=whole_number, help="images shown in total, repeats counted (also novelty)")
    classifier = parser.add_argument_group("classifier")
    classifier.add_argument(
        "--validation",
        type=Path,
        metavar="FOLDER",
        help="labelled images that select the checkpoint; required unless the source has folders train and validation",
    )
    classifier.add_argument("--network", default=NETWORKS[0], choices=NETWORKS, help="architecture")
    classifier.add_argument("--epochs", type=_epochs, help="how often each image is shown")
    novelty = parser.add_argument_group("novelty: an autoencoder filter, for the command novelty")
    novelty.add_argument("--weighted", action="store_true", help="texture weighs pixels in loss and score")
    novelty.add_argument("--strangers", type=Path, metavar="FOLDER", help="labelled strangers, to measure its ROC")


def _minutes(text: str) -> float:
    return number_between(text, float, MIN_MINUTES, MAX_MINUTES, f"a time; give {MIN_MINUTES} to {MAX_MINUTES:,}")


def _epochs(text: str) -> float:
    return number_between(text, float, 0.01, 1000, "a number of epochs; give 0.01 to 1,000")


def run(options: Namespace) -> None:
    """Train; started again with the same arguments, an interrupted training of a generator resumes."""
    check_folder(options.out)
    train = {"generator": _train_generator, "classifier": _train_classifier, "novelty": _train_novelty}
    for progress in train[options.what](options):
        noun = f"steps, loss {progress.loss:.3f}" if progress.loss is not None else progress.message
        print_progress(noun, progress.step, progress.total)
    print(f"Finished: {options.out}")


def _train_generator(options: Namespace) -> Iterator[Progress]:
    from svp_core.datasets.labelled_tiles import read_labelled_steps
    from svp_core.training.generator import default_plan, train_generator
    from svp_core.workspace.models import find_model

    base = None if options.base == NO_BASE else str(find_model(options.base))
    data = yield from read_labelled_steps(options.source, class_name=options.class_name)
    print_left_out(data.left_out)
    plan = default_plan(from_base=base is not None, seed=options.seed, images=options.images)
    yield from train_generator(data, options.out, base=base, plan=plan, minutes=options.minutes, note=options.note)


def _train_classifier(options: Namespace) -> Iterator[Progress]:
    from svp_core.classifier.training_loop import ClassifierTrainingPlan
    from svp_core.datasets.labelled_tiles import read_labelled
    from svp_core.instruments.split_folders import TEST, TRAINING, VALIDATION
    from svp_core.training.classifier import train_classifier

    data = read_labelled(options.source)
    print_left_out(data.left_out)
    if options.validation is not None:
        validation = read_labelled(options.validation)
    else:
        validation = data.of_split(VALIDATION) or data.of_split(TEST)
        data = data.of_split(TRAINING, "") or data
        if validation is None:
            raise LabError(
                "A classifier needs --validation FOLDER: labelled images that are not trained on; or a source with the "
                "folders train and validation."
            )
        print(f"Folders of the source: {len(data.tiles):,} images to train on, {len(validation.tiles):,} held out.")
    plan = ClassifierTrainingPlan(seed=options.seed, **({"epochs": options.epochs} if options.epochs else {}))
    yield from train_classifier(
        data, options.out, validation=validation, architecture=options.network, plan=plan, note=options.note
    )


def _train_novelty(options: Namespace) -> Iterator[Progress]:
    from svp_core.classifier.resnet import load_classifier
    from svp_core.novelty.autoencoder import AutoencoderConfig
    from svp_core.novelty.reconstruction import ReconstructionPlan
    from svp_core.tasks.classify import DEFAULT_CLASSIFIER
    from svp_core.training.novelty_filter import train_novelty_filter
    from svp_core.workspace.models import find_model

    images = {"images": options.images} if options.images else {}
    left_out = yield from train_novelty_filter(
        options.source,
        options.out,
        classifier=load_classifier(find_model(DEFAULT_CLASSIFIER)),
        config=AutoencoderConfig(weighted=options.weighted),
        plan=ReconstructionPlan(seed=options.seed, **images),
        strangers=options.strangers,
        note=options.note,
    )
    print_left_out(left_out)
    print((options.out / "card.md").read_text("utf-8"))
