"""A review's whole history as one JSON lines file, readable without SvP Lab, and its import into a workspace.

Line 1 is the header, then one line per particle with its label before the review, one line per decision with its hash,
and last the number of decisions and the hash of the last one. Every line is canonical JSON (hash_chain).
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from svp_core.access.person import KEEPER
from svp_core.errors import LabError
from svp_core.files import atomic_write
from svp_core.review.current_labels import Decision
from svp_core.review.decision_log import SQL_BATCH_SIZE, history, lock_log
from svp_core.review.hash_chain import ChainCheck, canonical_json, check_chain, dump_plain, first_hash, next_hash
from svp_core.review.history_reading import DamagedHistory, HistoryFile, read_history
from svp_core.review.history_schema import first_problem
from svp_core.review.queue_file import content_hash
from svp_core.review.seal import kept_head, kept_problem, make_seal, noted_heads, noted_problem, seal_problem
from svp_core.review.store import load_queue, save_review
from svp_core.workspace.changes import REVIEW, change
from svp_core.workspace.database import decision as decision_row
from svp_core.workspace.database import engine, lasting
from svp_core.workspace.database import review as review_row


def export_history(review_id: str, path: str | Path) -> ChainCheck:
    """Write the review's history to this file; returns its check, whose count and head belong in every report."""
    header, count, head, rows = _snapshot(review_id)
    particles = load_queue(header)

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(canonical_json(header) + "\n")
            for particle, given in zip(particles["particle"], particles["given"], strict=True):
                file.write(dump_plain({"particle": particle, "given": given}) + "\n")
            file.writelines(dump_plain(row) + "\n" for row in rows)
            # As the database has it: rows that were removed there are missed in the file too.
            file.write(canonical_json({"count": count, "head": head}) + "\n")

    atomic_write(path, write)
    return check_chain(header, rows, count=count, head=head)


def verify(review_id: str, *, head: str | None = None) -> ChainCheck:
    """Check the history in this workspace. head: its last hash as noted elsewhere.

    Raises LabError where the review's folder is damaged.
    """
    noted, kept = noted_heads(review_id), kept_head(review_id)  # first: the log may go on meanwhile
    header, count, own_head, rows = _snapshot(review_id)
    load_queue(header)
    check = check_chain(header, rows, count=count, head=head or own_head)
    if check.sound:
        with engine().connect() as db:
            row = db.execute(sa.select(review_row).where(review_row.c.id == str(review_id))).one()
        problem = seal_problem(review_id, row._mapping["count"], row.head, row.seal)
        hashes = {each["number"]: each["hash"] for each in rows}
        problem = problem or noted_problem(noted, hashes) or kept_problem(kept, hashes)
        return replace(check, problem=problem)
    return check


def verify_file(path: str | Path, *, head: str | None = None) -> ChainCheck:
    """Check an exported history. head: its last hash as noted elsewhere, which reveals a rebuilt chain."""
    return _check_file(path, head)[0]


def _check_file(path: str | Path, head: str | None = None) -> tuple[ChainCheck, HistoryFile | None]:
    """(check, the file); None where it is damaged."""
    try:
        file = read_history(path)
    except DamagedHistory as damage:
        return ChainCheck(0, "", str(damage)), None
    particles = file.particles
    if content_hash(particles) != file.header["content"] or len(particles) != file.header["particles"]:
        return ChainCheck(0, "", "The particles or their labels before the review are not those of the header."), file
    try:
        check = check_chain(file.header, file.rows(), count=file.count, head=head or file.head)
    except (ValueError, RecursionError):
        return ChainCheck(0, "", "It holds texts or nested lists that no review has."), file
    problem = check.problem or first_problem(particles.itertuples(index=False), file.rows())
    return replace(check, problem=problem), file


def import_history(path: str | Path) -> str:
    """Import an exported history into this workspace; returns the review's id, the same as where it was exported.

    A review that exists here is continued where the file goes on after its last decision, and left alone where it is
    further than the file; a deleted one is restored. Otherwise a new one is created, without images. Raises LabError
    where the file is damaged or the two have diverged.
    """
    check, file = _check_file(path)
    if file is None or not check.sound:
        raise LabError(f"{Path(path).name} is not as it was exported and was not imported: {check.problem}")
    header = file.header
    review_id = header["review"]
    with change(KEEPER, "import", REVIEW, review_id, str(header["name"]), decisions=check.count, head=check.head):
        _store(header, file.particles, _unchanged(file, check))
    return review_id


