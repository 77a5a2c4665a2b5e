"""Compare synthetic images with real ones, and search for copies of training images: report.json.

Each folder holds one sub-folder per class. Every metric comes with its interval and its value between two sets of real
images.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from svp_core.commands.arguments import MODEL_HELP, check_file, print_left_out, print_progress, run_seed
from svp_core.progress import run_to_end

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_CLASSIFIER = "none"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of quality."""
    images = parser.add_argument_group("images")
    images.add_argument(
        "--real", type=Path, required=True, metavar="FOLDER", help="real images that no generator was trained on"
    )
    images.add_argument("--synthetic", type=Path, required=True, metavar="FOLDER", help="generated images")
    images.add_argument("--training", type=Path, metavar="FOLDER", help="training images, to search for copies of them")
    parser.add_argument(
        "--classifier", default="resnet18", metavar="MODEL", help=f"{MODEL_HELP}; {NO_CLASSIFIER!r} for none"
    )
    parser.add_argument("--seed", type=run_seed, default=0, help="of the random halves and resamples")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="file to write")


def run(options: Namespace) -> None:
    """Write the report, print its metrics as a table."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.quality import compare
    from svp_core.quality.text_table import as_table
    from svp_core.quality.verdict import verdict_sentences
    from svp_core.workspace.models import find_model

    check_file(options.out)
    classifier = None if options.classifier == NO_CLASSIFIER else load_classifier(find_model(options.classifier))
    training = _read(options.training) if options.training else None
    steps = compare(
        real=_read(options.real),
        synthetic=_read(options.synthetic),
        training=training,
        classifier=classifier,
        seed=options.seed,
    )
    report = run_to_end(steps, lambda progress: print_progress("steps", progress.step, progress.total))
    options.out.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", "utf-8")
    for warning in report["warnings"]:
        print(warning, file=sys.stderr)
    print(*as_table(report), "", *verdict_sentences(report, options.real.name, options.synthetic.name), sep="\n")
    print(f"\nReport: {options.out}")


def _read(folder: Path) -> "dict[str, NDArray[np.uint8]]":
    """Tiles by class key."""
    from svp_core.datasets.labelled_tiles import read_labelled

    data = read_labelled(folder)
    print_left_out(data.left_out)
    return {key: data.tiles[data.labels == label] for label, key in enumerate(data.class_keys)}
