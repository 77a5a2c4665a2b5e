"""The audit trail: what is written stands, and whoever rewrites it without the key is found."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest
import sqlalchemy as sa

from svp_core.access.person import acting_as
from svp_core.audit_trail.key import AuditKey, key_file, read_key, read_seal
from svp_core.audit_trail.trail import COLUMNS, FIRST, METADATA, _hash, trail_row
from svp_core.errors import LabError
from svp_core.workspace import changes
from svp_core.workspace.changes import MODEL, because, begin_new_key, change, list_entries, verify_trail
from svp_core.workspace.database import engine
from svp_core.workspace.paths import workspace_root
from tests.helpers.people import KEEPS, READS

pytestmark = pytest.mark.usefixtures("lab")


def write(count=5):
    for number in range(count):
        with acting_as(KEEPS), because(f"reason {number}"), change("keeper", "delete", MODEL, f"m{number}", "Ä <b>"):
            pass


def rewrite(*statements):
    """Change the table as somebody could who owns the database: triggers dropped, the key unknown."""
    with engine().begin() as db:
        if db.dialect.name == "sqlite":
            for action in ("update", "delete"):
                db.exec_driver_sql(f"DROP TRIGGER audit_trail_no_{action}")
        else:
            db.exec_driver_sql("DROP TRIGGER audit_trail_no_change ON audit_trail")
        for statement in statements:
            db.execute(statement)


def test_who_when_what_and_why_stand_in_order():
    write(3)
    newest = list_entries()[0]
    assert [entry.number for entry in list_entries()] == [3, 2, 1]
    assert (newest.login, newest.name, newest.via) == (KEEPS.login, KEEPS.name, "sign-in")
    assert (newest.action, newest.kind, newest.subject, newest.title, newest.why) == (
        "delete",
        "model",
        "m2",
        "Ä <b>",
        "reason 2",
    )
    assert newest.time >= list_entries()[-1].time > 1.7e9
    assert verify_trail().count == 3
    assert verify_trail().sound


def test_the_database_itself_refuses_to_change_or_remove_an_entry():
    write(1)
    for statement in (trail_row.update().values(name="x"), trail_row.delete()):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added"), engine().begin() as db:
            db.execute(statement)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("number", "key")])
def test_an_altered_entry_is_found(column):
    write(5)
    value = 1.0 if column == "time" else "x" * 64 if column == "hash" else "{}x"
    value = value[:20] if column in ("via", "action") else value
    rewrite(trail_row.update().where(trail_row.c.number == 3).values({column: value}))
    check = verify_trail()
    assert check.count == 2
    assert "3" in check.problem


def test_a_removed_entry_and_a_cut_off_end_are_found():
    write(5)
    rewrite(trail_row.delete().where(trail_row.c.number == 5))
    assert verify_trail() == replace(verify_trail(), count=4)
    assert "cut off" in verify_trail().problem
    with engine().begin() as db:
        db.execute(trail_row.delete().where(trail_row.c.number == 2))
    assert verify_trail().count == 1
    with engine().begin() as db:
        db.execute(trail_row.delete())
    assert "cut off" in verify_trail().problem


@pytest.mark.parametrize("how", ["plain hash", "other key", "other key under the name of the first"])
def test_a_rewritten_chain_is_found(how):
    """Every entry rewritten and every hash computed anew, as the source code says, but without the key."""
    write(5)
    real = read_key(key_file(workspace_root()))
    forger = AuditKey(real.file, b"f" * 32)
    previous, rows = FIRST, []
    for entry in reversed(list_entries()):
        forged = replace(entry, name="Somebody Else", key=real.id if how != "other key" else forger.id)
        if how == "plain hash":
            content = {name: value for name, value in asdict(forged).items() if name != "hash"}
            text = json.dumps([previous, content], sort_keys=True, separators=(",", ":"))
            forged = replace(forged, hash=hashlib.sha256(text.encode()).hexdigest())
        else:
            forged = replace(forged, hash=_hash(forger, previous, forged))
        previous = forged.hash
        rows.append(asdict(forged))
    rewrite(trail_row.delete(), trail_row.insert().values(rows))
    assert not verify_trail().sound
    assert verify_trail().count == 0


def test_an_older_trail_of_the_same_key_is_found():
    """Entries 1 to 5 put back as they were before the last one was replaced: the seal knows the last hash."""
    write(4)
    write(1)
    real = read_key(key_file(workspace_root()))
    last = list_entries()[0]
    assert read_seal(real) == (5, last.hash)
    other = replace(last, title="another")
    previous = list_entries()[1].hash
    other = replace(other, hash=_hash(real, previous, other))
    rewrite(trail_row.delete().where(trail_row.c.number == 5), trail_row.insert().values(**asdict(other)))
    assert "replaced" in verify_trail().problem


def test_the_key_lies_outside_the_database_and_only_its_owner_reads_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SVP_AUDIT_KEY", str(tmp_path / "etc" / "audit.key"))
    write(1)
    file = tmp_path / "etc" / "audit.key"
    assert file.stat().st_mode & 0o077 == 0
    assert bytes.fromhex(file.read_text().strip()).hex() not in json.dumps([asdict(entry) for entry in list_entries()])
    assert not (workspace_root() / "audit.key").exists()


def test_without_its_key_nothing_is_written_until_a_new_one_is_asked_for(monkeypatch, tmp_path):
    write(2)
    key_file(workspace_root()).unlink()
    with pytest.raises(LabError, match="new-key"):
        write(1)
    assert len(list_entries()) == 2
    assert "another key" in verify_trail().problem
    begin_new_key()
    write(1)
    assert len(list_entries()) == 4
    assert verify_trail().count == 0, "what was written with the lost key cannot be checked any more"


def test_a_file_that_is_no_key_is_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("short")
    monkeypatch.setenv("SVP_AUDIT_KEY", str(tmp_path / "key"))
    with pytest.raises(LabError, match="no key of an audit trail"):
        write(1)


def test_writers_at_once_make_one_chain_without_gaps():
    write(1)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: write(5), range(8)))
    assert sorted(entry.number for entry in list_entries()) == list(range(1, 42))
    assert verify_trail().sound


def test_a_change_that_fails_says_so_and_one_that_is_not_allowed_leaves_nothing():
    with pytest.raises(OSError), acting_as(KEEPS), change("keeper", "delete", MODEL, "m"):
        raise OSError("disk full")
    assert [entry.action for entry in list_entries()] == ["delete failed", "delete"]
    assert list_entries()[0].facts == {"reason": "disk full"}
    done = []
    with pytest.raises(LabError, match="reader"), acting_as(READS), change("keeper", "delete", MODEL, "m"):
        done.append(1)
    assert not done
    assert len(list_entries()) == 2


def test_entries_are_filtered():
    write(3)
    with change("keeper", "create", changes.DATA_SET, "d1"):
        pass
    assert [entry.subject for entry in list_entries(kinds=(MODEL,), limit=2)] == ["m2", "m1"]
    assert [entry.subject for entry in list_entries(subject="d1")] == ["d1"]
    assert len(list_entries(login=KEEPS.login)) == 3
    middle = list_entries()[1].time
    assert len(list_entries(since=middle)) + len(list_entries(until=middle)) == 4


def test_texts_that_no_database_takes_are_cleaned():
    with change("keeper", "create", MODEL, "a\0b", "x\udcff"):
        pass
    assert (list_entries()[0].subject, list_entries()[0].title) == ("ab", "x?")
    assert verify_trail().sound
    assert METADATA.tables.keys() == {"audit_trail"}
