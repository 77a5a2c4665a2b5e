"""Reviews that are created, opened, renamed and deleted."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from svp_core.errors import LabError
from svp_core.review import history_file, store
from svp_core.review.dependents import Dependents, dependents_of
from svp_core.workspace import database, datasets
from svp_core.workspace.paths import workspace_root
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.review_fixture import current_labels, databases, event, new_review, record

PLACE = {"kind": "folder", "source": {"path": "/lab/a"}, "class_keys": ["protein", "air_bubble"]}


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def test_an_opened_review_equals_what_was_created(lab):
    tiles = draw_blocks(3, seed=1)
    colour = np.repeat(tiles[..., None], 3, 3)
    table = pd.DataFrame(
        {
            "particle": ["a.png", "b/ü.png", "NA"],
            "given": ["protein", None, "own_class"],
            "score": [0.01, float("nan"), 1],
            "reason": ["14 of 15, near", "", "nan"],
        }
    )
    review_id = store.create_review("  Oil <b> ", table=table, tiles=tiles, colour=colour, model="resnet18", **PLACE)
    review = store.open_review(review_id)
    assert np.array_equal(review.tiles, tiles)
    assert np.array_equal(review.colour, colour)
    assert isinstance(review.tiles, np.memmap)
    assert not review.tiles.flags.writeable
    assert list(review.table["particle"]) == ["a.png", "b/ü.png", "NA"]
    assert list(review.table["reason"])[2] == "nan"
    assert [review.given(particle) for particle in review.positions] == ["protein", "", "own_class"]
    assert (review.name, review.class_keys, review.header["particles"]) == ("Oil <b>", ("protein", "air_bubble"), 3)
    assert review.evidence("a.png") == {"model": "resnet18", "score": 0.01}
    (listed,) = store.list_reviews()
    assert listed == review.header | {"decisions": 0}
    assert listed["review"] == review_id
    assert json.loads((workspace_root() / "reviews" / review_id / "review.json").read_text()) == review.header
    record(review, event(1, "a.png"))
    assert store.list_reviews()[0]["decisions"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "Enter a name for the review"),
        ({"table": pd.DataFrame({"particle": [], "given": []})}, "There are no particles to review in 'x'"),
        ({"class_keys": []}, "A review needs at least one class, .* got none"),
        ({"class_keys": ["protein", "unsure"]}, "none of them named 'unsure' or 'not_a_particle'; got 'protein'"),
        ({"table": pd.DataFrame({"particle": ["a", "a"], "given": ""})}, "The name 'a' occurs twice"),
        ({"table": pd.DataFrame({"particle": ["é" * 1001, "a"], "given": ""})}, "is longer than 2,000 bytes; shorten"),
    ],
)
def test_particles_that_cannot_be_reviewed_raise_an_error(lab, change, message):
    table = pd.DataFrame({"particle": ["a", "b"], "given": "protein"})
    given = {"name": "x", "table": table, "tiles": np.zeros((2, 64, 64), np.uint8), **PLACE} | change
    with pytest.raises(LabError, match=message):
        store.create_review(given.pop("name"), **given)
    assert store.list_reviews() == []


def test_a_damaged_or_unknown_review_raises_an_error(lab):
    review = new_review(3)
    folder = workspace_root() / "reviews" / review.id
    np.save(folder / "tiles.npy", np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(LabError, match="'A <b>' is damaged"):
        store.open_review(review.id)
    (folder / "tiles.npy").write_bytes(b"no tiles")
    with pytest.raises(LabError, match="'A <b>' is damaged"):
        store.open_review(review.id)
    (folder / "tiles.npy").unlink()
    assert store.open_review(review.id).tiles is None
    (folder / "queue.csv").unlink()
    with pytest.raises(LabError, match="'A <b>' is damaged"):
        store.open_review(review.id)
    for unknown in ("", "../../etc", "0" * 12):
        with pytest.raises(LabError, match="There is no review"):
            store.open_review(unknown)
    with pytest.raises(ValueError, match="2 rows need as many tiles; got 1"):
        store.create_review(
            "x",
            table=pd.DataFrame({"particle": ["a", "b"], "given": ""}),
            tiles=np.zeros((1, 64, 64), np.uint8),
            **PLACE,
        )


def test_a_renamed_review_keeps_its_header_and_its_hash_chain():
    review = new_review(5)
    record(review, event(1, "p0"))
    store.rename_review(review.id, "  Run 7, second look ")
    assert store.open_review(review.id).name == "Run 7, second look"
    assert [header["name"] for header in store.list_reviews()] == ["Run 7, second look"]
    assert store.open_review(review.id).header == review.header
    assert history_file.verify(review.id).sound
    for name in ("", "  ", "x" * (store.MAX_NAME + 1)):
        with pytest.raises(LabError):
            store.rename_review(review.id, name)
    with pytest.raises(LabError):
        store.rename_review("0" * 12, "Nothing")


def test_a_deleted_review_is_hidden_and_restored_with_every_decision():
    review = new_review(5)
    record(review, event(1, "p0"), event(2, "p1", "keep"))
    store.delete_review(review.id)
    assert store.list_reviews() == []
    (header,) = store.list_reviews(deleted=True)
    assert (header["review"], header["decisions"]) == (review.id, 2)
    with pytest.raises(LabError, match="deleted"):
        store.open_review(review.id)
    assert history_file.verify(review.id).count == 2
    store.restore_review(review.id)
    assert store.list_reviews(deleted=True) == []
    assert current_labels(store.open_review(review.id)).label("p0") == "air_bubble"


def test_an_imported_history_restores_a_deleted_review(tmp_path):
    review = new_review(5)
    record(review, event(1, "p0"))
    history_file.export_history(review.id, tmp_path / "history.jsonl")
    store.delete_review(review.id)
    assert history_file.import_history(tmp_path / "history.jsonl") == review.id
    assert current_labels(store.open_review(review.id)).label("p0") == "air_bubble"


def test_a_database_from_before_names_could_change_gets_the_columns():
    review = new_review(5)
    database_file = workspace_root() / "lab.sqlite"
    with sqlite3.connect(database_file) as db:
        db.execute("ALTER TABLE review DROP COLUMN name")
        db.execute("ALTER TABLE review DROP COLUMN deleted")
    database._engine.cache_clear()
    assert store.list_reviews()[0]["name"] == review.name
    store.delete_review(review.id)
    assert store.list_reviews() == []


def test_what_was_made_from_a_review_is_named():
    review = new_review(5)
    assert dependents_of(review.id) == Dependents((), ())
    table = pd.DataFrame({"image": ["a"], "class": ["protein"]})
    datasets.save_dataset("Run 7, reviewed", "own", np.zeros((1, 64, 64), np.uint8), table, {"review": review.id})
    datasets.save_dataset("Another", "own", np.zeros((1, 64, 64), np.uint8), table, {"review": "other"})
    assert dependents_of(review.id) == Dependents(("Run 7, reviewed",), ())
