"""Changes: who may make them, and their entry in the audit trail, which is written before the change itself.

A change that then fails has a second entry that says so: the trail may tell of more than happened, never of less.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa

from svp_core.access.person import KEEPER, Person, current_person, require
from svp_core.audit_trail.key import AuditKey, key_file, make_key, read_key, write_seal
from svp_core.audit_trail.trail import Entry, TrailCheck, append, check_trail, details_text, entries, last_entry
from svp_core.errors import LabError
from svp_core.workspace.database import engine
from svp_core.workspace.paths import workspace_root

DATA_SET, MODEL, INSTRUMENT, VALIDATION = "data set", "model", "instrument", "validation"
REVIEW, CLASSIFICATION, REPORT, JOB, PERSON = "review", "classification", "report", "job", "person"
FRAMES, BLIND_TEST = "set of frames", "blind test"
KINDS = (DATA_SET, MODEL, INSTRUMENT, VALIDATION, REVIEW, CLASSIFICATION, REPORT, JOB, PERSON, FRAMES, BLIND_TEST)
MAX_TEXT = 2_000  # characters of a title or a reason

_why: ContextVar[str] = ContextVar("why", default="")


@contextmanager
def because(why: str) -> Iterator[None]:
    """Changes in this block were made for this reason, which stands in the trail."""
    token = _why.set(why.strip())
    try:
        yield
    finally:
        _why.reset(token)


@contextmanager
def change(role: str, action: str, kind: str, subject: str, title: str = "", /, **details: Any) -> Iterator[Person]:
    """Make one change: checks the role, writes the entry, then runs the block; gives who makes it.

    action: a verb ("delete"). kind: of KINDS. subject: its id. title: its name. details: JSON-ready.
    Raises LabError where the person may not, or the trail cannot be written; then nothing was changed.
    """
    person = require(role, f"{action} {'an' if kind[0] in 'aeiou' else 'a'} {kind}")
    add_entry(person, action, kind, subject, title, **details)
    try:
        yield person
    except BaseException as error:
        add_entry(person, f"{action} failed", kind, subject, title, reason=str(error)[:MAX_TEXT])
        raise


def add_entry(person: Person, action: str, kind: str, subject: str, title: str = "", /, **details: Any) -> Entry:
    """Write one entry about what this person does."""
    key = trail_key()
    with engine().begin() as db:
        written = append(db, key, _entry(person, action, kind, subject, title, details))
    write_seal(key, written.number, written.hash)
    return written


def add_entry_in(db: sa.Connection, action: str, kind: str, subject: str, title: str = "", /, **details: Any) -> Entry:
    """Write one entry about what the acting person does, in a transaction that is open already."""
    return append(db, trail_key(), _entry(current_person(), action, kind, subject, title, details))


def _entry(person: Person, action: str, kind: str, subject: str, title: str, details: Mapping[str, Any]) -> Entry:
    login, name, via, subject, title, why = map(
        _clean, (person.login, person.name, person.via, subject, title, _why.get())
    )
    return Entry(login, name, via, action, kind, subject, title, why, details_text(details))


def list_entries(**conditions: Any) -> list[Entry]:
    """Entries that fit the conditions of audit_trail.trail.entries, newest first."""
    with engine().connect() as db:
        return entries(db, **conditions)


def verify_trail() -> TrailCheck:
    """Check the trail of this workspace against its key and seal."""
    with engine().connect() as db:
        return check_trail(db, read_key(key_file(workspace_root())))


def trail_key() -> AuditKey:
    """The key of this workspace's trail, made for the first entry. Raises LabError where it is gone."""
    file = key_file(workspace_root())
    key = read_key(file)
    if key is None:
        with engine().connect() as db:
            last = last_entry(db)
        if last:
            raise LabError(
                f"The key of the audit trail is not in {file}, so nothing can be changed; restore the file, or go on "
                "with a new key: svp-lab audit-trail new-key"
            )
        key = make_key(file)
    return key


def begin_new_key() -> AuditKey:
    """Go on with a new key where the old one is lost; entries written with that can no longer be checked."""
    person = require(KEEPER, "make a new key for the audit trail")
    key = make_key(key_file(workspace_root()))
    add_entry(person, "begin a new key", "audit trail", key.id)
    return key


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL, and a file name that is not valid Unicode comes with lone surrogates.
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:MAX_TEXT]
