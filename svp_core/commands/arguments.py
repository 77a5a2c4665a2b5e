"""Kinds of argument that several commands take, and how progress is shown to a person at a terminal."""

import argparse
import re
import sys
import time
from pathlib import Path

from svp_core.errors import LabError


def whole_number(text):
    """int from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


def add_counting(parser):
    """What is said about how a classification is to be counted, for counting_settings()."""
    parser.add_argument("--unsure-below", type=float, help="confidence below which a particle is unsure, 0 to 1")
    parser.add_argument(
        "--threshold", type=_named_number, action="append", default=[], metavar="CLASS=CONFIDENCE",
        help="the same for one class, by its key",
    )  # fmt: skip
    parser.add_argument("--bins", type=_numbers, metavar="2,5,10,25", help="lower edges of the size bins, in um")
    parser.add_argument("--diameter", help="column of results.csv that is a particle's size, e.g. feret_max_um")
    parser.add_argument("--volume-ml", type=float, help="volume imaged, instead of what the source's files say")
    parser.add_argument("--dilution", type=float, help="figures per mL are multiplied by it")


def counting_settings(options):
    """Settings of report and exports as a dict: those that were given, the rest is standard."""
    given = {name: getattr(options, name) for name in ("unsure_below", "diameter", "volume_ml", "dilution")}
    given |= {"bins_um": options.bins, "thresholds": dict(options.threshold) or None}
    return {name: value for name, value in given.items() if value is not None}


def _numbers(text):
    return [float(part) for part in text.split(",")]


def _named_number(text):
    key, _, number = text.rpartition("=")
    if not key:
        raise argparse.ArgumentTypeError(f"{text} is not like protein=0.9")
    return key, float(number)


def find_classification(job_or_folder):
    """Folder of a classification, from the id of its job or from the folder itself. Raises LabError without one."""
    from svp_core.workspace.jobs import get, job_folder

    if Path(job_or_folder).is_dir():
        return Path(job_or_folder)
    if not re.fullmatch("[0-9a-f]{32}", job_or_folder):
        raise LabError(f"{job_or_folder[:200]} is no folder and no job's id; give one of the two.")
    return job_folder(get(job_or_folder).id)


_shown = [0.0]


def show(what, done, total):
    """One line that is written over, at most five times a second, and only where a person can see it."""
    if not sys.stderr.isatty() or (done != total and time.monotonic() - _shown[0] < 0.2):
        return
    _shown[0] = time.monotonic()
    print(f"\r{done}{f' of {total}' if total else ''} {what}   ", end="\n" if done == total else "", file=sys.stderr)
