"""Data sets: kept whole with where they come from, listed, opened, packed; the shipped samples put in once."""

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


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    return tmp_path


def draw_tiles(count):
    return np.random.default_rng(1).integers(0, 256, (count, 64, 64), dtype=np.uint8)


def table_of(count, **columns):
    return pd.DataFrame({"image": [f"p{n}.png" for n in range(count)], "class": ["air_bubble"] * count, **columns})


def test_saved_is_what_is_opened(lab):
    tiles, table = draw_tiles(3), table_of(3, image_seed=[7, 8, 2**53 - 1], note=["", "a,b", "ü"])
    provenance = {"made_by": "generator", "weights": "generator", "seed": 0, "class": "air_bubble"}
    dataset_id = datasets.save_dataset("  Bubbles <b> ", "synthetic", tiles, table, provenance)
    found = datasets.open_dataset(dataset_id)
    assert np.array_equal(found.tiles, tiles)
    assert not found.tiles.flags.writeable
    assert isinstance(found.tiles, np.memmap)
    assert list(found.table["image_seed"]) == [7, 8, 2**53 - 1]
    assert list(found.table["note"])[1:] == ["a,b", "ü"]
    assert found.meta["name"] == "Bubbles <b>"
    assert found.meta["kind"] == "synthetic"
    assert found.meta["provenance"] == provenance
    assert found.meta["created"].endswith("+00:00")
    assert (found.meta["count"], found.meta["classes"]) == (3, {"air_bubble": 3})


def test_newest_is_listed_first_and_a_damaged_one_says_why_only_when_opened(lab):
    assert datasets.list_datasets() == []
    ids = [datasets.save_dataset(name, "synthetic", draw_tiles(1), table_of(1), {}) for name in ("a", "b", "c")]
    created = [meta["created"] for meta in datasets.list_datasets()]
    assert created == sorted(created, reverse=True)
    assert {meta["id"] for meta in datasets.list_datasets()} == set(ids)
    (workspace_root() / "datasets" / ids[1] / "dataset.json").write_text("{")
    assert {meta["id"] for meta in datasets.list_datasets()} == {ids[0], ids[2]}
    with pytest.raises(LabError, match="damaged"):
        datasets.open_dataset(ids[1])


def test_a_short_file_or_table_is_damage(lab):
    dataset_id = datasets.save_dataset("a", "synthetic", draw_tiles(4), table_of(4), {})
    folder = workspace_root() / "datasets" / dataset_id
    table_of(3).to_csv(folder / "particles.csv", index=False)
    with pytest.raises(LabError, match="4 tiles, 3 rows"):
        datasets.open_dataset(dataset_id)
    (folder / "tiles.npy").write_bytes((folder / "tiles.npy").read_bytes()[:5000])
    with pytest.raises(LabError, match="no file of tiles"):
        datasets.open_dataset(dataset_id)


def test_nothing_half_written_is_ever_listed(lab, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(datasets, "_write_meta", full)
    with pytest.raises(OSError, match="no space"):
        datasets.save_dataset("a", "synthetic", draw_tiles(1), table_of(1), {})
    assert datasets.list_datasets() == []


@pytest.mark.parametrize("unknown", ["nope", "", "../jobs", ".unfinished-1", "A"])
def test_an_unknown_data_set_is_a_sentence(lab, unknown):
    with pytest.raises(LabError, match="There is no data set"):
        datasets.open_dataset(unknown)


def test_what_cannot_be_saved(lab):
    with pytest.raises(LabError, match="no name"):
        datasets.save_dataset(" ", "synthetic", draw_tiles(1), table_of(1), {})
    with pytest.raises(LabError, match=r"^'a{30}…' cannot name a data set; use 1 to 60 letters\.$"):
        datasets.save_dataset("a" * 61, "synthetic", draw_tiles(1), table_of(1), {})
    assert datasets.unique_name(f" {'a' * 60} ") == "a" * 60
    with pytest.raises(LabError, match="no images"):
        datasets.save_dataset("a", "synthetic", draw_tiles(0), table_of(0), {})
    with pytest.raises(ValueError, match="2 tiles need as many rows"):
        datasets.save_dataset("a", "synthetic", draw_tiles(2), table_of(3), {})
    with pytest.raises(ValueError, match="unique"):
        datasets.save_dataset("a", "synthetic", draw_tiles(2), table_of(2).assign(image="p.png"), {})


def test_the_zip_holds_every_image_and_a_manifest(lab):
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


def ship(folder, count):
    folder.mkdir(exist_ok=True)
    np.save(folder / "tiles.npy", draw_tiles(count))
    table_of(count, seed=range(count)).to_csv(folder / "particles.csv", index=False)


def test_samples_are_installed_once_and_renewed_when_they_change(lab, monkeypatch):
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


def test_tiles_grow_in_one_file_and_readers_see_whole_batches(tmp_path):
    path, tiles = tmp_path / "tiles.npy", draw_tiles(5)
    tile_file.append_tiles(path, tiles[:0], after=0)
    assert tile_file.read_tiles(path).shape == (0, 64, 64)
    tile_file.append_tiles(path, tiles[:2], after=0)
    early = tile_file.read_tiles(path)
    tile_file.append_tiles(path, tiles[2:], after=2)
    assert np.array_equal(early, tiles[:2])
    assert np.array_equal(tile_file.read_tiles(path), tiles)
    # As after a crash: the last three are made anew.
    tile_file.append_tiles(path, tiles[:1], after=2)
    assert np.array_equal(np.load(path), tiles[[0, 1, 0]])
    with pytest.raises(ValueError, match="fewer than the 4"):
        tile_file.append_tiles(path, tiles, after=4)
    tile_file.append_tiles(path, tiles[:1], after=0)
    assert len(np.load(path)) == 1
    for content in (b"", b"no tiles"):
        path.write_bytes(content)
        with pytest.raises(LabError, match="no file of tiles"):
            tile_file.read_tiles(path)
    np.save(path, np.zeros((2, 4)))
    with pytest.raises(LabError, match="not grey tiles"):
        tile_file.read_tiles(path)
