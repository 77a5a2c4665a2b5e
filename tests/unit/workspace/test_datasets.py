"""Data sets: stored whole, listed, opened, renamed, deleted and packed; the samples installed once."""

import csv
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from svp_core import tile_file
from svp_core.errors import LabError
from svp_core.workspace import datasets
from svp_core.workspace.paths import workspace_root
from tests.helpers.stored_work import store_job, store_review


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    return tmp_path


def draw_tiles(count):
    return np.random.default_rng(1).integers(0, 256, (count, 64, 64), dtype=np.uint8)


def table_of(count, **columns):
    return pd.DataFrame({"image": [f"p{n}.png" for n in range(count)], "class": ["air_bubble"] * count, **columns})


def test_an_opened_data_set_equals_the_saved_one(lab):
    tiles, table = draw_tiles(3), table_of(3, image_seed=[7, 8, 2**53 - 1], note=["", "a,b", "ü"])
    provenance = {"made_by": "generator", "weights": "generator", "seed": 0, "class": "air_bubble"}
    dataset_id = datasets.save_dataset("  Bubbles <b> ", "synthetic", tiles, table, provenance)
    opened = datasets.open_dataset(dataset_id)
    assert np.array_equal(opened.tiles, tiles)
    assert not opened.tiles.flags.writeable
    assert isinstance(opened.tiles, np.memmap)
    assert list(opened.table["image_seed"]) == [7, 8, 2**53 - 1]
    assert list(opened.table["note"])[1:] == ["a,b", "ü"]
    assert opened.meta["name"] == "Bubbles <b>"
    assert opened.meta["kind"] == "synthetic"
    assert opened.meta["provenance"] == provenance
    assert opened.meta["created"].endswith("+00:00")
    assert (opened.meta["count"], opened.meta["classes"]) == (3, {"air_bubble": 3})


def test_the_newest_is_listed_first_and_a_damaged_one_is_left_out(lab):
    assert datasets.list_datasets() == []
    ids = [datasets.save_dataset(name, "synthetic", draw_tiles(1), table_of(1), {}) for name in ("a", "b", "c")]
    created = [meta["created"] for meta in datasets.list_datasets()]
    assert created == sorted(created, reverse=True)
    assert {meta["id"] for meta in datasets.list_datasets()} == set(ids)
    (workspace_root() / "datasets" / ids[1] / "dataset.json").write_text("{")
    assert {meta["id"] for meta in datasets.list_datasets()} == {ids[0], ids[2]}
    with pytest.raises(LabError, match="damaged"):
        datasets.open_dataset(ids[1])


def test_a_short_file_or_table_is_reported_as_damage(lab):
    dataset_id = datasets.save_dataset("a", "synthetic", draw_tiles(4), table_of(4), {})
    folder = workspace_root() / "datasets" / dataset_id
    table_of(3).to_csv(folder / "particles.csv", index=False)
    with pytest.raises(LabError, match="4 tiles but 3 rows"):
        datasets.open_dataset(dataset_id)
    (folder / "tiles.npy").write_bytes((folder / "tiles.npy").read_bytes()[:5000])
    with pytest.raises(LabError, match="not a file of tiles"):
        datasets.open_dataset(dataset_id)


