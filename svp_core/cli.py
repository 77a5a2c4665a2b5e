"""The command line: svp-lab COMMAND, or python -m svp_core COMMAND. Every command is a module of svp_core.commands.

Exit status: 0 on success (rejected images included); 2 with a one-line error message.
"""

import sys
from argparse import Action, ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from svp_core.commands import (
    app,
    attach_guide,
    audit,
    audit_trail,
    backup,
    classify,
    compare,
    denoise,
    embed_review,
    experiment,
    export_diffusers,
    export_results,
    features,
    find_label_errors,
    frame_boxes,
    generate,
    import_images,
    import_published,
    install_samples,
    instrument,
    locate,
    novelty,
    people,
    quality,
    refit,
    report,
    restore,
    retrain,
    review_history,
    sample_data,
    sample_results,
    simulate,
    size_standard,
    train,
    train_heads,
)
from svp_core.errors import LabError

COMMANDS = (
    simulate,
    generate,
    denoise,
    compare,
    locate,
    frame_boxes,
    train_heads,
    classify,
    novelty,
    report,
    export_results,
    import_images,
    train,
    quality,
    experiment,
    features,
    audit,
    find_label_errors,
    embed_review,
    retrain,
    refit,
    instrument,
    size_standard,
    review_history,
    audit_trail,
    people,
    import_published,
    export_diffusers,
    attach_guide,
    sample_data,
    sample_results,
    install_samples,
    backup,
    restore,
    app,
)
# Names of version 0.1, which go on working.
ALIASES = {"attach-guide": ("join-guide",), "find-label-errors": ("suspects",)}
EXIT_STATUS = "Exit status: 0 on success (rejected images included); 2 with a one-line error message."


class DefaultsFormatter(ArgumentDefaultsHelpFormatter):
    """Help with the default of every option that has one."""

    def _get_help_string(self, action: Action) -> str | None:
        return action.help if action.default in (None, [], "") else super()._get_help_string(action)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. arguments: those of the process, if None."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 2
    return 0


def build_parser() -> ArgumentParser:
    """The parser of all commands; --help of a command is the docstring of its module."""
    is_module = Path(sys.argv[0]).name == "__main__.py"
    parser = ArgumentParser(
        prog="python -m svp_core" if is_module else "svp-lab",
        description="SvP Lab on the command line: everything that a page does, and the making of models and reports.",
        epilog=EXIT_STATUS,
    )
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2].replace("_", "-")
        summary, _, details = (module.__doc__ or "").partition("\n\n")
        command = parsers.add_parser(
            name,
            aliases=ALIASES.get(name, ()),
            help=summary,
            description=f"{summary} {details}".strip(),
            epilog=EXIT_STATUS,
            formatter_class=DefaultsFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
