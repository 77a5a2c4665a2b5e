"""Write a generator as a pipeline folder that diffusers opens, on machines without SvP Lab too."""

from pathlib import Path

from svp_core.commands.arguments import check_folder


def add_arguments(parser):
    """What export-diffusers takes."""
    parser.add_argument("weights", metavar="RUN", help="name of a model or a run folder")
    parser.add_argument("--out", type=Path, required=True, help="new folder")


def run(options):
    """The folder; its card.md says how to open it."""
    from svp_core.generator.diffusers_export import export_diffusers
    from svp_core.workspace.models import find_model

    check_folder(options.out)
    export_diffusers(find_model(options.weights), options.out)
    print(f"Finished: {options.out}. How to open it stands in {options.out / 'card.md'}")
