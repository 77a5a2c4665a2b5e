"""Results of blind tests: kept under one's own name, with an entry in the audit trail."""

import pytest

from svp_core.errors import LabError
from svp_core.workspace.blind_tests import list_blind_tests, save_blind_test
from svp_core.workspace.changes import BLIND_TEST, list_entries
from tests.helpers.people import READS, REVIEWS, acting

RESULT = {"reviewer": REVIEWS.name, "class": "protein", "tiles": 20, "right": 11, "answers": ["rr", "gr"]}


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.setenv("SVP_AUDIT_KEY", str(tmp_path / "audit.key"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def test_a_result_stands_in_the_audit_trail():
    with acting(REVIEWS):
        test_id = save_blind_test(RESULT)
    (entry,) = list_entries(kinds=(BLIND_TEST,))
    assert (entry.login, entry.action, entry.subject) == (REVIEWS.login, "finish", test_id)
    assert [kept["right"] for kept in list_blind_tests()] == [11]


@pytest.mark.parametrize(("person", "reviewer"), [(READS, READS.name), (REVIEWS, "Somebody Else")])
def test_a_reader_and_another_name_are_refused(person, reviewer):
    with acting(person), pytest.raises(LabError):
        save_blind_test({**RESULT, "reviewer": reviewer})
    assert list_blind_tests() == []
