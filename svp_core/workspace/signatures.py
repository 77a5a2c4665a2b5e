"""Electronic signatures: entries of the audit trail that name a person, a meaning, a time and the signed content.

21 CFR 11.50 asks for the printed name, date and time, and meaning; 11.70 for a link to the record that cannot be cut
or copied: the SHA-256 of the content, under the keyed hash of the trail; 11.200 for two components. What was shown of
these stands in every signature: without sign-in there is a typed name only, which is no signature in that sense.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from svp_core.access.person import REVIEWER, Person, current_person, require
from svp_core.access.sign_in import read_sign_in
from svp_core.audit_trail.trail import Entry
from svp_core.errors import LabError
from svp_core.workspace.changes import add_entry, list_entries

MEANINGS = ("Author", "Reviewed", "Approved")
SIGN = "sign"
PASSWORD_S = 900.0  # how long ago the password may have been entered for the first signature after it
TWO_COMPONENTS = "signed in with password, full name typed"
SESSION = "signed in, full name typed; the password was not asked for again"
NAME_ONLY = "name typed, no sign-in: not an electronic signature in the sense of 21 CFR Part 11"


@dataclass(frozen=True)
class Signature:
    """One signature."""

    id: str
    name: str
    login: str
    meaning: str  # of MEANINGS
    time: float  # s since 1970, UTC
    components: str  # TWO_COMPONENTS, SESSION or NAME_ONLY
    content: str  # SHA-256 of what was signed, before this signature stood in it
    facts: Mapping[str, Any]  # further details of the entry


def needs_password(person: Person) -> bool:
    """Whether this person has to sign in again before signing, as every sign-in asks for the password."""
    sign_in = read_sign_in()
    is_fresh = person.password_at is not None and time.time() - person.password_at <= PASSWORD_S
    return person.is_signed_in and sign_in is not None and sign_in.asks_password and not is_fresh


def components_of(person: Person) -> str:
    """What of the signature's components this person shows by typing their full name."""
    if not person.is_signed_in:
        return NAME_ONLY
    sign_in = read_sign_in()
    return TWO_COMPONENTS if sign_in and sign_in.asks_password and not needs_password(person) else SESSION


def new_signature(typed_name: str, meaning: str, content: str, **facts: Any) -> Signature:
    """A signature of the person who is acting, not stored yet.

    Raises LabError where they may not sign, the typed name is not theirs, or they have to sign in again.
    """
    person, name = require(REVIEWER, "sign"), " ".join(typed_name.split())
    if meaning not in MEANINGS:
        raise LabError(f"{meaning[:40]!r} is no meaning of a signature; choose {', '.join(MEANINGS)}.")
    if not name or len(name) > 80:
        raise LabError("A signature needs your full name, up to 80 characters; type it.")
    if person.is_signed_in and name.casefold() != person.name.casefold():
        raise LabError(f"{name!r} is not the name that you are signed in under; type {person.name}.")
    if needs_password(person):
        raise LabError("A signature needs your password; sign in again, then sign within 15 minutes.")
    name = person.name if person.is_signed_in else name
    return Signature(
        uuid4().hex[:12], name, person.login, meaning, round(time.time()), components_of(person), content, facts
    )


def store_signature(signature: Signature, kind: str, subject: str, title: str, **facts: Any) -> Signature:
    """Write a new signature of this record to the audit trail; returns it. facts: further details of the entry."""
    details = {**signature.facts, **facts}
    add_entry(
        current_person(),
        SIGN,
        kind,
        subject,
        title,
        **details,
        signature=signature.id,
        name=signature.name,
        meaning=signature.meaning,
        at=signature.time,
        components=signature.components,
        content=signature.content,
    )
    return signature


def signatures_of(kind: str, subject: str) -> list[Signature]:
    """Signatures of one record, oldest first."""
    return [_signature(entry) for entry in reversed(list_entries(kinds=(kind,), subject=subject, action=SIGN))]


def _signature(entry: Entry) -> Signature:
    facts = entry.facts
    return Signature(
        str(facts.get("signature", "")),
        str(facts.get("name", entry.name)),
        entry.login,
        str(facts.get("meaning", "")),
        float(facts.get("at", entry.time)),
        str(facts.get("components", NAME_ONLY)),
        str(facts.get("content", "")),
        facts,
    )