def test_a_half_written_data_set_is_not_listed(lab, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(datasets, "_write_meta", full)
    with pytest.raises(LabError, match="no space"):
        datasets.save_dataset("a", "synthetic", draw_tiles(1), table_of(1), {})
    assert datasets.list_datasets() == []
    assert list((workspace_root() / "datasets").iterdir()) == []


@pytest.mark.parametrize("unknown", ["nope", "", "../jobs", ".unfinished-1", "A"])
def test_an_unknown_data_set_is_refused(lab, unknown):
    with pytest.raises(LabError, match="There is no data set"):
        datasets.open_dataset(unknown)


def test_data_sets_without_name_tiles_or_unique_images_are_refused(lab):
    with pytest.raises(LabError, match="no name"):
        datasets.save_dataset(" ", "synthetic", draw_tiles(1), table_of(1), {})
    with pytest.raises(LabError, match="has 61 characters; .* 1 to 60"):
        datasets.save_dataset("a" * 61, "synthetic", draw_tiles(1), table_of(1), {})
    assert datasets.check_name(f" {'a' * 60} ") == "a" * 60
    with pytest.raises(LabError, match="no images"):
        datasets.save_dataset("a", "synthetic", draw_tiles(0), table_of(0), {})
    with pytest.raises(ValueError, match="2 tiles need as many rows"):
        datasets.save_dataset("a", "synthetic", draw_tiles(2), table_of(3), {})
    with pytest.raises(ValueError, match="unique"):
        datasets.save_dataset("a", "synthetic", draw_tiles(2), table_of(2).assign(image="p.png"), {})


def test_the_zip_contains_every_image_and_a_manifest(lab):
    tiles = draw_tiles(4)
    table = table_of(4, image_seed=[1, 2, 3, 4]).assign(
        image=["run 1/p#2", "run 1_p_2.png", "../../é <b>.png", "."],
        **{"class": ["protein", "protein", "air_bubble", None]},
    )
    dataset_id = datasets.save_dataset("Mixed", "synthetic", tiles, table, {"seed": 5})
    path = datasets.export_zip(dataset_id)
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode())))
        names = [row["file"] for row in rows]
        assert names == ["protein/run 1_p_2.png", "protein/run 1_p_2 (2).png", "air_bubble/_.._é _b_.png", "image.png"]
        assert [row["image"] for row in rows] == list(table["image"])
        assert rows[3]["image_seed"] == "4"
        assert sorted(archive.namelist()) == sorted([*names, "manifest.csv", "dataset.json"])
        for name, tile in zip(names, tiles, strict=True):
            assert np.array_equal(np.array(Image.open(io.BytesIO(archive.read(name)))), tile)
        assert json.loads(archive.read("dataset.json"))["provenance"] == {"seed": 5}
    first = path.read_bytes()
    assert datasets.export_zip(dataset_id) == path
    path.unlink()
    assert datasets.export_zip(dataset_id).read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_renamed_data_set_keeps_everything_but_its_name(lab):
    dataset_id = datasets.save_dataset("Old", "synthetic", draw_tiles(2), table_of(2), {"seed": 5})
    before = datasets.open_dataset(dataset_id).meta
    datasets.export_zip(dataset_id)
    datasets.rename_dataset(dataset_id, "  New ")
    after = datasets.open_dataset(dataset_id)
    assert after.meta == {**before, "name": "New"}
    assert np.array_equal(after.tiles, draw_tiles(2))
    with zipfile.ZipFile(datasets.export_zip(dataset_id)) as archive:
        assert json.loads(archive.read("dataset.json"))["name"] == "New"


def test_a_data_set_is_not_renamed_to_an_invalid_name(lab):
    dataset_id = datasets.save_dataset("Old", "synthetic", draw_tiles(1), table_of(1), {})
    for name in ("", "a" * 61):
        with pytest.raises(LabError):
            datasets.rename_dataset(dataset_id, name)
    assert datasets.open_dataset(dataset_id).meta["name"] == "Old"


def test_a_deleted_data_set_is_gone_with_its_files(lab):
    ids = [datasets.save_dataset(name, "synthetic", draw_tiles(1), table_of(1), {}) for name in ("a", "b")]
    for dataset_id in ids:
        datasets.export_zip(dataset_id)
    datasets.delete_dataset(ids[0])
    assert [meta["id"] for meta in datasets.list_datasets()] == [ids[1]]
    with pytest.raises(LabError, match="There is no data set"):
        datasets.open_dataset(ids[0])
    assert [path.parent.name for path in workspace_root().rglob("tiles.npy")] == [ids[1]]
    assert [path.name.partition("-")[0] for path in workspace_root().rglob("*.zip")] == [ids[1]]


def test_a_damaged_data_set_can_be_deleted(lab):
    dataset_id = datasets.save_dataset("a", "synthetic", draw_tiles(1), table_of(1), {})
    (workspace_root() / "datasets" / dataset_id / "dataset.json").write_text("{")
    datasets.delete_dataset(dataset_id)
    assert not (workspace_root() / "datasets" / dataset_id).exists()


