"""The database of the workspace: its tables, and how to reach it.

SQLite in the workspace folder by default; SVP_DATABASE_URL points somewhere else, e.g. at PostgreSQL.
"""

import os
import sqlite3
import threading
import time
from contextlib import suppress
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from svp_core.errors import LabError
from svp_core.workspace.paths import workspace_root

BUSY_TIMEOUT_S = 10  # how long one writer waits for another; every transaction here takes milliseconds

_one_at_a_time = threading.Lock()

METADATA = sa.MetaData()

# Times are seconds since 1970, UTC. States are those of jobs.Job.
job = sa.Table(
    "job",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("same_as", sa.Text),  # kind and config as one text; null once a cancel was asked for
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False, default=False),  # somebody asked for it; so in the next line
    sa.Column("pause", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("worker", sa.String(32)),  # the one process that may write to this row; null until it has come
    sa.Column("slot", sa.Integer),  # which of the places to run in it holds while running
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("total", sa.Integer),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("heartbeat", sa.Float, nullable=False),
    sa.Column("paced_step", sa.Integer),  # the rate is counted from this step at this time: model loading is left out
    sa.Column("paced_from", sa.Float),
    sa.Column("stepped", sa.Float),  # when `step` was written
)
is_active = job.c.state.in_(("queued", "running"))
is_running = job.c.state == "running"
# The database itself sees to it that the same work is never under way twice, and that no slot holds two jobs.
sa.Index("one_active_job", job.c.same_as, unique=True, sqlite_where=is_active, postgresql_where=is_active)
sa.Index("one_job_a_slot", job.c.slot, unique=True, sqlite_where=is_running, postgresql_where=is_running)


def engine():
    """The SQLAlchemy engine of this workspace, its tables made. Raises LabError when it cannot be reached."""
    given = os.environ.get("SVP_DATABASE_URL")
    url = given or sa.URL.create("sqlite", database=str(workspace_root() / "lab.sqlite"))
    with _one_at_a_time:
        return _engine(url)


@lru_cache(maxsize=8)
def _engine(url):
    try:
        is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
        found = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S} if is_sqlite else {})
        if is_sqlite:
            sa.event.listen(found, "connect", _prepare_sqlite)
        with found.begin() as db:
            for table in METADATA.sorted_tables:
                db.execute(CreateTable(table, if_not_exists=True))
                _add_new_columns(db, table)
                for index in table.indexes:
                    db.execute(CreateIndex(index, if_not_exists=True))
    except (sa.exc.ArgumentError, sa.exc.OperationalError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise LabError(
            f"The lab's database cannot be opened ({reason}); check SVP_DATABASE_URL and SVP_WORKSPACE."
        ) from None
    return found


def _add_new_columns(db, table):
    """Bring a table that an earlier edition made up to date; its rows get each new column's server_default."""
    there = {column["name"] for column in sa.inspect(db).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            line = CreateColumn(column).compile(db)
            # Two processes may be at it at once: the second finds the column there.
            with suppress(sa.exc.OperationalError, sa.exc.ProgrammingError), db.begin_nested():
                db.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {line}"))


def _prepare_sqlite(connection, _record):
    # With a write-ahead log readers never wait for a writer. NORMAL may lose the last moments at a power cut, never
    # the file.
    end = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # Two processes at a new database: SQLite does not wait for its lock at this one statement.
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=NORMAL")
