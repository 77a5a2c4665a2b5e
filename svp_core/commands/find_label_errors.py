"""Which labels of a folder, data set or classification are wrong? suspects.csv: every image and why, worst first."""

import re
import sys
from pathlib import Path

from svp_core.commands.arguments import check_file, find_classification, print_progress, run_seed


def add_arguments(parser):
    """What suspects takes."""
    parser.add_argument(
        "source", help="labelled images, one sub-folder a class; a data set's id; or a classification's folder or job"
    )
    parser.add_argument("--weights", default="resnet18", help="whose features: a model that never saw these labels")
    parser.add_argument(
        "--by",
        choices=("features", "folds", "training"),
        default="features",
        help="what judges the labels: features in seconds; networks of their own, one a fold, or one network while it "
        "learns them, in minutes to hours",
    )
    parser.add_argument("--synthetic", help="made tiles to learn from too; they are not judged")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """One row an image, and what was found in all for the person at the terminal."""
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
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            found = end.value
            break
        print_progress("images" if progress.loss is None else "steps of training", progress.step, progress.total)
    write_label_errors(options.out, found)
    print(*summary(found), f"\nEvery image is in {options.out}, worst first.", sep="\n")


def _read(source):
    """Labelled, of whatever the source is; what was left out of it is told."""
    from svp_core.datasets.labelled_tiles import from_dataset, from_results, read_labelled_steps
    from svp_core.workspace.datasets import list_datasets, open_dataset

    if (Path(source) / "results.csv").is_file() or re.fullmatch("[0-9a-f]{32}", source):
        data = from_results(find_classification(source))
    elif source in [meta["id"] for meta in list_datasets()]:
        data = from_dataset(open_dataset(source))
    else:
        steps = read_labelled_steps(source)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                data = end.value
                break
    for name, reason in data.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    return data
