"""Sealed and signed reviews: a rewritten log is found, a closed review takes no decision, a changed one shows."""

import pytest
import sqlalchemy as sa

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.review import decision_log, seal
from svp_core.review.closing import closed_at, reopen_review, sign_review, signed_states
from svp_core.review.decision_log import history
from svp_core.review.hash_chain import next_hash
from svp_core.review.history_file import export_history, import_history, verify
from svp_core.workspace.changes import list_entries, trail_key
from svp_core.workspace.database import decision as decision_row
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root
from svp_core.workspace.signatures import NAME_ONLY
from tests.helpers.review_fixture import event, new_review, record

pytestmark = pytest.mark.usefixtures("lab")


def rewrite(review, *, seal):
    """Change the first label and compute every hash anew, as the source code says; seal: what the review row gets."""
    decisions = history(review.id)
    with engine().begin() as db:
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("DROP TRIGGER decision_no_update")
        else:
            db.exec_driver_sql("DROP TRIGGER decision_no_change ON decision")
        previous = None
        for decision in decisions:
            row = decision._asdict() | {"evidence": decision.evidence_dict, "to_label": "silicone_oil"}
            previous = row["previous"] = previous or decision.previous
            previous = row["hash"] = next_hash(previous, row)
            changed = {name: row[name] for name in ("to_label", "previous", "hash")}
            here = (decision_row.c.review == review.id, decision_row.c.number == decision.number)
            db.execute(decision_row.update().where(*here).values(**changed))
        values = {"head": previous} | ({} if seal == "kept" else {"seal": seal})
        db.execute(review_row.update().where(review_row.c.id == review.id).values(**values))


@pytest.mark.parametrize("seal", ["kept", None, "0" * 64])
def test_a_rewritten_log_is_found_although_its_hashes_are_right(seal):
    review = new_review()
    record(review, event(1, "p0"), event(2, "p1"))
    assert verify(review.id).sound
    rewrite(review, seal=seal)
    assert {decision.to_label for decision in history(review.id)} == {"silicone_oil"}
    assert "rewritten" in verify(review.id).problem or "another key" in verify(review.id).problem


def allow_removal(db):
    if db.dialect.name == "sqlite":
        db.exec_driver_sql("DROP TRIGGER decision_no_delete")
    else:
        db.exec_driver_sql("DROP TRIGGER decision_no_change ON decision")


def put_back(count):
    """A function that puts the log back to this number of decisions, which is that of now, with the seal of now."""
    with engine().connect() as db:
        earlier = db.execute(sa.select(review_row.c["count", "head", "seal"])).one()._asdict()

    def again():
        with engine().begin() as db:
            allow_removal(db)
            db.execute(decision_row.delete().where(decision_row.c.number > count))
            db.execute(review_row.update().values(**earlier))

    return again


def test_a_log_put_back_to_an_earlier_state_with_its_seal_is_found(monkeypatch):
    monkeypatch.setattr(seal, "NOTED_EACH", 3)
    review = new_review()
    record(review, event(1, "p0"), event(2, "p1"))
    again = put_back(2)
    record(review, event(3, "p2"), event(4, "p3"))
    assert verify(review.id).sound
    again()
    seal.forget_heads()  # by the audit trail alone
    assert "removed" in verify(review.id).problem


def test_a_log_put_back_by_a_single_decision_is_found_and_stays_so():
    review = new_review()
    record(review, event(1, "p0"), event(2, "p1"))
    again = put_back(2)
    record(review, event(3, "p2"))
    assert verify(review.id).sound
    again()
    assert "3 decisions were noted" in verify(review.id).problem
    entries = len(list_entries())
    record(review, event(4, "p3"))
    assert len(list_entries()) == entries + 1
    assert "removed" in verify(review.id).problem
    record(review, event(5, "p2"))
    assert len(list_entries()) == entries + 1, "noted once"
    assert "removed" in verify(review.id).problem