def _unchanged(file: HistoryFile, check: ChainCheck) -> Iterator[dict[str, Any]]:
    """The decisions, read once more. Raises LabError where they are not those that were checked."""
    last, columns = first_hash(file.header), {*Decision._fields}
    try:
        for row in file.rows():
            last = next_hash(last, row)
            if set(row) != columns or row["hash"] != last:
                break
            yield row
    except (ValueError, OSError):
        last = ""
    if last != check.head:
        raise LabError(f"{file.path.name} has changed while it was read; import it again.")


def _store(header: dict[str, Any], particles: pd.DataFrame, rows: Iterator[dict[str, Any]]) -> None:
    """Store an imported history, or what a stored one lacks of it. Raises LabError where the two have diverged."""
    review_id = header["review"]
    with engine().connect() as db:
        stored_header = db.scalar(sa.select(review_row.c.header).where(review_row.c.id == review_id))
    if stored_header is None:
        save_review(header, particles)
    elif json.loads(stored_header) != header:
        raise LabError(
            f"The review {header['name']!r} exists in this workspace with another header; nothing was imported."
        )
    with lasting() as db:
        lock_log(db, review_id)
        if db.scalar(sa.select(review_row.c.closed).where(review_row.c.id == review_id)) is not None:
            raise LabError(f"The review {header['name']!r} was closed with a signature; nothing was imported.")
        db.execute(review_row.update().where(review_row.c.id == review_id).values(deleted=None))
        own = decision_row.c.review == review_id
        hashes = list(db.scalars(sa.select(decision_row.c.hash).where(own).order_by(decision_row.c.number)))
        for number, (stored_hash, row) in enumerate(zip(hashes, rows, strict=False), 1):
            if stored_hash != row["hash"]:
                raise LabError(
                    f"From decision {number} on, the review {header['name']!r} differs between the two workspaces; "
                    "nothing was imported: keep one of the two and settle the differences there."
                )
        count, last = len(hashes), ""
        while batch := list(islice(rows, SQL_BATCH_SIZE)):
            new = [{**row, "review": review_id, "evidence": canonical_json(row["evidence"])} for row in batch]
            db.execute(decision_row.insert(), new)
            count, last = count + len(new), batch[-1]["hash"]
        if last:
            values = {"count": count, "head": last, "seal": make_seal(review_id, count, last)}
            db.execute(review_row.update().where(review_row.c.id == review_id).values(**values))


def check_all(db: sa.Connection) -> Iterator[tuple[str, ChainCheck]]:
    """Yield (id, check of its hash chain) of every review in a database, deleted ones included."""
    columns = [decision_row.c[name] for name in Decision._fields]
    for row in db.execute(sa.select(review_row)).mappings().all():
        own = sa.select(*columns).where(decision_row.c.review == row["id"]).order_by(decision_row.c.number)
        rows = (_as_row(Decision(*decision)) for decision in db.execute(own))
        yield row["id"], check_chain(json.loads(row["header"]), rows, count=row["count"], head=row["head"])


def _snapshot(review_id: str) -> tuple[dict[str, Any], int, str, list[dict[str, Any]]]:
    """(header, count, head, dicts of the decisions' columns) of one moment."""
    before, decisions = None, []
    while True:
        with engine().connect() as db:
            row = db.execute(sa.select(review_row).where(review_row.c.id == str(review_id))).one_or_none()
        if row is None:
            raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")
        if row == before:
            columns = row._mapping  # row.count would be the tuple's method for a type checker
            return json.loads(row.header), columns["count"], row.head, [_as_row(decision) for decision in decisions]
        before, decisions = row, history(review_id)


def _as_row(decision: Decision) -> dict[str, Any]:
    """The dict of a Decision that is hashed and exported: evidence as an object, not as its JSON text."""
    evidence = decision.evidence_dict
    # An altered text stays a text, which does not match the hash.
    is_unaltered = dump_plain(evidence) == decision.evidence
    return decision._asdict() | {"evidence": evidence if is_unaltered else decision.evidence}
