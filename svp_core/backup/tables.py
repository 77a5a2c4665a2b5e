"""Copy of the lab's database as one SQLite file, whatever system it is kept in, and back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from svp_core.audit_trail.trail import METADATA as TRAIL
from svp_core.errors import LabError
from svp_core.workspace.database import METADATA, engine
from svp_core.workspace.database_errors import RESTORE, place_of

ROWS_AT_ONCE = 1_000
TABLES = (*METADATA.sorted_tables, *TRAIL.sorted_tables)


def copy_database(path: Path) -> None:
    """Write the database of this moment to a new SQLite file; writers go on meanwhile.

    From SQLite by its own backup, which includes the write-ahead log: a copy of the file alone would lack what was
    written last. Raises LabError where it cannot be read.
    """
    source = engine()
    if source.dialect.name != "sqlite":
        with _new_file(path) as copy, source.connect() as db:
            db = db.execution_options(isolation_level="REPEATABLE READ")
            _copy_rows(db, copy)
        return
    try:
        with closing(sqlite3.connect(path)) as copy, source.connect() as db:
            driver = db.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise LabError(f"The database {place_of(source.url)} cannot be read ({error}); {RESTORE}.") from None


def check_copy(path: Path) -> None:
    """Raise LabError where this SQLite file is damaged."""
    try:
        with closing(sqlite3.connect(path)) as copy:
            answer = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        raise LabError(f"The database of this backup is damaged ({answer}); use an earlier one.")


@contextmanager
def open_copy(path: Path) -> Iterator[sa.Connection]:
    """A connection to such a file."""
    copied = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    try:
        with copied.connect() as db:
            yield db
    finally:
        copied.dispose()


def insert_rows(path: Path) -> None:
    """Insert the rows of such a file into the lab's database. Raises LabError where that has rows already."""
    with open_copy(path) as copy, engine().begin() as db:
        for table in TABLES:
            if db.execute(sa.select(table).limit(1)).first() is not None:
                raise LabError(
                    f"The database {place_of(engine().url)} holds rows already; restore into an empty one, and set "
                    "SVP_DATABASE_URL to it."
                )
        _copy_rows(copy, db)


@contextmanager
def _new_file(path: Path) -> Iterator[sa.Connection]:
    new = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    METADATA.create_all(new)
    TRAIL.create_all(new)
    try:
        with new.begin() as db:
            yield db
    finally:
        new.dispose()


def _copy_rows(source: sa.Connection, target: sa.Connection) -> None:
    present = set(sa.inspect(source).get_table_names())
    for table in (table for table in TABLES if table.name in present):
        stored = {column["name"] for column in sa.inspect(source).get_columns(table.name)}
        columns = [column for column in table.columns if column.name in stored]
        rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(sa.select(*columns)).mappings()
        for block in rows.partitions(ROWS_AT_ONCE):
            target.execute(table.insert(), [dict(row) for row in block])
    _advance_counters(target)


def _advance_counters(db: sa.Connection) -> None:
    """Let PostgreSQL count on behind the rows that were inserted with their numbers."""
    if db.dialect.name != "postgresql":
        return
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None and isinstance(column.type, sa.Integer) and column.autoincrement is True:
            largest = f"(SELECT COALESCE(MAX({column.name}), 0) + 1 FROM {table.name})"
            counter = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            db.execute(sa.text(f"SELECT setval({counter}, {largest}, false)"))
