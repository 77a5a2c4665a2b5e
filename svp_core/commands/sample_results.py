"""Classify the sample particles and record a denoising with the shipped models: the content of the page Home."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_folder, print_progress
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of sample-results."""
    parser.add_argument(
        "--out", type=Path, default=Path("sample_data"), metavar="FOLDER", help="folder of the sample data"
    )


def run(options: Namespace) -> None:
    """Write results.csv and trajectory.npz beside the sample data."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.generator.load import load_generator
    from svp_core.model_files import find_model_folder
    from svp_core.sample_data.demo_results import build_demo_results

    if not (options.out / "tiles.npy").is_file():
        raise LabError(f"{str(options.out)[:200]} holds no sample data; make it with sample-data first.")
    check_folder(options.out)
    models = {
        "classifier": load_classifier(find_model_folder("resnet18")),
        "generator": load_generator(find_model_folder("generator")),
    }
    for progress in build_demo_results(options.out, **models):
        print_progress(progress.message, progress.step, progress.total)
