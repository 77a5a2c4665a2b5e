"""Find label errors in a folder, data set or classification: a CSV file with every image, most suspect first."""

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from svp_core.commands.arguments import (
    MODEL_HELP,
    check_file,
    find_classification,
    print_left_out,
    print_progress,
    run_seed,
)
from svp_core.progress import Progress, run_to_end

if TYPE_CHECKING:
    from svp_core.datasets.labelled_tiles import LabelledTiles


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of find-label-errors."""
    parser.add_argument(
        "source",
        help="labelled images, one sub-folder per class; id of a data set; or folder or job of a classification",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="file to write")
    method = parser.add_argument_group("method")
    method.add_argument(
        "--by",
        choices=("features", "folds", "training"),
        default="features",
        help="what scores the labels: features of a model (seconds); a network per fold, or one network while it "
        "learns the labels (minutes to hours)",
    )
    method.add_argument(
        "--weights",
        default="resnet18",
        metavar="MODEL",
        help=f"source of the features, not trained on these labels: {MODEL_HELP}",
    )
    method.add_argument(
        "--synthetic", metavar="SOURCE", help="generated tiles that are added for training; they are not scored"
    )
    method.add_argument("--seed", type=run_seed, default=0, help="of folds and training")


def run(options: Namespace) -> None:
    """Write one row per image, print a summary."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.model_files import SHIPPED_MODELS, find_model_folder
    from svp_core.review.label_error_search import search_label_errors, summary, write_label_errors
    from svp_core.workspace.models import find_model

    check_file(options.out)
    folder = find_model(options.weights)
    reference = None if folder.parent == SHIPPED_MODELS else load_classifier(find_model_folder("resnet18"))
    data = _read(options.source)
    synthetic = _read(options.synthetic) if options.synthetic else None
    steps = search_label_errors(
        data, load_classifier(folder), synthetic=synthetic, reference=reference, by=options.by, seed=options.seed
    )
    errors = run_to_end(steps, _print_step)
    write_label_errors(options.out, errors)
    print(*summary(errors), f"\nEvery image is in {options.out}, most suspect first.", sep="\n")


def _print_step(progress: Progress) -> None:
    noun = "images" if progress.loss is None else "training steps"
    print_progress(noun, progress.step, progress.total)


def _read(source: str) -> "LabelledTiles":
    """Labelled tiles of the source; excluded items are listed."""
    from svp_core.datasets.labelled_tiles import from_dataset, from_results, read_labelled
    from svp_core.workspace.datasets import list_datasets, open_dataset

    if (Path(source) / "results.csv").is_file() or re.fullmatch("[0-9a-f]{32}", source):
        data = from_results(find_classification(source))
    elif source in [meta["id"] for meta in list_datasets()]:
        data = from_dataset(open_dataset(source))
    else:
        data = read_labelled(source)
    print_left_out(data.left_out)
    return data
