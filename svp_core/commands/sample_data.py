"""Rebuild the shipped sample data: tiles, a FlowCam-style run and camera frames, bit for bit the same every time."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_folder, print_progress


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of sample-data."""
    parser.add_argument("--out", type=Path, default=Path("sample_data"), metavar="FOLDER", help="folder to write")


def run(options: Namespace) -> None:
    """Write the sample data."""
    from svp_core.sample_data.build import build

    check_folder(options.out)
    for progress in build(options.out):
        print_progress(progress.message or "steps", progress.step, progress.total)
