"""History file: the same labels in another workspace, and every kind of tampering located."""

import json
import sqlite3

import pytest

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.review import decision_log, hash_chain, history_file, store
from svp_core.workspace.paths import workspace_root
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record


@pytest.fixture
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def decided(count=6):
    """A review with eight rows: `count` decisions with unusual texts, one undone, one by another reviewer."""
    review = new_review(count, names=[f"run/ü {n} <b>.png" for n in range(count)], score=[n / 7 for n in range(count)])
    names = list(review.positions)
    record(
        review,
        *(
            event(
                n + 1,
                name,
                ("label", "keep", "unsure")[n % 3],
                reason='weil 💧\n"so"',
                batch="b",
                evidence={"shown": n % 2 == 0, "near": [1.23456789e-5, None]},
            )
            for n, name in enumerate(names)
        ),
    )
    record(review, event(90, names[1], "undo", undoes="tab1/2"))
    record(review, event(1, names[0], tab="ben", reviewer="Ben", label="silicone_oil"))
    return review


def exported(review, lab):
    path = lab / "history.jsonl"
    assert history_file.export_history(review.id, path).sound
    return path


def lines_of(path):
    return path.read_text("utf-8").splitlines()


def rewrite(path, lines):
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def elsewhere(lab, monkeypatch, name="elsewhere"):
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / name))


def test_an_imported_history_gives_the_same_labels(lab, monkeypatch):
    review = decided()
    before, path = current_labels(review).labels(), exported(review, lab)
    head = history_file.verify(review.id).head
    elsewhere(lab, monkeypatch)
    assert history_file.import_history(path) == review.id
    again = store.open_review(review.id)
    assert current_labels(again).labels().equals(before)
    assert decision_log.history(review.id)[-1].hash == head
    assert history_file.verify(review.id, head=head).sound
    assert again.header == review.header
    assert again.tiles is None
    # It can go on there, and come back.
    assert record(again, event(200, list(again.positions)[1], label="silicone_oil")) == ["saved"]
    history_file.export_history(review.id, path)
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / "work space ä"))
    assert history_file.import_history(path) == history_file.import_history(path) == review.id
    assert len(decision_log.history(review.id)) == 9
    assert history_file.verify(review.id).sound
    assert current_labels(review).label(list(review.positions)[1]) == "silicone_oil"


def test_an_older_file_changes_nothing_and_diverged_histories_are_not_mixed(lab, monkeypatch):
    review = decided()
    path = exported(review, lab)
    record(review, event(300, list(review.positions)[1]))
    history_file.import_history(path)
    assert len(decision_log.history(review.id)) == 9
    elsewhere(lab, monkeypatch)
    history_file.import_history(path)
    record(store.open_review(review.id), event(300, list(review.positions)[1], "unsure"))
    history_file.export_history(review.id, path)
    monkeypatch.setenv("SVP_WORKSPACE", str(lab / "work space ä"))
    with pytest.raises(LabError, match="From decision 9 on, .* differs between the two workspaces"):
        history_file.import_history(path)
    assert current_labels(review).label(list(review.positions)[1]) == "air_bubble"


def test_the_file_can_be_checked_with_sha256_alone(lab):
    """The documented rule without our code: hash of the previous hash and the row in canonical JSON."""
    import hashlib

    lines = [json.loads(line) for line in lines_of(exported(decided(), lab))]

    def text(content):
        return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    last = hashlib.sha256(text(lines[0]).encode()).hexdigest()
    for row in lines[7:-1]:
        assert row["previous"] == last
        row = {name: value for name, value in row.items() if name != "hash"}
        last = hashlib.sha256((last + text(row)).encode()).hexdigest()
    assert lines[-1] == {"count": 8, "head": last}
    assert lines[1] == {"particle": "run/ü 0 <b>.png", "given": "protein"}


def changed(lines, decision, **columns):
    row = json.loads(lines[6 + decision])
    lines[6 + decision] = json.dumps(row | columns)
    return lines


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda lines: changed(lines, 3, to_label="protein"), "Decision 3 .'run/ü 2 <b>.png'. was altered"),
        (lambda lines: changed(lines, 8, reviewer="Anna"), "Decision 8 .* was altered"),
        (lambda lines: changed(lines, 4, evidence={}), "Decision 4 .* was altered"),
        (lambda lines: changed(lines, 2, hash="0" * 64), "Decision 2 .* was altered"),
        (lambda lines: lines[:9] + lines[10:], "Decision 3 is missing or out of place: number 4"),
        (lambda lines: [*lines[:8], lines[9], lines[8], *lines[10:]], "Decision 2 is missing or out of place"),
        (lambda lines: [*lines[:8], lines[8], *lines[8:]], "Decision 3 is missing or out of place: number 2"),
        (lambda lines: lines[:-2] + lines[-1:], "The log ends after decision 7; there were 8"),
        (lambda lines: lines[:-1], "The last line is missing: the end of the file was cut off"),
        (lambda lines: lines[:12], "The last line is missing"),
        (lambda lines: lines[:3] + lines[4:], "The particles or their labels before the review are not those"),
        (lambda lines: [*lines[:3], lines[3].replace("protein", "air_bubble"), *lines[4:]], "The particles or their"),
        (lambda lines: [lines[0].replace("resnet18", "x"), *lines[1:]], "Decision 1 does not follow the header"),
        (lambda lines: changed(lines, 5, number="5"), "Line 12 is not a decision"),
        (lambda lines: [*lines[:9], "{", *lines[10:]], "Line 10 is not a JSON object"),
        (lambda lines: [*lines[:9], "[]", *lines[10:]], "Line 10 is not a JSON object"),
    ],
)
def test_tampering_with_the_file_is_located(lab, monkeypatch, tamper, problem):
    path = exported(decided(), lab)
    rewrite(path, tamper(lines_of(path)))
    verdict = history_file.verify_file(path)
    assert not verdict.sound
    elsewhere(lab, monkeypatch)
    with pytest.raises(LabError, match=f"not as it was exported and was not imported: .*{problem}"):
        history_file.import_history(path)
    assert store.list_reviews() == []


