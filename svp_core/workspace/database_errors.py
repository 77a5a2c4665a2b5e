"""What is wrong with the database, in a sentence: locked, full, read-only, damaged, deleted or unreachable.

Every connection of svp_core.workspace.database reports through here, so no caller meets a driver's own exception.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, IntegrityError, InterfaceError, OperationalError

from svp_core.errors import LabError

CHECKED_BYTES = 64 * 1024**2  # of a database that is checked whenever a process opens it
RESTORE = "restore it from a backup (svp-lab restore)"


class DatabaseError(LabError):
    """The database could not do what was asked; nothing of that transaction was written."""


class DatabaseBusy(DatabaseError):
    """Another process has the database for longer than a writer waits; the same may succeed later."""


def problem_with(error: BaseException, place: str) -> DatabaseError | None:
    """The sentence for an error of the driver; None for one that says nothing about the database itself.

    place: file or server of the database.
    """
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    text = reason.casefold()
    if "locked" in text or "busy" in text or "lock timeout" in text:
        return DatabaseBusy(
            f"The database {place} is locked by another process and nothing was written; try again in a moment, and "
            "look for a stopped process if it stays locked."
        )
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return DatabaseError(f"The database {place} is damaged ({reason}); stop the lab and {RESTORE}.")
    if "readonly" in text or "read-only" in text:
        return DatabaseError(
            f"The database {place} cannot be written ({reason}) and nothing was saved; give the lab write permission "
            "to its workspace folder."
        )
    if "disk is full" in text or "disk i/o error" in text or "no space" in text:
        return DatabaseError(
            f"The database {place} could not be written ({reason}) and nothing was saved; free space on its disk and "
            "try again."
        )
    if "no such table" in text:
        return DatabaseError(f"The database {place} was replaced while the lab was running; start the lab again.")
    return None


def translate_errors(engine: sa.Engine) -> None:
    """Let this engine raise DatabaseError with a sentence in place of the driver's exceptions."""
    place = place_of(engine.url)

    @event.listens_for(engine, "handle_error")
    def _translate(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, IntegrityError) or isinstance(context.original_exception, LabError):
            return
        problem = problem_with(context.original_exception, place)
        if problem is None and isinstance(error, OperationalError | InterfaceError):
            reason = (str(context.original_exception).splitlines() or ["no answer"])[0]
            problem = DatabaseError(
                f"The database {place} cannot be reached ({reason}) and nothing was written; check that it is there, "
                "and SVP_DATABASE_URL and SVP_WORKSPACE."
            )
        if problem is not None:
            raise problem from None


def watch_file(engine: sa.Engine) -> None:
    """Let this engine notice that its SQLite file was deleted or replaced while it has it open.

    The system keeps a deleted file for the process that has it open: without this the lab would go on saying "saved".
    """
    path = engine.url.database
    if not path or path == ":memory:":
        return

    @event.listens_for(engine, "do_connect")
    def _refuse_to_create(*_: object) -> None:
        check_file(engine)  # SQLite would make an empty one

    @event.listens_for(engine, "connect")
    def _note(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def _compare(_connection: object, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        check_file(engine)
        if record.info.get("file") != _identity(path):
            raise DisconnectionError  # replaced, e.g. by a restored backup: connect to the new file


def check_file(engine: sa.Engine) -> None:
    """Raise DatabaseError where the SQLite file of this engine is gone; any other database passes."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:" and not Path(path).is_file():
        raise DatabaseError(
            f"The database {path} was deleted while the lab was running, and nothing was saved; stop the lab and "
            f"{RESTORE}."
        )


def check_not_lost(url: sa.URL, own: Path) -> None:
    """Refuse to begin with an empty database beside the reviews of one that is gone. Raises DatabaseError.

    own: where the workspace keeps its SQLite file.
    """
    reviews = own.parent / "reviews"
    if Path(url.database or "") == own and not own.exists() and reviews.is_dir() and any(reviews.iterdir()):
        raise DatabaseError(
            f"The database {own} is gone, but the workspace holds reviews that belong to it; {RESTORE}, or create an "
            "empty file of that name to begin without their decisions."
        )


def check_pages(db: sa.Connection, url: sa.URL) -> None:
    """Look for damage while the file is small enough to be read in a moment. Raises DatabaseError."""
    path = Path(url.database or ":memory:")
    if not path.is_file() or path.stat().st_size > CHECKED_BYTES:
        return
    answer = db.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if answer != "ok":
        reason = " ".join(str(answer).split())
        raise DatabaseError(f"The database {path} is damaged ({reason}); stop the lab and {RESTORE}.")


def place_of(url: sa.URL) -> str:
    """File or server of a database, without a password."""
    return url.database or "" if url.get_backend_name() == "sqlite" else f"{url.host or url.database}"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
