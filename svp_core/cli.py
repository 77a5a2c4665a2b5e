"""The command line: python -m svp_core COMMAND. Thin: every command is a module of svp_core.commands.

Exit code 0 when the work was done (rejected images included), 2 with one clear sentence when it could not be.
"""

import argparse
import sys

from svp_core.commands import (
    app,
    attach_guide,
    classify,
    export_diffusers,
    export_results,
    find_label_errors,
    generate,
    import_published,
    install_samples,
    quality,
    report,
    review_history,
    sample_data,
    sample_results,
    simulate,
    train,
)
from svp_core.errors import LabError

COMMANDS = (
    simulate,
    generate,
    classify,
    report,
    export_results,
    train,
    quality,
    find_label_errors,
    review_history,
    import_published,
    export_diffusers,
    attach_guide,
    sample_data,
    sample_results,
    install_samples,
    app,
)


def main(arguments=None):
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 2
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m svp_core", description="SvP Lab without the browser")
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        # The first paragraph of a command's module is what --help says.
        text = module.__doc__.partition("\n\n")[0]
        added = parsers.add_parser(name, help=text, description=text)
        module.add_arguments(added)
        added.set_defaults(run=module.run)
    return parser
