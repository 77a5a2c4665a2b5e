"""Histories written by hand, with hashes that fit: refused in a sentence before anything is written."""

import json

import pytest

from svp_core.errors import LabError
from svp_core.review import decision_log, history_file, store
from svp_core.review.current_labels import Decision, effective_decisions
from svp_core.review.decision_rules import decide
from svp_core.review.hash_chain import dump_plain, first_hash, next_hash
from svp_core.review.queue_file import content_hash
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root
from tests.helpers.review_fixture import databases, event, new_review, record


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def parts():
    """(header, particles, decisions) of a valid history: a label, an undo of it, a second label."""
    names = ["p0", "p1"]
    header = {
        "format": store.FORMAT,
        "review": "0123456789ab",
        "name": "Forged",
        "kind": "folder",
        "source": {"path": "/lab"},
        "class_keys": ["protein", "air_bubble"],
        "model": "resnet18",
        "created": "2026-11-01T10:00:00.000+00:00",
        "particles": 2,
        "content": "",
    }
    row = dict.fromkeys(Decision._fields, "") | {"server_time": 1.5, "browser_time": None, "evidence": {}}
    row |= {"tab": "t", "particle": "p0", "kind": "label", "purpose": "queue", "reviewer": "Anna"}
    row |= {"from_label": "protein", "to_label": "air_bubble"}
    undo = {"kind": "undo", "undoes": "t/1", "from_label": "air_bubble", "to_label": "protein"}
    rows = [row | {"n": 1}, row | {"n": 2} | undo, row | {"n": 3}]
    return header, [{"particle": name, "given": "protein"} for name in names], rows


def write_history(path, header, particles, rows):
    """Write it with the hashes that belong to it."""
    if not header["content"]:
        import pandas as pd

        header = header | {"content": content_hash(pd.DataFrame(particles, columns=["particle", "given"]))}
    last, lines = first_hash(header), [dump_plain(header), *map(dump_plain, particles)]
    for number, row in enumerate(rows, 1):
        row = {"number": number, **{name: value for name, value in row.items() if name != "number"}, "previous": last}
        row["hash"] = last = next_hash(last, row)
        lines.append(dump_plain(row))
    lines.append(dump_plain({"count": len(rows), "head": last}))
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def nested(depth):
    content: list | str = "x"
    for _ in range(depth):
        content = [content]
    return {"a": content}


def header_with(**values):
    def change(header, particles, rows):
        return header | values, particles, rows

    return change


def row_with(index=0, **values):
    def change(header, particles, rows):
        rows[index] = rows[index] | values
        return header, particles, rows

    return change


def undo_each_other(header, particles, rows):
    first, second = rows[1] | {"n": 1, "undoes": "t/2"}, rows[1] | {"n": 2, "undoes": "t/1"}
    return header, particles, [first, second]


def with_particles(*lines):
    def change(header, particles, rows):
        return header | {"particles": len(lines)}, list(lines), rows

    return change


FORGED = {
    "a name that is a number": header_with(name=7),
    "an empty name": header_with(name="  "),
    "a source that is a list": header_with(source=[1]),
    "an unknown kind": header_with(kind="remote"),
    "classes that are a text": header_with(class_keys="protein"),
    "a class that is a list": header_with(class_keys=["protein", ["x"]]),
    "no classes": header_with(class_keys=[]),
    "a class called unsure": header_with(class_keys=["protein", "unsure"]),
    "a model that is a dict": header_with(model={}),
    "a date that is none": header_with(created="yesterday"),
    "a date that is a number": header_with(created=5),
    "a deep header": header_with(source=nested(400)),
    "two undos of each other": undo_each_other,
    "an undo of itself": row_with(1, undoes="t/2"),
    "an undo of a later decision": row_with(1, undoes="t/3"),
    "an undo of another particle": row_with(1, particle="p1"),
    "an undo that names nothing": row_with(1, undoes=""),
    "a label that names a decision to undo": row_with(2, undoes="t/1"),
    "two decisions of one id": row_with(2, n=1),
    "a number of a decision below 1": row_with(0, n=-5),
    "a number beyond the database's": row_with(2, n=2**70),
    "a particle that is not in the review": row_with(0, particle="p9"),
    "a kind that is unknown": row_with(0, kind="delete"),
    "a purpose that is unknown": row_with(0, purpose="x"),
    "a label of a thousand letters": row_with(0, to_label="x" * 1000),
    "a label that is empty": row_with(0, to_label=""),
    "a label that is not a class": row_with(0, to_label="unsure"),
    "unsure with a class": row_with(2, kind="unsure"),
    "a nameless reviewer": row_with(0, reviewer=" "),
    "a reviewer of a million letters": row_with(0, reviewer="x" * 1_000_000),
    "a time before 1970": row_with(0, server_time=-1.0),
    "a time beyond all calendars": row_with(0, browser_time=1e300),
    "deep evidence": row_with(0, evidence=nested(200)),
    "long evidence": row_with(0, evidence={"a": "x" * 100_000}),
    "half a surrogate": row_with(0, reason="\ud800"),
    "a NUL": row_with(0, reason="a\0b"),
    "a draw without particles": row_with(2, kind="draw", particle="", purpose="audit", to_label="", evidence={}),
    "a draw of numbers": row_with(
        2, kind="draw", particle="", purpose="audit", to_label="", evidence={"parts": [{"size": 1, "particles": [7]}]}
    ),
    "a particle twice": with_particles({"particle": "p0", "given": "a"}, {"particle": "p0", "given": "a"}),
    "a particle that is a number": with_particles({"particle": "p0", "given": "a"}, {"particle": 5, "given": "a"}),
    "a given label that is null": with_particles({"particle": "p0", "given": None}),
    "a particle without a name": with_particles({"particle": "p0", "given": "a"}, {"particle": "", "given": "a"}),
}


def test_the_history_that_is_forged_below_is_valid_itself(lab):
    path = write_history(lab / "h.jsonl", *parts())
    assert history_file.import_history(path) == "0123456789ab"
    assert len(decision_log.history("0123456789ab")) == 3


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_history_is_refused_before_anything_is_written(lab, forged):
    try:
        path = write_history(lab / "h.jsonl", *FORGED[forged](*parts()))
    except UnicodeEncodeError:
        header, particles, rows = FORGED[forged](*parts())
        path = write_history(lab / "h.jsonl", header, particles, [row | {"reason": "SURROGATE"} for row in rows])
        path.write_text(path.read_text("utf-8").replace("SURROGATE", "\\ud800"), "utf-8")
    with pytest.raises(LabError):
        history_file.import_history(path)
    assert store.list_reviews() == []
    assert not (workspace_root() / "reviews").exists()


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "1e999", '{"n": 1e999}', "\x00"])
def test_a_line_that_is_not_plain_json_is_refused(lab, line):
    path = write_history(lab / "h.jsonl", *parts())
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{text}\n" for text in [*lines[:3], line, *lines[4:]]), "utf-8")
    with pytest.raises(LabError):
        history_file.import_history(path)
    assert store.list_reviews() == []


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
