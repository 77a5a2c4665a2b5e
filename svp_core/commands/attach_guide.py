"""Let a lesser generator of the same particles guide a generator: a run folder with both."""

from argparse import ArgumentTypeError
from pathlib import Path

from svp_core.commands.arguments import check_folder


def add_arguments(parser):
    """What join-guide takes."""
    parser.add_argument("weights", metavar="RUN", help="name of a model or a run folder")
    parser.add_argument("guide", metavar="GUIDE", help="the lesser one: trained on the same, a quarter as long")
    parser.add_argument(
        "--insist",
        action="append",
        type=_strength,
        default=[],
        metavar="CLASS=STRENGTH",
        help="insist on this class so strongly, whatever the guide says; may be given again",
    )
    parser.add_argument(
        "--brighter",
        action="append",
        type=_grey_levels,
        default=[],
        metavar="CLASS=GREY",
        help="begin this class so many grey levels brighter, darker below 0; may be given again",
    )
    parser.add_argument("--out", type=Path, required=True, help="new folder")


def run(options):
    """The new run."""
    from svp_core.generator.autoguidance import attach_guide
    from svp_core.workspace.models import find_model

    check_folder(options.out)
    run_folder, guide = find_model(options.weights), find_model(options.guide)
    attach_guide(
        run_folder, guide, options.out, class_guidance=dict(options.insist), level_offset=dict(options.brighter)
    )
    print(f"Finished: {options.out}")


def _strength(text):
    return _of_class(text, lambda strength: 1 < strength <= 10, "STRENGTH, with a strength above 1 and up to 10")


def _grey_levels(text):
    return _of_class(text, lambda grey: -100 <= grey <= 100, "GREY, with grey levels from -100 to 100")


def _of_class(text, holds, asked):
    """(class key, number) of CLASS=NUMBER."""
    key, equals, number = text.partition("=")
    try:
        if not equals or not holds(float(number)):
            raise ValueError
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no CLASS={asked}") from None
    return key, float(number)
