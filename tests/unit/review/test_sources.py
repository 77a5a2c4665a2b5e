"""Reviews of a folder, a data set and a classification: their queue, columns and suggestions."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.progress import run_to_end
from svp_core.review import sources, store
from svp_core.review.progress import progress_by_pair
from svp_core.tile_file import append_tiles
from svp_core.workspace import database, datasets, jobs
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.review_fixture import current_labels, databases, event, record


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    return databases(tmp_path, monkeypatch, "sqlite")


def labelled_folder(lab, count=3):
    for name in ("air bubbles", "Fat droplets"):
        (lab / "set" / name).mkdir(parents=True)
        for n, tile in enumerate(draw_blocks(count, seed=len(name))):
            Image.fromarray(tile).save(lab / "set" / name / f"p{n}.png")
    (lab / "set" / "air bubbles" / "broken.png").write_bytes(b"no image")
    return lab / "set"


def test_a_folder_is_reviewed_in_the_order_of_its_suspects(lab):
    reviewable = run_to_end(sources.review_of_folder(labelled_folder(lab)))
    assert reviewable.class_keys == ("air_bubble", "fat_droplets")
    assert len(reviewable.tiles) == 6
    assert [name for name, _ in reviewable.excluded] == ["air bubbles/broken.png"]
    suspects = pd.DataFrame(
        {
            "image": ["Fat droplets/p1.png", "air bubbles/p2.png"],
            "given": "x",
            "rank": [1, 2],
            "suggested": ["air_bubble", "fat_droplets"],
            "score": [0.02, 0.4],
        }
    )
    suspects.to_csv(lab / "suspects.csv", index=False)
    ordered = sources.apply_queue(reviewable, lab / "suspects.csv", model="resnet18, 5 folds")
    review = store.open_review(sources.start_review(ordered))
    assert list(review.positions)[:3] == ["Fat droplets/p1.png", "air bubbles/p2.png", "air bubbles/p0.png"]
    assert [review.given(particle) for particle in review.positions] == [
        "fat_droplets",
        "air_bubble",
        "air_bubble",
        "air_bubble",
        "fat_droplets",
        "fat_droplets",
    ]
    # Each tile went with its row.
    for row, name in enumerate(reviewable.table["particle"]):
        assert np.array_equal(review.tiles[review.positions[name]], reviewable.tiles[row])
    assert review.evidence("Fat droplets/p1.png") == {
        "model": "resnet18, 5 folds",
        "suggested": "air_bubble",
        "score": 0.02,
        "rank": 1,
    }
    assert review.table["suggested"][3] == ""
    assert review.header["source"] == {"path": str(lab / "set")}
    assert review.name == "set"
    assert review.header["model"] == "resnet18, 5 folds"


def test_a_queue_of_another_source_raises_an_error(lab):
    reviewable = run_to_end(sources.review_of_folder(labelled_folder(lab)))
    with pytest.raises(LabError, match="The queue names 'other.png', .* .1 such names."):
        sources.apply_queue(reviewable, pd.DataFrame({"image": ["other.png", "air bubbles/p0.png"]}))
    for table in (pd.DataFrame({"name": []}), pd.DataFrame({"image": ["air bubbles/p0.png"] * 2})):
        with pytest.raises(LabError, match="with unique names"):
            sources.apply_queue(reviewable, table)
    with pytest.raises(LabError, match="cannot be read as a queue"):
        sources.apply_queue(reviewable, lab / "nothing.csv")


def test_a_data_set_brings_its_columns(lab):
    tiles = draw_blocks(4, seed=3)
    table = pd.DataFrame(
        {"image": list("abcd"), "class": ["protein", "air_bubble", None, "protein"], "diameter_um": range(4)}
    )
    dataset_id = datasets.save_dataset("Mixed", "synthetic", tiles, table, {})
    reviewable = sources.review_of_dataset(dataset_id)
    assert list(reviewable.table["particle"]) == [f"{dataset_id}/{name}" for name in "abd"]
    assert list(reviewable.table["diameter_um"]) == [0, 1, 3]
    assert np.array_equal(reviewable.tiles, tiles[[0, 1, 3]])
    review = store.open_review(sources.start_review(reviewable, name="Again"))
    assert review.name == "Again"
    assert review.header["kind"] == "dataset"


def classified(*, given=("", "", "", ""), colour=False, kind="classify"):
    """Id of a job that classified three of four particles."""
    job_id = "0123456789abcdef" * 2
    row = {
        "id": job_id,
        "kind": kind,
        "config": {"source": "/lab/run"},
        "state": "done",
        "created": 1.0,
        "heartbeat": 1.0,
    }
    with database.engine().begin() as db:
        db.execute(database.job.insert().values(**row))
    folder = jobs.job_folder(job_id)
    rows = pd.DataFrame(
        {
            "image": ["run#1", "run#2", "broken", "run#4"],
            "label": ["protein", "air_bubble", "", "protein"],
            "confidence": [0.9, 0.5, None, 0.7],
            "p_protein": [0.9, 0.2, None, 0.7],
            "p_silicone_oil": [0.08, 0.3, None, 0.05],
            "p_air_bubble": [0.02, 0.5, None, 0.25],
            "given": given,
            "ecd_um": [5.0, 12.5, None, 3.25],
            "run": ["a", "a", "", "b"],
            "instrument.Circularity": [1, 2, 3, 4],
            "status": ["ok", "ok", "rejected", "ok"],
            "reason": ["", "", "the image is damaged", ""],
        }
    )
    rows.to_csv(folder / "results.csv", index=False)
    tiles = draw_blocks(3, seed=4)
    append_tiles(folder / "tiles.npy", tiles, after=0)
    if colour:
        np.save(folder / "colour.npy", np.repeat(tiles[..., None], 3, 3))
    (folder / "summary.json").write_text(json.dumps({"title": "Run 7", "source": "/lab/run", "weights": "resnet18"}))
    return job_id, tiles


def test_a_classified_run_is_reviewed_from_the_least_certain(lab):
    job_id, tiles = classified(colour=True)
    reviewable = sources.review_of_classification(job_id)
    assert reviewable.excluded == (("broken", "the image is damaged"),)
    review = store.open_review(sources.start_review(reviewable))
    assert list(review.positions) == ["run#2", "run#4", "run#1"]
    assert list(review.table["ecd_um"]) == [12.5, 3.25, 5.0]
    assert np.array_equal(review.tiles, tiles[[1, 2, 0]])
    assert np.array_equal(review.colour[..., 0], tiles[[1, 2, 0]])
    assert list(review.table["given"]) == ["air_bubble", "protein", "protein"]
    assert "suggested" not in review.table
    assert review.has_model_labels
    assert np.allclose(review.table["score"], [0.5, 0.7, 0.9])
    assert np.allclose(review.table["margin"], [0.2, 0.45, 0.82])
    assert "instrument.Circularity" not in review.table
    assert list(review.table["run"]) == ["a", "b", "a"]
    assert review.class_keys == ("protein", "silicone_oil", "air_bubble")
    assert review.name == "Run 7"
    record(review, event(1, "run#2", label="silicone_oil"), event(2, "run#4", "keep"))
    assert list(current_labels(review).labels()["label"]) == ["silicone_oil", "protein", "protein"]


def test_folder_labels_of_a_classified_run_can_be_reviewed(lab):
    job_id, _ = classified(given=("air_bubble", "own_class", "", ""))
    review = store.open_review(sources.start_review(sources.review_of_classification(job_id, labels="given")))
    assert dict(zip(review.positions, review.table["given"], strict=True)) == {
        "run#2": "own_class",
        "run#4": "",
        "run#1": "air_bubble",
    }
    assert list(review.table["suggested"]) == ["air_bubble", "protein", "protein"]
    assert not review.has_model_labels
    assert "own_class" in review.class_keys
    assert np.allclose(review.table["score"], [0, 0, 0.02])


def test_a_folder_label_that_the_classifier_confirms_has_no_suggestion(lab):
    job_id, _ = classified(given=("protein", "air_bubble", "", "silicone_oil"))
    review = store.open_review(sources.start_review(sources.review_of_classification(job_id, labels="given")))
    assert dict(zip(review.positions, review.table["suggested"], strict=True)) == {
        "run#4": "protein",
        "run#2": "air_bubble",
        "run#1": "protein",
    }
    pairs = progress_by_pair(current_labels(review), review.table["suggested"])
    assert pairs[["given", "suggested", "count"]].values.tolist() == [["silicone_oil", "protein", 1]]


def test_a_job_without_classified_particles_cannot_be_reviewed(lab):
    job_id, _ = classified()
    with pytest.raises(LabError, match="lies in a folder named after a class"):
        sources.review_of_classification(job_id, labels="given")
    with pytest.raises(ValueError, match="labels must be label or given"):
        sources.review_of_classification(job_id, labels="both")
    (jobs.job_folder(job_id) / "summary.json").unlink()
    with pytest.raises(LabError, match="This job has classified no particles"):
        sources.review_of_classification(job_id)