@pytest.mark.parametrize("dataset_id", [datasets.SAMPLES, "nope", "../jobs", ""])
def test_samples_and_unknown_data_sets_are_neither_renamed_nor_deleted(lab, dataset_id):
    datasets.install_samples()
    with pytest.raises(LabError):
        datasets.delete_dataset(dataset_id)
    with pytest.raises(LabError):
        datasets.rename_dataset(dataset_id, "New")
    assert [meta["name"] for meta in datasets.list_datasets()] == ["Sample particles"]


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_data_set_that_a_job_needs_is_not_deleted(lab, state):
    dataset_id = datasets.save_dataset("Bubbles", "synthetic", draw_tiles(1), table_of(1), {})
    job_id = store_job("train", {"name": "m", "datasets": ["other", dataset_id], "base": None}, state=state)
    with pytest.raises(LabError, match="'Bubbles' is in use by a job"):
        datasets.delete_dataset(dataset_id)
    datasets.rename_dataset(dataset_id, "Renamed")  # its id stays
    store_job("train", {}, state="done", job_id=job_id)
    datasets.delete_dataset(dataset_id)


def test_dependents_of_a_data_set_are_its_reviews_and_jobs(lab):
    dataset_id = datasets.save_dataset("a", "synthetic", draw_tiles(1), table_of(1), {})
    training = store_job("train", {"name": "m", "datasets": [dataset_id], "base": None})
    comparison = store_job("compare", {"reference": dataset_id, "left": {}, "right": {}}, state="running")
    search = store_job("suspect", {"kind": "dataset", "source": dataset_id, "name": "R"})
    store_job("train", {"name": "m", "datasets": ["other"], "base": None})
    store_review("R", kind="dataset", source={"dataset": dataset_id})
    store_review("S", kind="dataset", source={"dataset": "other"})
    dependents = datasets.list_dataset_dependents(dataset_id)
    assert [(dependent.kind, dependent.name) for dependent in dependents if dependent.kind == "review"] == [
        ("review", "R")
    ]
    assert {dependent.id for dependent in dependents[1:]} == {training, comparison, search}
    assert [dependent.id for dependent in dependents if dependent.active] == [comparison]


def ship(folder, count):
    folder.mkdir(exist_ok=True)
    np.save(folder / "tiles.npy", draw_tiles(count))
    table_of(count, seed=range(count)).to_csv(folder / "particles.csv", index=False)


def test_samples_are_installed_once_and_replaced_when_they_change(lab, monkeypatch):
    shipped = lab / "sample_data"
    monkeypatch.setattr(datasets, "sample_folder", lambda: shipped)
    with pytest.raises(LabError, match="sample-data"):
        datasets.install_samples()
    ship(shipped, 5)
    assert datasets.install_samples() == datasets.SAMPLES
    first = datasets.open_dataset(datasets.SAMPLES)
    assert first.meta["name"] == "Sample particles"
    assert first.meta["kind"] == "sample"
    assert first.meta["count"] == 5
    datasets.install_samples()
    assert datasets.open_dataset(datasets.SAMPLES).meta == first.meta
    ship(shipped, 6)
    datasets.install_samples()
    assert datasets.open_dataset(datasets.SAMPLES).meta["count"] == 6
    assert [folder.name for folder in (workspace_root() / "datasets").iterdir()] == [datasets.SAMPLES]


def test_readers_of_a_growing_tile_file_see_whole_batches(tmp_path):
    path, tiles = tmp_path / "tiles.npy", draw_tiles(5)
    tile_file.append_tiles(path, tiles[:0], after=0)
    assert tile_file.read_tiles(path).shape == (0, 64, 64)
    tile_file.append_tiles(path, tiles[:2], after=0)
    early = tile_file.read_tiles(path)
    tile_file.append_tiles(path, tiles[2:], after=2)
    assert np.array_equal(early, tiles[:2])
    assert np.array_equal(tile_file.read_tiles(path), tiles)
    # As after a crash: the last three are written again.
    tile_file.append_tiles(path, tiles[:1], after=2)
    assert np.array_equal(np.load(path), tiles[[0, 1, 0]])
    with pytest.raises(ValueError, match="fewer tiles than the 4"):
        tile_file.append_tiles(path, tiles, after=4)
    tile_file.append_tiles(path, tiles[:1], after=0)
    assert len(np.load(path)) == 1
    for content in (b"", b"not tiles"):
        path.write_bytes(content)
        with pytest.raises(LabError, match="not a file of tiles"):
            tile_file.read_tiles(path)
    np.save(path, np.zeros((2, 4)))
    with pytest.raises(LabError, match=r"float64 \(2, 4\)"):
        tile_file.read_tiles(path)
