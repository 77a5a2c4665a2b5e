"""A review's whole history as one file of JSON lines, readable without SvP Lab, and the way back into a workspace.

Line 1 is the header, then a line a particle with its label before the review, then a line a decision with its hash,
last how many there were and the hash of the last one. Every line is canonical JSON (workspace.chain).
"""

import json
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.review.current_labels import Decision
from svp_core.review.decision_log import MAX_BATCH, history, lock_log
from svp_core.review.hash_chain import ChainCheck, as_text, canonical_json, check_chain, from_text
from svp_core.review.store import content_of, is_header, queue_of, save_review
from svp_core.workspace.database import decision as decision_row
from svp_core.workspace.database import engine, lasting
from svp_core.workspace.database import review as review_row

_PARTICLE, _END = {"particle", "given"}, {"count", "head"}
_TYPES = dict.fromkeys(Decision._fields, str) | {"number": int, "n": int, "server_time": float, "evidence": dict}
_DECISIONS = [_TYPES | {"browser_time": known} for known in (float, type(None))]


def export_history(review_id, path):
    """Write the review's history to this file; returns its Verdict, whose count and head belong into every report."""
    header, count, head, rows = _whole(review_id)
    particles = queue_of(header)

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(canonical_json(header) + "\n")
            for particle, given in zip(particles["particle"], particles["given"], strict=True):
                file.write(as_text({"particle": particle, "given": given}) + "\n")
            file.writelines(as_text(row) + "\n" for row in rows)
            # As the database has it: rows that were taken away there are missed in the file too.
            file.write(canonical_json({"count": count, "head": head}) + "\n")

    atomic_write(path, write)
    return check_chain(header, rows, count=count, head=head)


def verify(review_id, *, head=None):
    """Verdict on the history in this workspace. head: its last hash as noted elsewhere.

    Raises LabError where the review's folder is damaged.
    """
    header, count, own_head, rows = _whole(review_id)
    queue_of(header)
    return check_chain(header, rows, count=count, head=head or own_head)


def verify_file(path, *, head=None):
    """Verdict on an exported history. head: its last hash as noted elsewhere, which shows a chain made anew."""
    try:
        header, particles, rows, end = _read(path)
    except _Damaged as damage:
        return ChainCheck(0, "", str(damage))
    if content_of(particles) != header["content"] or len(particles) != header["particles"]:
        return ChainCheck(0, "", "The particles or their labels before the review are not those of the header.")
    return check_chain(header, rows, count=end["count"], head=head or end["head"])


def import_history(path):
    """Bring an exported history into this workspace; returns the review's id, the same as where it came from.

    A review that is here already is continued where the file goes on after its last decision, and left alone where it
    is further than the file. Otherwise a new one is made, without images. Raises LabError where the file is damaged or
    the two have grown apart.
    """
    verdict = verify_file(path)
    if not verdict.sound:
        raise LabError(f"{Path(path).name} is not as it was exported and was not imported: {verdict.problem}")
    header, particles, rows, _ = _read(path)
    review_id = header["review"]
    with engine().connect() as db:
        there = db.scalar(sa.select(review_row.c.header).where(review_row.c.id == review_id))
    if there is None:
        save_review(header, particles)
    elif json.loads(there) != header:
        raise LabError(
            f"The review {header['name']!r} is in this workspace with another beginning; nothing was imported."
        )
    with lasting() as db:
        lock_log(db, review_id)
        mine = decision_row.c.review == review_id
        hashes = list(db.scalars(sa.select(decision_row.c.hash).where(mine).order_by(decision_row.c.number)))
        for number, (here, row) in enumerate(zip(hashes, rows, strict=False), 1):
            if here != row["hash"]:
                raise LabError(
                    f"Since decision {number} the review {header['name']!r} has gone on in two workspaces; nothing was "
                    "imported: keep one of the two and settle the differences there."
                )
        new = [{**row, "review": review_id, "evidence": canonical_json(row["evidence"])} for row in rows[len(hashes) :]]
        for start in range(0, len(new), MAX_BATCH):
            db.execute(decision_row.insert(), new[start : start + MAX_BATCH])
        if new:
            last = {"count": len(rows), "head": rows[-1]["hash"]}
            db.execute(review_row.update().where(review_row.c.id == review_id).values(**last))
    return review_id


class _Damaged(Exception):
    """This file is no whole history; the text says why."""


def _whole(review_id):
    """(header, count, head, dicts of the decisions' columns) of one moment."""
    before, decisions = None, []
    while True:
        with engine().connect() as db:
            found = db.execute(sa.select(review_row).where(review_row.c.id == str(review_id))).one_or_none()
        if found is None:
            raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")
        if found == before:
            return json.loads(found.header), found.count, found.head, [_as_row(decision) for decision in decisions]
        before, decisions = found, history(review_id)


def _as_row(decision):
    """The dict of a Decision that is hashed and exported: evidence as an object, not as a text of one."""
    row = decision._asdict()
    known = decision.known
    # A text that is not the one that was written stays a text, which does not fit the hash.
    return row | {"evidence": known if as_text(known) == decision.evidence else decision.evidence}


def _read(path):
    """(header, DataFrame of the particles, dicts of the decisions, dict of the last line). Raises _Damaged."""
    lines = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                content = from_text(line)
                if not isinstance(content, dict):
                    raise ValueError
                lines.append(content)
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}); give the file of an exported history.") from None
    except ValueError:
        if lines:
            raise _Damaged(f"Line {len(lines) + 1} is no JSON object.") from None
    if not lines or not is_header(lines[0]):
        raise LabError(f"{Path(path).name} is no exported history of a review; it would begin with its header.")
    header, *between = lines
    if not between or set(between[-1]) != _END:
        raise _Damaged("The last line is missing: the end of the file was cut off.")
    end = between.pop()
    count = next((place for place, line in enumerate(between) if set(line) != _PARTICLE), len(between))
    rows = between[count:]
    for place, row in enumerate(rows):
        if {name: type(value) for name, value in row.items()} not in _DECISIONS:
            raise _Damaged(f"Line {2 + count + place} is not a decision.")
    return header, pd.DataFrame(between[:count], columns=["particle", "given"]), rows, end
