"""The audit trail as a table: append, read and check entries. Rows are only ever added.

Each entry carries an HMAC of the entry before it and of its own content. Who can write the database but does not know
the key cannot alter, insert or remove an entry without the check finding it; the seal (key.py) shows a cut-off end.
"""

import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import sqlalchemy as sa

from svp_core.audit_trail.key import AuditKey, read_seal
from svp_core.errors import LabError

METADATA = sa.MetaData()
trail_row = sa.Table(
    "audit_trail",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # 1, 2, ...
    sa.Column("time", sa.Float, nullable=False),  # s since 1970, UTC
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("via", sa.String(20), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(30), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),  # canonical JSON
    sa.Column("key", sa.String(16), nullable=False),  # AuditKey.id
    sa.Column("hash", sa.String(64), nullable=False),
)
sa.Index("trail_of_subject", trail_row.c.kind, trail_row.c.subject)
FIRST = "the audit trail begins"
_LOCK = 731959  # of PostgreSQL; any number that nothing else uses
PAGE = 1000  # entries read at once


@dataclass(frozen=True)
class Entry:
    """One change."""

    login: str  # who
    name: str
    via: str  # person.ACCOUNT, OIDC or PROXY
    action: str  # "create", "rename", "delete", "sign", ...
    kind: str  # of what: "data set", "model", ...
    subject: str  # its id
    title: str = ""  # its name
    why: str = ""
    details: str = "{}"  # canonical JSON
    number: int = 0
    time: float = 0.0  # s since 1970, UTC
    key: str = ""
    hash: str = field(default="")

    @property
    def facts(self) -> dict[str, Any]:
        """The details as a dict."""
        try:
            content = json.loads(self.details)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class TrailCheck:
    """Result of checking the trail."""

    count: int  # entries from the first on that are as they were written
    problem: str = ""  # one sentence; "" when all are intact

    @property
    def sound(self) -> bool:
        """True when no problem was found."""
        return not self.problem


COLUMNS = tuple(column.name for column in trail_row.columns)
assert set(COLUMNS) == {item.name for item in fields(Entry)}


def append(db: sa.Connection, key: AuditKey, entry: Entry) -> Entry:
    """Append an entry in this transaction; returns it with number, time and hash."""
    _lock(db)
    last = db.execute(
        sa.select(trail_row.c.number, trail_row.c.hash).order_by(trail_row.c.number.desc()).limit(1)
    ).first()
    number, previous = (last.number + 1, last.hash) if last else (1, FIRST)
    entry = replace(entry, number=number, time=entry.time or round(time.time(), 3), key=key.id)
    entry = replace(entry, hash=_hash(key, previous, entry))
    db.execute(trail_row.insert().values(**asdict(entry)))
    return entry


def details_text(details: Mapping[str, Any]) -> str:
    """Canonical JSON of JSON-ready details."""
    return json.dumps(details, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)


def entries(
    db: sa.Connection,
    *,
    kinds: Sequence[str] = (),
    subject: str = "",
    action: str = "",
    login: str = "",
    since: float | None = None,
    until: float | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """Entries that fit all given conditions, newest first. since, until: s since 1970, UTC."""
    query = sa.select(trail_row).order_by(trail_row.c.number.desc()).limit(limit)
    conditions = [
        trail_row.c.kind.in_(kinds) if kinds else None,
        trail_row.c.subject == subject if subject else None,
        trail_row.c.action == action if action else None,
        trail_row.c.login == login if login else None,
        trail_row.c.time >= since if since is not None else None,
        trail_row.c.time < until if until is not None else None,
    ]
    query = query.where(*(condition for condition in conditions if condition is not None))
    return [Entry(**row._mapping) for row in db.execute(query)]


def check_trail(db: sa.Connection, key: AuditKey | None) -> TrailCheck:
    """Check every entry against the key, the numbering, and the seal beside the key."""
    previous, checked, seal = FIRST, 0, read_seal(key) if key else None
    for entry in _in_order(db):
        number = checked + 1
        if entry.number != number:
            return TrailCheck(checked, f"Entry {number} is missing: number {entry.number} follows.")
        if key is None or entry.key != key.id:
            return TrailCheck(checked, f"Entry {number} was written with another key, {entry.key}, which is not here.")
        if not hmac.compare_digest(_hash(key, previous, entry), entry.hash):
            return TrailCheck(checked, f"Entry {number} is not as it was written: it, or the one before, was altered.")
        previous, checked = entry.hash, number
        if seal and seal[0] == number and seal[1] != entry.hash:
            return TrailCheck(checked - 1, f"Entry {number} is another one than was sealed: the trail was replaced.")
    if seal and seal[0] > checked:
        return TrailCheck(
            checked,
            f"The trail ends after entry {checked}, and there were {seal[0]}: its end was cut off, or the database "
            "was restored from an earlier backup.",
        )
    return TrailCheck(checked)


def last_entry(db: sa.Connection) -> Entry | None:
    """The newest entry; None for an empty trail."""
    found = entries(db, limit=1)
    return found[0] if found else None


def _in_order(db: sa.Connection) -> Iterator[Entry]:
    after = 0
    while True:
        query = sa.select(trail_row).where(trail_row.c.number > after).order_by(trail_row.c.number).limit(PAGE)
        page = [Entry(**row._mapping) for row in db.execute(query)]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].number


def _hash(key: AuditKey, previous: str, entry: Entry) -> str:
    content = {name: value for name, value in asdict(entry).items() if name != "hash"}
    return key.sign(json.dumps([previous, content], sort_keys=True, ensure_ascii=True, separators=(",", ":")))


def _lock(db: sa.Connection) -> None:
    """Let no other process append until this transaction ends: numbers have no gaps and the chain no fork."""
    if db.dialect.name == "postgresql":
        db.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    elif db.dialect.name == "sqlite":
        # Changes nothing, but makes this transaction the one that may write.
        db.execute(trail_row.update().where(trail_row.c.number < 0).values(number=trail_row.c.number))
    else:
        raise LabError(f"An audit trail needs SQLite or PostgreSQL; the database is {db.dialect.name}.")
