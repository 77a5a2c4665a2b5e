"""Build the shipped sample data again."""

from pathlib import Path

from svp_core.commands.arguments import check_folder, print_progress


def add_arguments(parser):
    """What sample-data takes."""
    parser.add_argument("--out", type=Path, default=Path("sample_data"))


def run(options):
    """Tiles, a FlowCam-style run and camera frames, bit for bit the same every time."""
    from svp_core.sample_data.build import build

    check_folder(options.out)
    for progress in build(options.out):
        print_progress(progress.message or "steps", progress.step, progress.total)
