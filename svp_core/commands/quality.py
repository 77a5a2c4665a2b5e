"""How close are synthetic images to real ones, and are training images given away: report.json.

Each folder holds one sub-folder a class. Every figure comes with its interval and with what it is between two sets of
real images.
"""

import json
import sys
from pathlib import Path

from svp_core.commands.arguments import check_file, print_progress, run_seed

NO_VALUE = "none"


def add_arguments(parser):
    """What quality takes."""
    parser.add_argument("--real", type=Path, required=True, help="real images that no generator was trained on")
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--training", type=Path, help="what the generator was trained on, to look for copies of it")
    parser.add_argument("--classifier", default="resnet18", help=f"name of a model or a run folder, or {NO_VALUE!r}")
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """The report, and its figures as a table for the person at the terminal."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.quality import compare
    from svp_core.quality.text_table import as_table
    from svp_core.workspace.models import find_model

    check_file(options.out)
    classifier = None if options.classifier == NO_VALUE else load_classifier(find_model(options.classifier))
    sets = {name: _read(getattr(options, name)) for name in ("real", "synthetic", "training")}
    steps = compare(**sets, classifier=classifier, seed=options.seed)
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            report = end.value
            break
        print_progress("steps", progress.step, progress.total)
    options.out.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", "utf-8")
    for warning in report["warnings"]:
        print(warning, file=sys.stderr)
    print(*as_table(report), f"\nEverything is in {options.out}.", sep="\n")


def _read(folder):
    """Class key -> tiles; None without a folder."""
    from svp_core.datasets.labelled_tiles import read_labelled

    if folder is None:
        return None
    data = read_labelled(folder)
    for name, reason in data.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    return {key: data.tiles[data.labels == label] for label, key in enumerate(data.class_keys)}
