"""The database of the workspace: tables and connection.

SQLite in the workspace folder by default; SVP_DATABASE_URL selects another one, e.g. PostgreSQL.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.exc import DatabaseError as DriverDatabaseError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from svp_core.audit_trail.trail import METADATA as TRAIL
from svp_core.audit_trail.trail import trail_row
from svp_core.errors import LabError
from svp_core.instruments.sqlite_guard import DATABASE_NAME, register_database
from svp_core.workspace.database_errors import (
    check_file,
    check_not_lost,
    check_pages,
    place_of,
    problem_with,
    translate_errors,
    watch_file,
)
from svp_core.workspace.paths import workspace_root

BUSY_TIMEOUT_S = 10  # how long a writer waits for another; every transaction here takes milliseconds

_engine_lock = threading.Lock()

METADATA = sa.MetaData()

# Times are seconds since 1970, UTC. States are those of jobs.Job.
job = sa.Table(
    "job",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("same_as", sa.Text),  # kind and config as one text; null once cancelling was requested
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False, default=False),  # requested by a person, like the next
    sa.Column("pause", sa.Boolean, nullable=False, default=False, server_default=sa.false()),
    sa.Column("worker", sa.String(32)),  # the one process that may write this row; null until it has started
    sa.Column("slot", sa.Integer),  # the slot it runs in, see tasks.lanes
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("total", sa.Integer),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("heartbeat", sa.Float, nullable=False),
    sa.Column("paced_step", sa.Integer),  # start of the rate: step and time after the model was loaded
    sa.Column("paced_from", sa.Float),
    sa.Column("stepped", sa.Float),  # when `step` was written
    sa.Column("person", sa.JSON),  # fields of access.person.Person: who started it; null: before version 0.3
)
is_active = job.c.state.in_(("queued", "running"))
is_running = job.c.state == "running"
# The database itself ensures that the same work is never active twice, and that no slot holds two jobs.
sa.Index("one_active_job", job.c.same_as, unique=True, sqlite_where=is_active, postgresql_where=is_active)
sa.Index("one_job_a_slot", job.c.slot, unique=True, sqlite_where=is_running, postgresql_where=is_running)

# A review of the labels of some particles.
review = sa.Table(
    "review",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("header", sa.Text, nullable=False),  # store.Review.header as canonical JSON
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("count", sa.Integer, nullable=False, default=0),  # decisions so far
    sa.Column("head", sa.String(64), nullable=False),  # hash of the last decision, or of the header
    sa.Column("name", sa.Text),  # display name; null: the header's
    sa.Column("deleted", sa.Float),  # when it was deleted (hidden); null: it was not
    sa.Column("seal", sa.String(64)),  # HMAC of count and head with the key of the audit trail; null: none yet
    sa.Column("closed", sa.Float),  # when it was closed with a signature; null: it is open
)
# Append-only. What the columns mean is documented at current_labels.Decision.
decision = sa.Table(
    "decision",
    METADATA,
    sa.Column("review", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tab", sa.String(64), nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("particle", sa.Text, nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("purpose", sa.String(10), nullable=False),
    sa.Column("from_label", sa.Text, nullable=False),
    sa.Column("to_label", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("browser_time", sa.Float),
    sa.Column("server_time", sa.Float, nullable=False),
    sa.Column("batch", sa.String(64), nullable=False),
    sa.Column("undoes", sa.String(90), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),  # canonical JSON
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
# A decision that is sent twice is stored once.
sa.Index("one_decision_a_key", decision.c.review, decision.c.tab, decision.c.n, unique=True)
sa.Index("decisions_of_particle", decision.c.review, decision.c.particle)
# Lease on a particle: which browser tab has it, until when.
claim = sa.Table(
    "claim",
    METADATA,
    sa.Column("review", sa.String(32), primary_key=True),
    sa.Column("particle", sa.Text, primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)
# Where each reviewer stopped.
bookmark = sa.Table(
    "bookmark",
    METADATA,
    sa.Column("review", sa.String(32), primary_key=True),
    sa.Column("reviewer", sa.Text, primary_key=True),
    sa.Column("place", sa.JSON, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
# An instrument at one magnification.
instrument_profile = sa.Table(
    "instrument_profile",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),  # profiles.profile.InstrumentProfile as JSON
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("same_as", sa.Text, unique=True),  # two jobs make one profile of the same kind and pixel size
)
# An answer about one particle of a validation. Append-only.
validation_answer = sa.Table(
    "validation_answer",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("validation", sa.String(32), nullable=False),
    sa.Column("tab", sa.String(64), nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("particle", sa.String(16), nullable=False),
    sa.Column("answer", sa.Text, nullable=False),  # "" for an undo
    sa.Column("undoes", sa.String(90), nullable=False),  # "tab/n" of the answer that an undo takes back, else ""
    sa.Column("purpose", sa.String(10), nullable=False),  # "label", or "settle": two different answers were discussed
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("browser_time", sa.Float),
    sa.Column("server_time", sa.Float, nullable=False),
)
sa.Index(
    "one_answer_a_key", validation_answer.c.validation, validation_answer.c.tab, validation_answer.c.n, unique=True
)
# A change of one box in a frame, or that a frame was checked. Append-only.
box_decision = sa.Table(
    "box_decision",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("record", sa.String(32), nullable=False),  # id of the job that located the boxes
    sa.Column("tab", sa.String(64), nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("frame", sa.Text, nullable=False),
    sa.Column("box", sa.String(64), nullable=False),  # its id; "" where it is about the whole frame
    sa.Column("kind", sa.String(10), nullable=False),  # of frames.box_record.KINDS
    sa.Column("before", sa.Text, nullable=False),  # canonical JSON of its state, "null" without one
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("undoes", sa.String(90), nullable=False),  # "tab/n" of the change that is taken back, else ""
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("browser_time", sa.Float),
    sa.Column("server_time", sa.Float, nullable=False),
)
sa.Index("one_box_decision_a_key", box_decision.c.record, box_decision.c.tab, box_decision.c.n, unique=True)
sa.Index("box_decisions_of_frame", box_decision.c.record, box_decision.c.frame)
# Who may sign in.
person = sa.Table(
    "person",
    METADATA,
    sa.Column("login", sa.String(200), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("role", sa.String(10), nullable=False),  # of access.person.ROLES; "": may not get in
    sa.Column("added", sa.Float, nullable=False),
)
APPEND_ONLY = (decision, validation_answer, box_decision, trail_row)


def engine() -> sa.Engine:
    """The SQLAlchemy engine of this workspace, with its tables. Raises LabError where it cannot be reached."""
    setting = os.environ.get("SVP_DATABASE_URL")
    url = setting or sa.URL.create("sqlite", database=str(workspace_root() / DATABASE_NAME))
    with _engine_lock:
        return _engine(url)


@lru_cache(maxsize=8)
def _engine(url: str | sa.URL) -> sa.Engine:
    try:
        is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
        new_engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S} if is_sqlite else {})
        if is_sqlite:
            check_not_lost(new_engine.url, workspace_root() / DATABASE_NAME)
            event.listen(new_engine, "connect", _prepare_sqlite)
            register_database(new_engine.url.database or ":memory:")
        with new_engine.begin() as db:
            if is_sqlite:
                check_pages(db, new_engine.url)
            if new_engine.dialect.name == "postgresql":
                # In PostgreSQL, two processes that create the same table at once fail despite IF NOT EXISTS.
                db.execute(sa.text("SELECT pg_advisory_xact_lock(731958)"))
            for table in (*METADATA.sorted_tables, *TRAIL.sorted_tables):
                db.execute(CreateTable(table, if_not_exists=True))
                _add_new_columns(db, table)
                for index in table.indexes:
                    db.execute(CreateIndex(index, if_not_exists=True))
            for table in APPEND_ONLY:
                _refuse_changes(db, table.name)
    except ModuleNotFoundError as error:
        raise LabError(
            f"The database of SVP_DATABASE_URL needs the package {error.name}, which is not installed; for PostgreSQL: "
            "pip install -r requirements-server.txt, and an address that begins with postgresql+psycopg://"
        ) from None
    except (ArgumentError, DriverDatabaseError) as error:
        driver_error = getattr(error, "orig", None) or error
        place = "" if isinstance(error, ArgumentError) else place_of(sa.make_url(url))
        if isinstance(error, DriverDatabaseError) and (problem := problem_with(driver_error, place)):
            raise problem from None
        reason = str(driver_error).splitlines()[0]
        raise LabError(
            f"The lab's database cannot be opened ({reason}); check SVP_DATABASE_URL and SVP_WORKSPACE."
        ) from None
    translate_errors(new_engine)
    if is_sqlite:
        watch_file(new_engine)
    return new_engine


def _add_new_columns(db: sa.Connection, table: sa.Table) -> None:
    """Add columns that a table of an earlier version lacks; its rows get the server_default."""
    existing = {column["name"] for column in sa.inspect(db).get_columns(table.name)}
    for column in table.columns:
        if column.name not in existing:
            definition = CreateColumn(column).compile(db)
            # Two processes may do this at once: the second one finds the column.
            with suppress(OperationalError, ProgrammingError), db.begin_nested():
                db.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))


def _refuse_changes(db: sa.Connection, name: str) -> None:
    """Make the database itself refuse to change or remove rows of this table."""
    message = f"rows of {name} are only ever added"
    if db.dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            db.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {name}_no_{action.lower()} BEFORE {action} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
    elif db.dialect.name == "postgresql" and not db.scalar(
        sa.text("SELECT 1 FROM pg_trigger WHERE tgname = :name AND tgrelid = CAST(:table AS regclass)"),
        {"name": f"{name}_no_change", "table": name},
    ):
        db.exec_driver_sql(
            f"CREATE OR REPLACE FUNCTION {name}_no_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}'; END $$"
        )
        db.exec_driver_sql(
            f"CREATE TRIGGER {name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_no_change()"
        )


@contextmanager
def lasting() -> Iterator[sa.Connection]:
    """A connection in a transaction whose commit survives a power cut; for the decisions of a person."""
    with engine().begin() as db:
        if db.dialect.name == "sqlite":
            # SQLite's own transaction starts with the first change, after this. The connection keeps the setting.
            db.exec_driver_sql("PRAGMA synchronous=FULL")
        yield db
    check_file(db.engine)  # a file that was deleted meanwhile has taken the commit with it


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # With a write-ahead log readers never wait for a writer. NORMAL may lose the last moments at a power cut, never
    # the file.
    end = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # Two processes at a new database: SQLite does not wait for its lock at this statement.
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=NORMAL")
