"""What a history may contain: every line of a file is checked before anything of it is written.

The hash chain shows that a history is as somebody wrote it, not that its content makes sense: anyone can compute the
hashes of a forged one. The rules here are those that decision_rules keeps when decisions are made.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from svp_core.review.current_labels import ANSWERS, COMPARISON_PURPOSES, LABELLING_PURPOSES, NOT_A_CLASS
from svp_core.review.hash_chain import dump_plain
from svp_core.review.queue_file import clean_text
from svp_core.review.store import MAX_ID_BYTES, MAX_NAME

MAX_LINE = 4_000_000  # characters: a draw names its particles
MAX_EVIDENCE = 8_000  # characters, of a decision other than a draw
MAX_DEPTH = 12  # of nested lists and objects
MAX_PARTICLES = 1_000_000  # of a review that is imported
MAX_CLASSES, MAX_LABEL = 1_000, 200  # classes of a review; characters of a label
MAX_TIME = 1e11  # seconds since 1970
SOURCE_KINDS = ("folder", "dataset", "classify")
_MAX_LENGTH = {"tab": 64, "reviewer": 80, "batch": 64, "undoes": 90, "reason": 2_000, "particle": MAX_ID_BYTES}
_KINDS, _PURPOSES = (*ANSWERS, "skip", "undo", "draw"), (*LABELLING_PURPOSES, *COMPARISON_PURPOSES)
_HASH = "[0-9a-f]{64}"

Rule = tuple[str, Callable[[], bool]]  # (what is wrong where it does not hold, does it hold)


def header_problem(header: Mapping[str, Any]) -> str:
    """Why this cannot be the header of a review; "" where it can."""
    keys = header["class_keys"]
    return _first_broken(
        ("name", lambda: _is_text(header["name"], MAX_NAME) and bool(header["name"].strip())),
        ("kind", lambda: header["kind"] in SOURCE_KINDS),
        ("source", lambda: isinstance(header["source"], dict) and _is_plain(header["source"], MAX_EVIDENCE)),
        ("class_keys", lambda: isinstance(keys, list) and 0 < len(keys) <= MAX_CLASSES),
        ("class_keys", lambda: all(_is_label(key) and key not in ("", *NOT_A_CLASS) for key in keys)),
        ("class_keys", lambda: len(set(keys)) == len(keys)),
        ("model", lambda: _is_text(header["model"], MAX_ID_BYTES)),
        ("created", lambda: datetime.fromisoformat(header["created"]) is not None),
        ("particles", lambda: type(header["particles"]) is int and 0 < header["particles"] <= MAX_PARTICLES),
        ("content", lambda: bool(re.fullmatch(_HASH, header["content"]))),
    )


def is_particle(name: object, given: object) -> bool:
    """Whether these can be the name of a particle and its label before the review."""
    return _is_name(name) and bool(name) and _is_label(given)


def first_problem(particles: Iterable[tuple[Any, ...]], rows: Iterable[Mapping[str, Any]]) -> str:
    """What is wrong with the first invalid line of a history, in a sentence; "" where all are valid.

    particles: (name, label before). rows: dicts of the decisions, whose columns have the right types.
    """
    names: set[str] = set()
    return next(chain(_particle_problems(particles, names), _decision_problems(rows, names)), "")


def _particle_problems(particles: Iterable[tuple[Any, ...]], names: set[str]) -> Iterator[str]:
    """Fills names."""
    for number, (name, given) in enumerate(particles, 1):
        if not is_particle(name, given):
            yield f"Particle {number} is not a name and a label."
        elif name in names:
            yield f"The particle {name[:80]!r} occurs twice."
        else:
            names.add(name)


def _decision_problems(rows: Iterable[Mapping[str, Any]], names: set[str]) -> Iterator[str]:
    known: dict[str, str] = {}  # decision -> its particle
    for row in rows:
        if wrong := _row_problem(row, names, known):
            yield f"Decision {row['number']} is not valid: its {wrong}."
        known[f"{row['tab']}/{row['n']}"] = row["particle"]


def _row_problem(row: Mapping[str, Any], names: set[str], known: Mapping[str, str]) -> str:
    """Which column is invalid, "" where none is."""
    kind, draw, label = row["kind"], row["kind"] == "draw", row["to_label"]
    return _first_broken(
        *((name, lambda name=name, most=most: _is_text(row[name], most)) for name, most in _MAX_LENGTH.items()),
        ("n", lambda: 0 < row["n"] < 2**53),
        ("tab", lambda: bool(row["tab"])),
        ("tab and n occur before", lambda: f"{row['tab']}/{row['n']}" not in known),
        ("reviewer", lambda: bool(row["reviewer"].strip())),
        ("kind", lambda: kind in _KINDS),
        ("purpose", lambda: row["purpose"] in _PURPOSES),
        ("particle", lambda: row["particle"] in names if not draw else not row["particle"]),
        ("labels", lambda: _is_label(row["from_label"]) and _is_label(label)),
        ("label is none", lambda: kind != "label" or (bool(label) and label not in NOT_A_CLASS)),
        ("label does not follow from its kind", lambda: kind not in NOT_A_CLASS or label == kind),
        ("server_time", lambda: _is_time(row["server_time"])),
        ("browser_time", lambda: row["browser_time"] is None or _is_time(row["browser_time"])),
        ("evidence", lambda: _is_plain(row["evidence"], MAX_LINE if draw else MAX_EVIDENCE)),
        ("draw", lambda: not draw or _is_draw(row["evidence"])),
        # An undo names an earlier decision: so no two undo each other.
        ("undo", lambda: (known.get(row["undoes"]) == row["particle"]) if kind == "undo" else not row["undoes"]),
    )


def _first_broken(*rules: Rule) -> str:
    for wrong, holds in rules:
        try:
            if holds():
                continue
        except (TypeError, ValueError, KeyError, RecursionError):
            pass
        return wrong
    return ""


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most and clean_text(value) == value


def _is_name(value: object) -> bool:
    return _is_text(value, MAX_ID_BYTES) and len(str(value).encode()) <= MAX_ID_BYTES


def _is_label(value: object) -> bool:
    return _is_text(value, MAX_LABEL)


def _is_time(value: float) -> bool:
    return math.isfinite(value) and 0 <= value < MAX_TIME


def _is_plain(content: Any, most: int) -> bool:
    """Whether content is shallow, finite, and at most so many characters of JSON."""
    level = [content]
    for _ in range(MAX_DEPTH):
        if not level:
            return len(dump_plain(content)) <= most
        nested = (item for item in level if isinstance(item, dict | list))
        level = [part for item in nested for part in (item.values() if isinstance(item, dict) else item)]
    return False


def _is_draw(evidence: Mapping[str, Any]) -> bool:
    """Whether these are the groups of particles that an audit has drawn."""
    return all(
        type(part["size"]) is int and isinstance(part["particles"], list) and all(map(_is_name, part["particles"]))
        for part in evidence["parts"]
    )
