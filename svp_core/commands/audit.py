"""Audit a generator: does it give its training images away? report.html, report.json and scores.csv.

GENERATOR is a model, or a folder of images that one has generated, with one sub-folder per class; from images alone
copies are seen, but not membership. The held-out images must come from the same source as the training images, split at
random before the training. A model that was trained in this workspace knows both; then they can be left out.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_folder, follow, run_seed, whole_number
from svp_core.tasks.audit import NO_REFERENCE, AuditRequest, audit

SOURCE_HELP = "folder with one sub-folder per class, or id of a data set"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of audit."""
    parser.add_argument("generator", metavar="GENERATOR", help="name or folder of a model, or folder of its images")
    parser.add_argument("--training", metavar="FOLDER", help=f"images that it was trained on: {SOURCE_HELP}")
    parser.add_argument("--held-out", metavar="FOLDER", help="images that it was not trained on, in the same form")
    parser.add_argument(
        "--reference",
        metavar="MODEL",
        help=f"generator that saw neither; default: the one that training started from, else the shipped one; "
        f"{NO_REFERENCE!r}: none",
    )
    parser.add_argument(
        "--images", type=whole_number, default=40, help="images to generate per class, to search for copies"
    )
    parser.add_argument(
        "--contest-tools",
        action="store_true",
        help="also relation network, support vectors and Ward clusters, as in the contest ImageCLEFmedical GANs 2023",
    )
    parser.add_argument("--seed", type=run_seed, default=0, help="of noise, splits, resamples and generated images")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")


def run(options: Namespace) -> None:
    """Run the audit, print its verdict."""
    check_folder(options.out)
    request = AuditRequest(
        options.generator,
        options.training,
        options.held_out,
        options.reference,
        options.images,
        options.seed,
        contest_tools=options.contest_tools or None,
    )
    request.check()
    options.out.mkdir(parents=True, exist_ok=True)
    follow(audit(request, options.out), "steps")
    report = json.loads((options.out / "report.json").read_text("utf-8"))
    verdict = report["verdict"]
    print(
        verdict["headline"], *verdict["sentences"], *report["notes"], f"Report: {options.out / 'report.html'}", sep="\n"
    )
