"""Export a generator as a pipeline folder for diffusers, also for machines without SvP Lab."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import MODEL_HELP, check_folder


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of export-diffusers."""
    parser.add_argument("weights", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--despite-audit", action="store_true", help="also where its audit says that it gives training images away"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder")


def run(options: Namespace) -> None:
    """Write the folder; its card.md says how to open it."""
    from svp_core.generator.diffusers_export import export_diffusers
    from svp_core.generator_audit.model_verdict import check_export
    from svp_core.workspace.models import find_model

    check_folder(options.out)
    model = find_model(options.weights)
    check_export(model, confirmed=options.despite_audit)
    export_diffusers(model, options.out)
    print(f"Finished: {options.out}. {options.out / 'card.md'} says how to open it.")