def test_a_last_decision_that_was_not_kept_any_more_is_no_problem():
    """A process was killed between the decision and the file beside the key; the file is gone, or not ours."""
    review = new_review()
    record(review, event(1, "p0"))
    kept = seal.kept_head(review.id)
    assert kept == (1, history(review.id)[-1].hash)
    record(review, event(2, "p1"))
    seal.keep_head(trail_key(), review.id, *kept)
    assert verify(review.id).sound
    entries = len(list_entries())
    record(review, event(3, "p2"))
    assert seal.kept_head(review.id) == (3, history(review.id)[-1].hash)
    (file,) = [path for path in workspace_root().rglob(review.id) if path.is_file()]
    file.write_text(file.read_text().replace("3", "2", 1))
    assert seal.kept_head(review.id) is None
    record(review, event(4, "p3"))
    assert verify(review.id).sound
    assert len(list_entries()) == entries


def test_a_review_that_was_removed_with_its_decisions_is_found(capsys):
    review, other = new_review(), new_review()
    record(review, event(1, "p0"))
    assert main(["audit-trail", "verify"]) == 0
    with engine().begin() as db:
        allow_removal(db)
        db.execute(decision_row.delete())
        db.execute(review_row.delete().where(review_row.c.id == review.id))
    assert main(["audit-trail", "verify"]) == 2
    said = capsys.readouterr().err
    assert review.id in said
    assert other.id not in said


def test_a_review_of_an_earlier_version_is_sealed_with_its_next_decision():
    review = new_review()
    record(review, event(1, "p0"))
    with engine().begin() as db:  # as a version without seals and trail left it
        for name in ("audit_trail_no_delete", "audit_trail_no_update") if db.dialect.name == "sqlite" else ():
            db.exec_driver_sql(f"DROP TRIGGER {name}")
        if db.dialect.name == "postgresql":
            db.exec_driver_sql("DROP TRIGGER audit_trail_no_change ON audit_trail")
        db.exec_driver_sql("DELETE FROM audit_trail")
        db.execute(review_row.update().values(seal=None))
    assert verify(review.id).sound
    record(review, event(2, "p1"))
    (entry,) = list_entries(action="seal")
    assert (entry.subject, entry.facts["decisions"]) == (review.id, 1)
    assert verify(review.id).sound
    rewrite(review, seal=None)
    assert "removed" in verify(review.id).problem


def test_an_imported_history_is_sealed(tmp_path):
    review = new_review()
    record(review, event(1, "p0"))
    export_history(review.id, tmp_path / "history.jsonl")
    record(review, event(2, "p1"))
    assert import_history(tmp_path / "history.jsonl") == review.id
    assert verify(review.id).sound


def test_a_closed_review_takes_no_decision_until_a_keeper_opens_it(tmp_path):
    review = new_review()
    record(review, event(1, "p0"))
    signature = sign_review(review.id, "A review", "Anna Müller", "Reviewed")
    assert (signature.name, signature.components) == ("Anna Müller", NAME_ONLY)
    assert signature.content == history(review.id)[-1].hash
    assert closed_at(review.id)
    for write in (
        lambda: record(review, event(2, "p1")),
        lambda: decision_log.record_draw(review, "Anna", {}),
        lambda: import_history(tmp_path / "history.jsonl"),
    ):
        export_history(review.id, tmp_path / "history.jsonl")
        with pytest.raises(LabError, match="closed with a signature"):
            write()
    assert [state.problem for state in signed_states(review.id)] == [""]
    sign_review(review.id, "A review", "Ben", "Approved")
    reopen_review(review.id, "A review")
    assert [state.problem for state in signed_states(review.id)] == ["", ""]
    record(review, event(2, "p1"))
    assert [state.problem for state in signed_states(review.id)] == ["1 decisions were added after this signature."] * 2
    actions = [entry.action for entry in list_entries(subject=review.id) if "import" not in entry.action]
    assert actions[:4] == ["reopen", "sign", "sign", "close"]


def test_a_signed_log_that_was_rewritten_no_longer_matches():
    review = new_review()
    record(review, event(1, "p0"))
    sign_review(review.id, "A review", "Anna", "Reviewed")
    rewrite(review, seal="kept")
    assert signed_states(review.id)[0].problem
    with pytest.raises(LabError, match="not signed"):
        sign_review(review.id, "A review", "Ben", "Approved")


def test_a_signature_that_is_not_complete_closes_nothing():
    review = new_review()
    with pytest.raises(LabError, match="full name"):
        sign_review(review.id, "A review", "", "Reviewed")
    assert closed_at(review.id) is None
