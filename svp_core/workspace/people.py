"""People who may sign in, with their roles: rows of the database, given by a keeper. Nobody is ever removed.

A login that is no longer welcome gets no role, so that its name is not given to somebody else.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svp_core.access.person import KEEPER, ROLES
from svp_core.errors import LabError
from svp_core.workspace.changes import PERSON, change
from svp_core.workspace.database import engine
from svp_core.workspace.database import person as row

MAX_NAME = 80  # characters, as in every list of reviewers
NO_ROLE = ""


@dataclass(frozen=True)
class Listed:
    """One person on the list."""

    login: str
    name: str
    role: str  # of ROLES, or NO_ROLE


def list_people() -> list[Listed]:
    """Everybody on the list, by name."""
    with engine().connect() as db:
        return [
            Listed(*values)
            for values in db.execute(sa.select(row.c.login, row.c.name, row.c.role).order_by(row.c.name))
        ]


def find_person(login: str, *, name: str = "", keepers: Sequence[str] = ()) -> Listed | None:
    """The person with this login; None where they are not on the list, or have no role.

    keepers: logins of the settings file, which are always keepers; such a person is added at the first visit, under
    the name that the sign-in states.
    """
    login = login.strip().casefold()
    with engine().connect() as db:
        found = db.execute(sa.select(row.c.login, row.c.name, row.c.role).where(row.c.login == login)).first()
    is_keeper = login in {keeper.strip().casefold() for keeper in keepers}
    if found is None and is_keeper:
        taken = {listed.name.casefold() for listed in list_people()}
        name = " ".join(name.split())[:MAX_NAME]
        with suppress(IntegrityError):  # the same person's first two visits at once
            _insert(Listed(login, name if name and name.casefold() not in taken else login[:MAX_NAME], KEEPER))
        return find_person(login)
    if found is None or not (found.role or is_keeper):
        return None
    return Listed(found.login, found.name, KEEPER if is_keeper else found.role)


def add_person(login: str, name: str, role: str) -> Listed:
    """Put a person on the list. Raises LabError for a login or name that is empty, too long or taken."""
    login, name = login.strip().casefold(), " ".join(name.split())
    if not login or not name or len(name) > MAX_NAME or len(login) > 200:
        raise LabError(f"A person needs a login and a full name of 1 to {MAX_NAME} characters; enter both.")
    _check_role(role)
    for listed in list_people():
        if listed.login == login or listed.name.casefold() == name.casefold():
            raise LabError(f"{listed.name} ({listed.login}) is on the list already; change their role instead.")
    with change(KEEPER, "add", PERSON, login, name, role=role):
        _insert(Listed(login, name, role))
    return Listed(login, name, role)


def set_role(login: str, role: str) -> None:
    """Give a person another role; NO_ROLE: none, so that they no longer get in. Raises LabError."""
    if role != NO_ROLE:
        _check_role(role)
    listed = next((listed for listed in list_people() if listed.login == login.strip().casefold()), None)
    if listed is None:
        raise LabError(f"{login[:80]!r} is not on the list of people; add them with a name first.")
    facts = {"before": listed.role, "role": role}
    with change(KEEPER, "give a role to", PERSON, listed.login, listed.name, **facts), engine().begin() as db:
        db.execute(row.update().where(row.c.login == listed.login).values(role=role))


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise LabError(f"{role[:40]!r} is not a role; roles are {', '.join(ROLES)}.")


def _insert(listed: Listed) -> None:
    with engine().begin() as db:
        db.execute(row.insert().values(login=listed.login, name=listed.name, role=listed.role, added=time.time()))
