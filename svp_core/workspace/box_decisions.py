"""Changes of boxes in frames, in the database: only ever added, by people who may decide; the audit trail tells."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svp_core.access.person import REVIEWER, current_person, require, require_own_name
from svp_core.workspace.changes import FRAMES, add_entry
from svp_core.workspace.database import box_decision as row
from svp_core.workspace.database import engine, lasting

MAX_REVIEWER = 80  # characters


def write_events(record: str, events: Iterable[Mapping[str, Any]]) -> int:
    """Write changes; returns how many were new: one that is known already changes nothing.

    events: tab, n, frame, box, kind, before, after (texts of frames.box_record.state_text), undoes, reviewer, at;
    checked by the caller. Raises LabError where the person may not decide, or under another name.
    """
    require(REVIEWER, "correct boxes")
    values = [_values(record, event) for event in events]
    for name in {value["reviewer"] for value in values}:
        require_own_name(name, "correct boxes")
    written: dict[str, Any] = {}
    for value in values:
        try:
            with lasting() as db:
                db.execute(row.insert().values(**value))
        except IntegrityError:  # sent twice
            continue
        written[f"{value['tab']}/{value['n']}"] = [value["kind"], value["frame"], value["box"], value["after"]]
    if written:
        add_entry(current_person(), "correct boxes", FRAMES, record, changes=written)
    return len(written)


def read_events(record: str, frame: str | None = None) -> list[dict[str, Any]]:
    """Changes in the order of writing, of one frame or of all: fields as frames.box_record.BoxEvent has them."""
    query = sa.select(row).where(row.c.record == record).order_by(row.c.number)
    if frame is not None:
        query = query.where(row.c.frame == frame)
    with engine().connect() as db:
        stored = db.execute(query).mappings().all()
    names = ("tab", "n", "frame", "box", "kind", "undoes", "reviewer")
    return [
        {**{name: one[name] for name in names}, "before": json.loads(one["before"]), "after": json.loads(one["after"]),
         "at": one["server_time"]}
        for one in stored
    ]  # fmt: skip


def count_events(record: str) -> int:
    """Number of changes that were written."""
    with engine().connect() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(row).where(row.c.record == record)) or 0


def _values(record: str, event: Mapping[str, Any]) -> dict[str, Any]:
    tab, n, reviewer, at = event.get("tab"), event.get("n"), event.get("reviewer"), event.get("at")
    if not (isinstance(tab, str) and 0 < len(tab) <= 64 and type(n) is int and 0 < n < 2**53):
        raise ValueError(f"a change needs a tab (text) and n (1, 2, ...); got {tab!r}, {n!r}")
    if not (isinstance(reviewer, str) and 0 < len(reviewer.strip()) <= MAX_REVIEWER):
        raise ValueError("a change needs the name of its reviewer")
    return {
        "record": record,
        "tab": tab,
        "n": n,
        "frame": str(event["frame"]),
        "box": str(event["box"]),
        "kind": str(event["kind"]),
        "before": str(event["before"]),
        "after": str(event["after"]),
        "undoes": str(event.get("undoes") or "")[:90],
        "reviewer": reviewer.strip(),
        "browser_time": float(at) if isinstance(at, int | float) and 0 < at < 1e11 else None,
        "server_time": time.time(),
    }
