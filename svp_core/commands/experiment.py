"""Does augmentation help here? Classifiers with and without added particles, compared on held-out real ones.

An arm is real, weights, oversampling, or SOURCES:DOSE of classical, diffusion, fine_tuned, shipped, simulator, such as
classical+shipped:500; @100 behind it limits the real tiles of each minority class, /size and /confusion add only where
the classifier is weak. Started again with the same arguments, an interrupted experiment goes on.
"""

import re
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any

from svp_core.commands.arguments import check_folder, key_and_number, print_left_out, print_progress, whole_number
from svp_core.tasks.experiment import ExperimentRequest, experiment
from svp_core.tasks.experiment_source import CLASSIFICATION, DATASET, FOLDER, REVIEW, SIMULATOR

_PRESETS = ("quick", "as-published", "feature-forest")


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of experiment."""
    parser.add_argument(
        "source",
        help="labelled images, one sub-folder per class; id of a data set or review; folder or job of a "
        "classification; or simulator:protein=1000,silicone_oil=200,air_bubble=200",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for table, report and cells")
    parser.add_argument("--preset", choices=_PRESETS, default="quick", help="design that the options below change")
    design = parser.add_argument_group("design")
    design.add_argument("--arm", dest="arms", action="append", metavar="ARM", help="instead of the preset's; repeat it")
    design.add_argument(
        "--network", dest="networks", action="append", metavar="NETWORK", help="resnet18, resnet50, forest, logistic"
    )
    design.add_argument("--seeds", type=whole_number, help="splits and trainings of each arm, at least 3")
    design.add_argument("--baseline", metavar="ARM", help="arm that the others are compared with")
    design.add_argument("--minority", action="append", metavar="CLASS", help="class that is added to; repeat it")
    design.add_argument("--most", type=whole_number, help="particles of a class that take part, at most")
    design.add_argument("--most-minority", type=whole_number, help="the same for minority classes")
    design.add_argument("--steps", type=whole_number, help="optimisation steps of a ResNet, the same for every arm")
    design.add_argument("--generator-images", type=whole_number, help="images shown to a generator trained in a fold")
    design.add_argument(
        "--prevalence",
        type=_particles,
        action="append",
        metavar="CLASS=PARTICLES",
        help="stated mixture for the figures; repeat it for each class",
    )
    design.add_argument(
        "--feature-map",
        action=BooleanOptionalAction,
        default=None,
        help="also a map of real and added particles, and distances",
    )
    parser.add_argument("--processes", type=whole_number, help="units done at once; else one per GPU or thread")


def _particles(text: str) -> tuple[str, float]:
    return key_and_number(text, example="protein=500000")


def run(options: Namespace) -> None:
    """Run the experiment; print the verdict and where the report is."""
    from svp_core.experiment.outcome import read_outcome

    check_folder(options.out)
    kind, source = _source(options.source)
    request = ExperimentRequest(kind, source, Path(source).name[:60] or "simulator", _design(options))
    for progress in experiment(request, options.out, processes=options.processes):
        print_progress(progress.message or "units", progress.step, progress.total)
    left_out = options.out / "left_out.json"
    if left_out.is_file():
        import json

        print_left_out(json.loads(left_out.read_text("utf-8")))
    outcome = read_outcome(options.out)
    print(*outcome.sentences, *outcome.notes, sep="\n")
    print(f"Report: {options.out / 'report.html'}")


def _design(options: Namespace) -> dict[str, Any]:
    """The preset's design with the given options, JSON-ready."""
    from svp_core.experiment.design import find_preset
    from svp_core.experiment.stored import design_as_config

    names = ("arms", "networks", "seeds", "baseline", "minority", "most", "most_minority", "steps", "generator_images")
    names += ("feature_map",)
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.prevalence:
        given["prevalence"] = dict(options.prevalence)
    return design_as_config(find_preset(options.preset)) | given


def _source(text: str) -> tuple[str, str]:
    """(kind, source) of what the user named."""
    from svp_core.commands.arguments import find_classification
    from svp_core.review.store import list_reviews
    from svp_core.workspace.datasets import list_datasets

    if text.startswith(f"{SIMULATOR}:"):
        return SIMULATOR, text.partition(":")[2]
    if (Path(text) / "results.csv").is_file() or re.fullmatch("[0-9a-f]{32}", text):
        return CLASSIFICATION, str(find_classification(text).resolve())
    if text in [meta["id"] for meta in list_datasets()]:
        return DATASET, text
    if text in [header["review"] for header in list_reviews()]:
        return REVIEW, text
    return FOLDER, text and str(Path(text).resolve())
