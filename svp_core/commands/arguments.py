"""Kinds of argument that several commands take, and how progress is shown to a person at a terminal."""

import argparse
import math
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from svp_core.errors import LabError
from svp_core.progress import Steps
from svp_core.tasks.classify import PIXEL_UM
from svp_core.tasks.generation_request import MAX_SEED


def whole_number(text):
    """int from 1, for argparse."""
    return number_between(text, int, 1, math.inf, "a whole number from 1")


def run_seed(text):
    """int from 0 to MOST_SEED, for argparse."""
    return number_between(text, int, 0, MAX_SEED, f"a seed; give a whole number from 0 to {MAX_SEED:,}")


def pixel_size(text):
    """float, µm per pixel, for argparse."""
    least, most = PIXEL_UM
    return number_between(text, float, least, most, f"a pixel size; give {least:g} to {most:g} µm per pixel")


def number_between(text, kind, least, most, wanted):
    """int or float, whichever `kind` is, for an argparse type. wanted: what a number outside is not."""
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not {wanted}")
    return number


def check_file(path):
    """Raises LabError where no file can be written at `path`: before long work, not after it."""
    if not path.parent.is_dir():
        raise LabError(f"{str(path.parent)[:200]} is no folder; --out needs one that is there.")
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise _not_written(path, error) from None


def check_folder(path):
    """Raises LabError where no folder can be made and filled at `path`: before long work; nothing is made yet."""
    try:
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        TemporaryDirectory(dir=there).cleanup()
    except OSError as error:
        raise _not_written(path, error) from None


def _not_written(path, error):
    return LabError(f"{str(path)[:200]} cannot be written ({error.strerror}); choose another place.")


def add_counting(parser):
    """What is said about how a classification is to be counted, for counting_settings()."""
    parser.add_argument("--unsure-below", type=float, help="confidence below which a particle is unsure, 0 to 1")
    parser.add_argument(
        "--threshold",
        type=_named_number,
        action="append",
        default=[],
        metavar="CLASS=CONFIDENCE",
        help="the same for one class, by its key",
    )
    parser.add_argument("--bins", type=_numbers, metavar="2,5,10,25", help="lower edges of the size bins, in µm")
    parser.add_argument("--diameter", help="column of results.csv that is a particle's size, e.g. feret_max_um")
    parser.add_argument("--volume-ml", type=float, help="volume imaged, instead of what the source's files say")
    parser.add_argument("--dilution", type=float, help="figures per mL are multiplied by it")


def counting_settings(options):
    """Settings of report and exports as a dict: those that were given, the rest is standard."""
    given = {name: getattr(options, name) for name in ("unsure_below", "diameter", "volume_ml", "dilution")}
    given |= {"bins_um": options.bins, "thresholds": dict(options.threshold) or None}
    return {name: value for name, value in given.items() if value is not None}


def _numbers(text):
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not like 2,5,10,25") from None


def _named_number(text):
    key, _, number = text.rpartition("=")
    try:
        if not key:
            raise ValueError
        return key, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]} is not like protein=0.9") from None


def find_classification(job_or_folder):
    """Folder of a classification, from the id of its job or from the folder itself. Raises LabError without one."""
    from svp_core.workspace.jobs import get, job_folder

    if Path(job_or_folder).is_dir():
        return Path(job_or_folder)
    if not re.fullmatch("[0-9a-f]{32}", job_or_folder):
        raise LabError(f"{job_or_folder[:200]} is no folder and no job's id; give one of the two.")
    return job_folder(get(job_or_folder).id)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder in the workspace, where a task can move its results from."""
    from svp_core.workspace.paths import workspace_root

    with TemporaryDirectory(dir=workspace_root()) as folder:
        yield Path(folder)


def follow(steps: Steps, noun: str) -> None:
    """Run a task to its end, showing its progress in units of `noun`."""
    for progress in steps:
        print_progress(noun, progress.step, progress.total)


_shown = [0.0]


def print_progress(what, done, total):
    """One line that is written over, at most five times a second, and only where a person can see it."""
    if not sys.stderr.isatty() or (done != total and time.monotonic() - _shown[0] < 0.2):
        return
    _shown[0] = time.monotonic()
    print(f"\r{done}{f' of {total}' if total else ''} {what}   ", end="\n" if done == total else "", file=sys.stderr)