def test_a_rebuilt_chain_is_found_with_the_noted_head(lab):
    path = exported(decided(), lab)
    noted = history_file.verify_file(path).head
    lines = [json.loads(line) for line in lines_of(path)]
    last = hash_chain.first_hash(lines[0])
    for row in lines[7:-1]:
        row |= {"reviewer": "Nobody", "previous": last}
        row["hash"] = last = hash_chain.next_hash(last, row)
    lines[-1]["head"] = last
    rewrite(path, map(hash_chain.canonical_json, lines))
    assert history_file.verify_file(path).sound
    assert "another log, or it was rebuilt" in history_file.verify_file(path, head=noted).problem


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE decision SET to_label = 'protein' WHERE number = 3", "Decision 3 .* was altered"),
        ("UPDATE decision SET evidence = 'x' WHERE number = 5", "Decision 5 .* was altered"),
        ("UPDATE decision SET evidence = '{\"score\":NaN}' WHERE number = 5", "Decision 5 .* was altered"),
        ("DELETE FROM decision WHERE number = 4", "Decision 4 is missing"),
        ("DELETE FROM decision WHERE number = 8", "The log ends after decision 7; there were 8"),
        ("DELETE FROM decision", "The log ends after decision 0; there were 8"),
        ("UPDATE review SET header = replace(header, 'resnet18', 'x')", "Decision 1 does not follow the header"),
    ],
)
def test_tampering_with_the_database_is_located(lab, change, problem):
    review = decided()
    with sqlite3.connect(workspace_root() / "lab.sqlite") as db:
        for trigger in ("decision_no_update", "decision_no_delete"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(change)
    db.close()
    verdict = history_file.verify(review.id)
    assert not verdict.sound
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(verdict.problem)
    # Nor does an export hide it.
    path = lab / "tampered.jsonl"
    assert history_file.export_history(review.id, path).problem == verdict.problem
    assert not history_file.verify_file(path).sound


def test_a_changed_queue_file_is_noticed(lab):
    review = decided()
    queue = workspace_root() / "reviews" / review.id / "queue.csv"
    queue.write_text(queue.read_text("utf-8").replace("protein", "air_bubble", 1), "utf-8")
    for look in (store.open_review, history_file.verify):
        with pytest.raises(LabError, match="is damaged: the files in .* are not those that it was created with"):
            look(review.id)


def test_a_file_that_is_not_a_history_raises_an_error(lab, tmp_path):
    path = tmp_path / "x.jsonl"
    with pytest.raises(LabError, match="cannot be read .No such file"):
        history_file.verify_file(path)
    header = json.loads(lines_of(exported(decided(), lab))[0])
    for text in (
        "",
        "{}",
        '{"format": "other"}',
        json.dumps(header | {"review": "../../etc"}),
        json.dumps({"a": header}),
    ):
        path.write_text(text + "\n")
        with pytest.raises(LabError, match="is not an exported history of a review"):
            history_file.import_history(path)


def test_canonical_json_is_one_text_for_one_content():
    import numpy as np

    assert (
        hash_chain.canonical_json({"b": 1, "a": [np.float32(0.5), np.int64(3), True, None, "ü"]})
        == '{"a":[0.5,3,true,null,"ü"],"b":1}'
    )
    assert hash_chain.canonical_json([float("nan"), float("inf"), 0.12345678, 1e-9]) == "[null,null,0.123457,0.0]"
    with pytest.raises(ValueError, match="cannot be stored in a decision log"):
        hash_chain.canonical_json({1: 2})


def test_the_command_exports_verifies_and_imports(lab, monkeypatch, capsys):
    review = decided()
    path = str(lab / "out.jsonl")
    assert main(["review-history", "list"]) == 0
    assert f"{review.id}        8 decisions on 6 particles  A <b>" in capsys.readouterr().out
    assert main(["review-history", "export", review.id, "--out", path]) == 0
    head = capsys.readouterr().out.split()[-1]
    for target in (path, review.id):
        assert main(["review-history", "verify", target, "--head", head]) == 0
        assert f"8 decisions. Last hash: {head}" in capsys.readouterr().out
    assert main(["review-history", "verify", path, "--head", "0" * 64]) == 2
    assert "was altered" in capsys.readouterr().err
    elsewhere(lab, monkeypatch)
    assert main(["review-history", "import", path]) == 0
    assert review.id in capsys.readouterr().out
    assert main(["review-history", "verify", "nothing"]) == 2
    assert main(["review-history", "export", review.id, "--out", str(lab / "no" / "x")]) == 2
