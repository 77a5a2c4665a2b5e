"""Arguments, checks and progress that several commands share."""

import math
import re
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from svp_core.errors import LabError
from svp_core.execution import ENGINES, LOCAL
from svp_core.progress import Steps
from svp_core.tasks.classify import PIXEL_UM
from svp_core.tasks.generation_request import MAX_SEED

MODEL_HELP = "name of a model, or a model folder"


def whole_number(text: str) -> int:
    """Argparse type: an int of 1 or more."""
    return int(number_between(text, int, 1, math.inf, "a whole number from 1"))


def run_seed(text: str) -> int:
    """Argparse type: an int from 0 to MAX_SEED."""
    return int(number_between(text, int, 0, MAX_SEED, f"a seed; give a whole number from 0 to {MAX_SEED:,}"))


def pixel_size(text: str) -> float:
    """Argparse type: a float, µm per pixel."""
    smallest, largest = PIXEL_UM
    expected = f"a pixel size; give {smallest:g} to {largest:g} µm per pixel"
    return number_between(text, float, smallest, largest, expected)


def number_between(text: str, convert: Callable[[str], float], smallest: float, largest: float, expected: str) -> float:
    """The number that `text` says, for an argparse type. expected: completes the sentence "TEXT is not ..."."""
    try:
        number = convert(text)
    except ValueError:
        number = math.nan
    if not smallest <= number <= largest:
        raise ArgumentTypeError(f"{text[:40]} is not {expected}")
    return number


def key_and_number(text: str, *, example: str) -> tuple[str, float]:
    """(key, number) of KEY=NUMBER, for an argparse type. example: completes the sentence "TEXT is not like ..."."""
    key, _, number = text.rpartition("=")
    try:
        if not key:
            raise ValueError
        return key, float(number)
    except ValueError:
        raise ArgumentTypeError(f"{text[:40]} is not like {example}") from None


def add_source_and_out(parser: ArgumentParser) -> None:
    """Source of particles, and --out, a table or a folder."""
    parser.add_argument("source", type=Path, help="folder, archive, instrument run or image file")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.csv|FOLDER", help="file that ends with .csv, or a folder"
    )


def add_engine(parser: ArgumentParser) -> None:
    """Argument for the engine, see execution.ENGINES."""
    parser.add_argument(
        "--engine",
        choices=tuple(ENGINES),
        default=LOCAL,
        help="where the work is done: local, on this machine; ray, on a Ray cluster (its address in SVP_RAY_ADDRESS; "
        "without one, on all cores of this machine); the results are the same",
    )


def chosen_engine(options: Namespace) -> str | None:
    """The engine of add_engine() as a request stores it: None for this machine."""
    return None if options.engine == LOCAL else options.engine


def check_file(path: Path) -> None:
    """Raise LabError where no file can be written at `path`: before long work, not after it."""
    if not path.parent.is_dir():
        raise LabError(f"{str(path.parent)[:200]} is not an existing folder (--out).")
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise _not_writable(path, error) from None


def check_folder(path: Path) -> None:
    """Raise LabError where no folder can be made and filled at `path`: before long work; nothing is made yet."""
    try:
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        TemporaryDirectory(dir=existing).cleanup()
    except OSError as error:
        raise _not_writable(path, error) from None


def _not_writable(path: Path, error: OSError) -> LabError:
    return LabError(f"{str(path)[:200]} cannot be written ({error.strerror}); choose another location.")


def add_counting(parser: ArgumentParser) -> None:
    """Arguments of how a classification is counted, for counting_settings()."""
    group = parser.add_argument_group("counting", "settings of the counts; without them, those of the page")
    group.add_argument(
        "--unsure-below",
        type=float,
        metavar="CONFIDENCE",
        help="confidence threshold, 0 to 1: particles below it are unsure",
    )
    group.add_argument(
        "--threshold",
        type=_threshold,
        action="append",
        default=[],
        metavar="CLASS=CONFIDENCE",
        help="separate threshold of one class, by its key; may be repeated",
    )
    group.add_argument(
        "--fold-others",
        action="store_true",
        help="count glass flakes, fibres and other particles as one class, other, by the sum of their probabilities",
    )
    group.add_argument("--bins", type=_size_bins, metavar="2,5,10,25", help="lower edges of the size bins, µm")
    group.add_argument("--diameter", metavar="COLUMN", help="size column of results.csv, e.g. feret_max_um")
    group.add_argument("--volume-ml", type=float, help="imaged volume that replaces the one in the source's files")
    group.add_argument("--dilution", type=float, help="dilution factor: concentrations are multiplied by it")


def add_sample(parser: ArgumentParser) -> None:
    """Arguments that describe the sample, for counting_settings()."""
    group = parser.add_argument_group("sample", "shown in the report and in exports")
    group.add_argument("--sample", metavar="NAME", help="name or id of the sample")
    group.add_argument("--lot", help="lot of the sample")
    group.add_argument("--operator", metavar="NAME", help="who ran the instrument")


def counting_settings(options: Namespace) -> dict[str, Any]:
    """The counting and sample settings that were given, for report and exports; all others have their defaults."""
    names = ("unsure_below", "diameter", "volume_ml", "dilution", "sample", "lot", "operator")
    settings = {name: getattr(options, name) for name in names}
    settings |= {"bins_um": options.bins, "thresholds": dict(options.threshold) or None}
    settings |= {"fold_others": options.fold_others or None}
    return {name: value for name, value in settings.items() if value is not None}


def _size_bins(text: str) -> list[float]:
    try:
        return [float(edge) for edge in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"{text[:40]} is not like 2,5,10,25") from None


def _threshold(text: str) -> tuple[str, float]:
    return key_and_number(text, example="protein=0.9")


def find_classification(job_or_folder: str) -> Path:
    """Folder of a classification, from the id of its job or from the folder itself. Raises LabError without one."""
    from svp_core.workspace.jobs import get, job_folder

    if Path(job_or_folder).is_dir():
        return Path(job_or_folder)
    if not re.fullmatch("[0-9a-f]{32}", job_or_folder):
        raise LabError(f"{job_or_folder[:200]} is neither a folder nor the id of a job.")
    return job_folder(get(job_or_folder).id)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder in the workspace, so that a task can move its results from there."""
    from svp_core.workspace.paths import workspace_root

    with TemporaryDirectory(dir=workspace_root()) as folder:
        yield Path(folder)


def print_left_out(items: Iterable[tuple[str, str]]) -> None:
    """List excluded items with their reasons on stderr."""
    for name, reason in items:
        print(f"left out {name}: {reason}", file=sys.stderr)


def follow(steps: Steps, noun: str) -> None:
    """Run a task to its end, showing its progress in units of `noun`."""
    for progress in steps:
        print_progress(noun, progress.step, progress.total)


_last_print = [0.0]


def print_progress(noun: str, done: int, total: int | None) -> None:
    """One line that overwrites itself, at most five times a second, and only on a terminal."""
    if not sys.stderr.isatty() or (done != total and time.monotonic() - _last_print[0] < 0.2):
        return
    _last_print[0] = time.monotonic()
    print(f"\r{done}{f' of {total}' if total else ''} {noun}   ", end="\n" if done == total else "", file=sys.stderr)
