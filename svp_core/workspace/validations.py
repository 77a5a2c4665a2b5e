"""Validations of an instrument: drawn particles in a folder of its profile, answers in the database.

A validation's folder appears whole: validation.json, particles.csv (a row per drawn particle, in the order in which
they are shown) and tiles.npy. Answers are only ever added; an undo is one more row.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError

from svp_core.access.person import REVIEWER, current_person, require_own_name
from svp_core.errors import LabError
from svp_core.files import atomic_folder, write_json
from svp_core.tile_file import read_tiles
from svp_core.workspace.changes import VALIDATION, add_entry, change
from svp_core.workspace.database import engine, lasting
from svp_core.workspace.database import validation_answer as row
from svp_core.workspace.instrument_profiles import profile_folder
from svp_core.workspace.paths import workspace_root

LABEL, SETTLE = "label", "settle"  # purposes of an answer
MAX_REVIEWER = 80  # characters
_FOLDER = "validations"


@dataclass(frozen=True, eq=False)
class Validation:
    """A drawn validation."""

    id: str
    profile: str  # id of the instrument
    facts: dict[str, Any]  # validation.json: created, weights, weights_sha256, class_keys, ranges, seed, unsure_below
    table: pd.DataFrame  # id, job, image, um_per_px, size, size_px, range, p_<class>
    tiles: NDArray[np.uint8]  # (n, 64, 64), read-only

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Classes of the classifier."""
        return tuple(self.facts["class_keys"])


@dataclass(frozen=True)
class Answer:
    """One row of the answers."""

    tab: str
    n: int
    particle: str
    answer: str
    undoes: str
    purpose: str
    reviewer: str


def save_validation(profile_id: str, facts: Mapping[str, Any], table: pd.DataFrame, tiles: NDArray[np.uint8]) -> str:
    """Store drawn particles; returns the id of the validation. table, tiles: rows in the order to show them."""
    parent = profile_folder(profile_id) / _FOLDER
    parent.mkdir(exist_ok=True)
    validation_id = uuid4().hex[:12]
    with (
        change(REVIEWER, "create", VALIDATION, validation_id, instrument=profile_id, particles=len(table)),
        atomic_folder(parent / validation_id) as unfinished,
    ):
        np.save(unfinished / "tiles.npy", np.ascontiguousarray(tiles, np.uint8))
        table.to_csv(unfinished / "particles.csv", index=False, lineterminator="\n")
        write_json(unfinished / "validation.json", dict(facts))
    return validation_id


def list_validations(profile_id: str) -> list[tuple[str, dict[str, Any]]]:
    """(id, validation.json) of an instrument's validations, newest first."""
    found = []
    for path in (profile_folder(profile_id) / _FOLDER).glob("*/validation.json"):
        if (facts := _facts(path)) and not path.parent.name.startswith("."):
            found.append((path.parent.name, facts))
    return sorted(found, key=lambda one: one[1]["created"], reverse=True)


def open_validation(profile_id: str, validation_id: str) -> Validation:
    """The validation with this id. Raises LabError where this instrument has none."""
    folder = workspace_root() / "instruments" / str(profile_id) / _FOLDER / str(validation_id)
    facts = _facts(folder / "validation.json") if str(validation_id).isalnum() and str(profile_id).isalnum() else None
    if facts is None:
        raise LabError(
            f"There is no validation {str(validation_id)[:40]!r} of this instrument; choose one of the list."
        )
    table = pd.read_csv(folder / "particles.csv", dtype={"id": str, "job": str, "image": str})
    return Validation(str(validation_id), str(profile_id), facts, table, read_tiles(folder / "tiles.npy"))


