"""Histories written by hand, with hashes that fit: refused in a sentence before anything is written."""

import json
from functools import partial

import pytest

from svp_core.errors import LabError
from svp_core.review import decision_log, history_file, store
from svp_core.review.current_labels import effective_decisions
from svp_core.review.decision_rules import decide
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root
from tests.helpers.forged_histories import FORGED, LINES, forge, forge_line, parts, write_history
from tests.helpers.review_fixture import databases, event, new_review, record

NAMES = [*FORGED, *LINES]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def test_the_history_that_is_forged_below_is_valid_itself(lab):
    path = write_history(lab / "h.jsonl", *parts())
    assert history_file.import_history(path) == "0123456789ab"
    assert len(decision_log.history("0123456789ab")) == 3


@pytest.mark.parametrize(
    "write", [*(partial(forge, name) for name in FORGED), *(partial(forge_line, name) for name in LINES)], ids=NAMES
)
def test_a_forged_history_is_refused_before_anything_is_written(lab, write):
    path = write(lab / "h.jsonl")
    with pytest.raises(LabError):
        history_file.import_history(path)
    assert store.list_reviews() == []
    assert not (workspace_root() / "reviews").exists()


def test_a_damaged_row_of_one_review_does_not_hide_the_others(lab):
    review = new_review(2)
    broken = new_review(2)
    with engine().begin() as db:
        values = {"header": json.dumps(broken.header | {"class_keys": 7, "created": None, "review": []})}
        db.execute(review_row.update().where(review_row.c.id == broken.id).values(**values))
    assert [header["review"] for header in store.list_reviews()] == [review.id]


def test_undos_in_a_circle_that_are_in_a_database_already_end(lab):
    """Written before histories were checked."""
    review = new_review(2)
    record(review, event(1, "p0"))
    (first,) = decision_log.history(review.id)
    circle = [
        first._replace(number=2, n=2, kind="undo", undoes="tab1/3"),
        first._replace(number=3, n=3, kind="undo", undoes="tab1/2"),
    ]
    sent = {**dict.fromkeys(("batch", "reason"), ""), "evidence": "{}", "to_label": "", "browser_time": None}
    sent |= {"tab": "t", "n": 4, "particle": "p0", "kind": "undo", "purpose": "queue", "undoes": "tab1/3"}
    answer = decide(review, sent | {"reviewer": "Anna", "again": True}, [first, *circle])
    assert isinstance(answer, str)
    assert len(effective_decisions([first, *circle])) <= 1
