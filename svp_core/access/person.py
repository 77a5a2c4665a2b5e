"""The person who is acting, and their role: every function that changes something asks for the role it needs.

Where sign-in is off, the person is the account of this computer, who may do everything. The app names the signed-in
visitor instead (identify_by); the process of a job acts for the person who started it (acting_as).
"""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from svp_core.errors import LabError

READER, REVIEWER, KEEPER = "reader", "reviewer", "keeper"
ROLES = (READER, REVIEWER, KEEPER)  # each may do what those before it may
ROLE_TEXTS = {
    READER: "sees and downloads everything, changes nothing",
    REVIEWER: "also starts work, imports, decides and signs",
    KEEPER: "also renames and deletes, gives roles, and keeps the audit trail",
}
ACCOUNT, OIDC, PROXY = "computer account", "sign-in", "proxy"  # how it is known who a person is


@dataclass(frozen=True)
class Person:
    """Who is acting."""

    login: str  # unique: e-mail address or account
    name: str  # as it stands with decisions and signatures; unique among those who sign in
    role: str  # of ROLES
    via: str  # ACCOUNT, OIDC or PROXY
    password_at: float | None = None  # when the sign-in asked for the password, s since 1970 UTC; None: not known

    @property
    def is_signed_in(self) -> bool:
        """Whether it was checked who this is; else the name is that of the computer's account."""
        return self.via != ACCOUNT

    def may(self, role: str) -> bool:
        """Whether this person may do what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def account() -> Person:
    """The account that this process runs under: the person where sign-in is off, and on the command line."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        name = f"user {os.getuid()}" if hasattr(os, "getuid") else "this computer"
    return Person(name, name, KEEPER, ACCOUNT)


_identify: Callable[[], Person] = account
_acting: ContextVar[Person | None] = ContextVar("acting", default=None)


def identify_by(identify: Callable[[], Person]) -> None:
    """Let this function say who is acting from now on; it raises LabError where nobody is signed in."""
    global _identify
    _identify = identify


@contextmanager
def acting_as(person: Person) -> Iterator[Person]:
    """Act for this person until the block ends, in this thread."""
    token = _acting.set(person)
    try:
        yield person
    finally:
        _acting.reset(token)


def current_person() -> Person:
    """Who is acting. Raises LabError where nobody is signed in."""
    return _acting.get() or _identify()


def names_are_checked() -> bool:
    """Whether people sign in here, so that nobody acts under another name; also while nobody is signed in."""
    try:
        return current_person().is_signed_in
    except LabError:
        return True


def require(role: str, action: str) -> Person:
    """The person who is acting. Raises LabError where their role is below this one. action: "delete a model"."""
    person = current_person()
    if not person.may(role):
        raise LabError(
            f"{person.name} has the role {person.role}, which may not {action}; ask a keeper for the role {role}."
        )
    return person


def require_own_name(name: str, action: str) -> Person:
    """The person who is acting as a reviewer. Raises LabError where they are signed in under another name."""
    person = require(REVIEWER, action)
    if person.is_signed_in and name != person.name:
        raise LabError(
            f"You are signed in as {person.name}, so you cannot {action} as {str(name)[:80]!r}; reload the page."
        )
    return person
