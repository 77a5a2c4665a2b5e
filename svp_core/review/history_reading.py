"""Read an exported history line by line: what it makes of memory does not grow with what is written into it.

The decisions stay in the file and are read again each time they are gone through.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from svp_core.errors import LabError
from svp_core.review.current_labels import Decision
from svp_core.review.hash_chain import parse_json
from svp_core.review.history_schema import MAX_LINE, header_problem, is_particle
from svp_core.review.store import is_header

MAX_BYTES = 256 * 1024**2  # of a file that is read: about 400,000 decisions
_PARTICLE, _END = {"particle", "given"}, {"count", "head"}
_TYPES: dict[str, type] = dict.fromkeys(Decision._fields, str) | {
    "number": int,
    "n": int,
    "server_time": float,
    "evidence": dict,
}
_DECISIONS = [_TYPES | {"browser_time": kind} for kind in (float, type(None))]


class DamagedHistory(Exception):
    """This file is not a complete history; the text says why."""


@dataclass(frozen=True, eq=False)
class HistoryFile:
    """An exported history whose lines are those of a review, by their types; nothing else was checked."""

    path: Path
    header: dict[str, Any]
    particles: pd.DataFrame  # particle, given
    decisions: int
    count: int  # of decisions and hash of the last one, as the last line has them
    head: str

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the dict of each decision's columns, read anew."""
        start = 1 + len(self.particles)
        with self.path.open(encoding="utf-8") as file:
            yield from map(parse_json, islice(_lines(file), start, start + self.decisions))


def read_history(path: str | Path) -> HistoryFile:
    """Read a file. Raises DamagedHistory, and LabError where it cannot be read or is something else."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LabError(f"{path.name} has more than {MAX_BYTES // 1024**2} MB and was not read.")
        with path.open(encoding="utf-8") as file:
            return _read(path, file)
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}); choose the file of an exported history.") from None


def _read(path: Path, file: IO[str]) -> HistoryFile:
    contents = _contents(path, file)
    header = next(contents, {})
    if not is_header(header):
        raise LabError(f"{path.name} is not an exported history of a review; its first line is not a header.")
    if wrong := header_problem(header):
        raise DamagedHistory(f"The header is not that of a review: its {wrong} is invalid.")
    particles: list[tuple[str, str]] = []
    decisions, last = 0, None
    for number, content in enumerate(contents, 2):
        if last is not None:  # a decision, as another line follows
            if {name: type(value) for name, value in last.items()} not in _DECISIONS:
                raise DamagedHistory(f"Line {number - 1} is not a decision.")
            decisions += 1
        elif set(content) == _PARTICLE:
            particles.append(_particle(content, len(particles) + 1))
            if len(particles) > header["particles"]:
                raise DamagedHistory(f"It holds more particles than its header states, {header['particles']:,}.")
            continue
        last = content
    if last is None or set(last) != _END or type(last["count"]) is not int or not isinstance(last["head"], str):
        raise DamagedHistory("The last line is missing: the end of the file was cut off.")
    table = pd.DataFrame(particles, columns=["particle", "given"], dtype=object)
    return HistoryFile(path, header, table, decisions, last["count"], last["head"])


def _contents(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    lines, number = _lines(file), 0
    while True:
        number += 1
        try:
            line = next(lines, None)
            content = parse_json(line) if line else None
        except (ValueError, RecursionError):
            content = []
        if content is None:
            return
        if not isinstance(content, dict):
            if number == 1:
                raise LabError(f"{path.name} is not an exported history of a review; its first line is not a header.")
            raise DamagedHistory(f"Line {number} is not a JSON object.")
        yield content


def _lines(file: IO[str]) -> Iterator[str]:
    return iter(partial(file.readline, MAX_LINE), "")


def _particle(content: dict[str, Any], number: int) -> tuple[str, str]:
    if not is_particle(content["particle"], content["given"]):
        raise DamagedHistory(f"Particle {number} is not a name and a label.")
    return content["particle"], sys.intern(content["given"])
