"""Let a lesser generator of the same particles guide a generator: a run folder with both."""

from argparse import ArgumentTypeError
from pathlib import Path


def add_arguments(parser):
    """What join-guide takes."""
    parser.add_argument("weights", metavar="RUN", help="name of a model or a run folder")
    parser.add_argument("guide", metavar="GUIDE", help="the lesser one: trained on the same, a quarter as long")
    parser.add_argument(
        "--insist", action="append", type=_strength, default=[], metavar="CLASS=STRENGTH",
        help="insist on this class so strongly, whatever the guide says; may be given again",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="new folder")


def run(options):
    """The new run."""
    from svp_core.generator.guided import join_guide
    from svp_core.workspace.models import find_model

    join_guide(find_model(options.weights), find_model(options.guide), options.out, insisted=dict(options.insist))
    print(f"Finished: {options.out}")


def _strength(text):
    key, equals, strength = text.partition("=")
    try:
        if not equals or not 1 < float(strength) <= 10:
            raise ValueError
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no CLASS=STRENGTH, with a strength above 1 and up to 10") from None
    return key, float(strength)
