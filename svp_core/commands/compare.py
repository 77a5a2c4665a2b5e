"""Compare two generators, or a generator with classical augmentation, against the same reference tiles.

The folder gets the tiles of both sides, the reference tiles, shapes.csv and report.json.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import MODEL_HELP, check_folder, follow, run_seed, whole_number
from svp_core.tasks.compare import MIN_IMAGES, CompareRequest, ComparisonSide, compare

CLASSICAL = "classical"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of compare."""
    parser.add_argument("left", metavar="LEFT", help=f"{MODEL_HELP}, or {CLASSICAL!r}")
    parser.add_argument("right", metavar="RIGHT", help="the same for the other side")
    parser.add_argument("--class", dest="class_key", required=True, metavar="CLASS", help="key of the class")
    parser.add_argument("--reference", default="samples", metavar="DATASET", help="id of a data set of the workspace")
    parser.add_argument("--count", type=whole_number, default=200, help=f"images per side, {MIN_IMAGES} or more")
    parser.add_argument("--seed", type=run_seed, default=0, help="of both sides, and of the halves of the reference")
    parser.add_argument("--left-sampler", metavar="SAMPLER", help="key of a sampler of LEFT; else its default")
    parser.add_argument("--right-sampler", metavar="SAMPLER", help="the same for RIGHT")
    parser.add_argument("--steps", type=whole_number, help="denoising steps of both; else those of the sampler")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write")


def run(options: Namespace) -> None:
    """Run the comparison, print both tables of metrics. A folder of an interrupted comparison is completed."""
    from svp_core.quality.text_table import as_table

    check_folder(options.out)
    left = _side(options.left, options.left_sampler, options.steps)
    right = _side(options.right, options.right_sampler, options.steps)
    request = CompareRequest(options.class_key, options.count, options.seed, options.reference, left, right)
    request.check()
    options.out.mkdir(parents=True, exist_ok=True)
    follow(compare(request, options.out), "network calls")
    report = json.loads((options.out / "report.json").read_text("utf-8"))
    for name, side in request.sides.items():
        print(f"{name}: {side.name}", *as_table(report[name]), "", sep="\n")
    print(f"Report: {options.out / 'report.json'}")


def _side(model: str, sampler: str | None, steps: int | None) -> ComparisonSide:
    if model == CLASSICAL:
        return ComparisonSide(classical=True)
    return ComparisonSide(weights=model, sampler=sampler, steps=steps)