def record_answers(
    validation: Validation, events: Iterable[Mapping[str, Any]], *, allowed: Sequence[str]
) -> dict[str, str]:
    """Write answers as the annotation grid sends them; returns particle -> why it was refused, "" where it was not.

    An event that is known already changes nothing. An undo without `undoes` takes back the reviewer's last answer.
    allowed: possible answers.
    """
    person, notes, particles, given = current_person(), {}, set(validation.table["id"]), {}
    for event in events:
        notes[str(event.get("particle", ""))] = problem = _problem(event, particles, allowed)
        if not problem and event["kind"] != "skip":
            require_own_name(event["reviewer"].strip(), "label particles")
            given[f"{event['tab']}/{event['n']}"] = [event.get("particle"), event.get("label") or event["kind"]]
            _write(validation.id, event)
    if given:
        add_entry(person, "label", VALIDATION, validation.id, answers=given)
    return notes


def answers_of(validation_id: str) -> list[Answer]:
    """Standing answers in the order of writing: undone ones and undos are left out."""
    columns = (row.c.tab, row.c.n, row.c.particle, row.c.answer, row.c.undoes, row.c.purpose, row.c.reviewer)
    with engine().connect() as db:
        rows = db.execute(sa.select(*columns).where(row.c.validation == validation_id).order_by(row.c.number)).all()
    answers = [Answer(*values) for values in rows]
    # Nobody takes back another's answer.
    undone = {(answer.reviewer, answer.undoes) for answer in answers if answer.undoes}
    return [one for one in answers if not one.undoes and (one.reviewer, f"{one.tab}/{one.n}") not in undone]


def answers_by_reviewer(answers: Sequence[Answer], purpose: str = LABEL) -> dict[str, dict[str, str]]:
    """Reviewer -> {particle: latest answer}, the reviewers in the order of their first answers."""
    given: dict[str, dict[str, str]] = {}
    for answer in answers:
        if answer.purpose == purpose:
            given.setdefault(answer.reviewer, {})[answer.particle] = answer.answer
    return given


def _problem(event: Mapping[str, Any], particles: set[str], allowed: Sequence[str]) -> str:
    tab, n, reviewer = event.get("tab"), event.get("n"), event.get("reviewer")
    if not (isinstance(tab, str) and 0 < len(tab) <= 64 and type(n) is int and 0 < n < 2**53):
        raise ValueError(f"an answer needs a tab (text) and n (1, 2, ...); got {tab!r}, {n!r}")
    if not (isinstance(reviewer, str) and 0 < len(reviewer.strip()) <= MAX_REVIEWER):
        return "An answer needs the name of its reviewer; enter yours."
    kind = event.get("kind")
    if kind == "undo":
        return ""
    if event.get("particle") not in particles:
        return "This particle is not in this validation."
    if kind == "skip":
        return ""
    answer = event.get("label") if kind == "label" else kind
    return "" if answer in allowed else f"{str(answer)[:40]!r} is not an answer here; use a class or its key."


def _write(validation_id: str, event: Mapping[str, Any]) -> None:
    kind, at = event["kind"], event.get("at")
    values: dict[str, Any] = {
        "validation": validation_id,
        "tab": event["tab"],
        "n": event["n"],
        "particle": str(event.get("particle") or "")[:16],
        "answer": "" if kind == "undo" else event["label"] if kind == "label" else kind,
        "undoes": str(event.get("undoes") or "")[:90],
        "purpose": SETTLE if event.get("purpose") == SETTLE else LABEL,
        "reviewer": event["reviewer"].strip(),
        "browser_time": float(at) if isinstance(at, int | float) and 0 < at < 1e11 else None,
        "server_time": time.time(),
    }
    if kind == "undo" and not values["undoes"]:
        own = [one for one in answers_of(validation_id) if one.reviewer == values["reviewer"]]
        values["undoes"] = f"{own[-1].tab}/{own[-1].n}" if own else "-"  # nothing to undo is written down as such
    try:
        with lasting() as db:
            db.execute(row.insert().values(**values))
    except IntegrityError:  # sent twice
        return


def _facts(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.read_text("utf-8"))
        return facts if isinstance(facts, dict) and "created" in facts else None
    except (OSError, ValueError):
        return None
