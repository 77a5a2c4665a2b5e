"""Attach a guide to a generator, a weaker model of the same particles (autoguidance): a model folder with both."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from svp_core.commands.arguments import MODEL_HELP, check_folder


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of attach-guide."""
    parser.add_argument("weights", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("guide", metavar="GUIDE", help="the weaker model: trained on the same, a quarter as long")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new model folder")
    classes = parser.add_argument_group("settings per class", "each may be repeated")
    classes.add_argument(
        "--class-guidance",
        "--insist",
        action="append",
        type=_weight,
        default=[],
        metavar="CLASS=WEIGHT",
        help="guidance weight of a class that is sampled with classifier-free guidance instead, above 1 up to 10",
    )
    classes.add_argument(
        "--level-offset",
        "--brighter",
        action="append",
        type=_grey_levels,
        default=[],
        metavar="CLASS=GREY",
        help="grey levels, -100 to 100, added to the level that sampling of a class starts from; below 0: darker",
    )


def run(options: Namespace) -> None:
    """Write the new model folder."""
    from svp_core.generator.autoguidance import attach_guide
    from svp_core.workspace.models import find_model

    check_folder(options.out)
    model, guide = find_model(options.weights), find_model(options.guide)
    attach_guide(
        model, guide, options.out, class_guidance=dict(options.class_guidance), level_offset=dict(options.level_offset)
    )
    print(f"Finished: {options.out}")


def _weight(text: str) -> tuple[str, float]:
    return _class_and_number(text, lambda weight: 1 < weight <= 10, "CLASS=WEIGHT, with a weight above 1 and up to 10")


def _grey_levels(text: str) -> tuple[str, float]:
    return _class_and_number(text, lambda grey: -100 <= grey <= 100, "CLASS=GREY, with grey levels from -100 to 100")


def _class_and_number(text: str, is_valid: Callable[[float], bool], expected: str) -> tuple[str, float]:
    """(class key, number) of CLASS=NUMBER."""
    key, equals, number = text.partition("=")
    try:
        if not equals or not is_valid(float(number)):
            raise ValueError
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not {expected}") from None
    return key, float(number)
