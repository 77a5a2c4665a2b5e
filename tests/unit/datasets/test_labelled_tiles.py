"""Labelled tiles from a folder, an archive, a run or data sets; a lab's own classes included."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from svp_core.datasets.labelled_tiles import from_dataset, join_labelled, read_labelled, read_labelled_steps
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.workspace import datasets
from tests.helpers.case_files import case_folder


@pytest.fixture
def put(tmp_path):
    """put(name, ...) writes a different image under each name; returns the folder."""
    rng = np.random.default_rng(0)

    def write(*names):
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(150, 200, (64, 64), dtype=np.uint8)))
        return tmp_path / "data"

    return write


def test_every_folder_is_a_class_and_the_products_classes_come_first(put):
    data = read_labelled(put("Fat droplets/1.png", "Fat droplets/day 2/2.png", "oil/1.png", "oil/2.png", "loose.png"))
    assert data.class_keys == ("silicone_oil", "fat_droplets")
    assert data.counts() == {
        "silicone_oil": 2,
        "fat_droplets": 2,
    }
    assert dict(data.left_out) == {"loose.png": "it is not in a folder named after a class"}


def test_a_folder_around_the_class_folders_is_not_a_class(put, tmp_path):
    folder = put("all/fat/1.png", "all/fat/2.png", "all/dust/1.png", "all/dust/2.png")
    assert read_labelled(folder).class_keys == ("dust", "fat")
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        for name in ("fat/1.png", "fat/2.png"):
            archive.write(folder / "all" / name, name)
    assert read_labelled(tmp_path / "one.zip").class_keys == ("fat",)


def test_all_images_can_be_given_one_class(put):
    folder = put("1.png", "2.png", "oil/3.png")
    data = read_labelled(folder, class_name="Fat droplets")
    assert data.counts() == {"fat_droplets": 3}
    assert data.names == ("1.png", "2.png", "oil/3.png")
    with pytest.raises(LabError, match=r"'\.\.' is not a valid class name"):
        read_labelled(folder, class_name="..")
    (folder / "oil" / "3.png").unlink()
    with pytest.raises(LabError, match="^data contains no labelled images; .* or name the one class of all images"):
        read_labelled(folder)
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(b"")
    with pytest.raises(LabError, match="None of the 2 items in data could be read as an image; the first is 1.png: "):
        read_labelled(folder, class_name="Fat droplets")
    (folder / "2.png").unlink()
    with pytest.raises(LabError, match="^The only item in data, 1.png, could not be read as an image: "):
        read_labelled(folder, class_name="Fat droplets")


def test_reading_yields_progress(put, monkeypatch):
    monkeypatch.setattr("svp_core.datasets.labelled_tiles.PROGRESS_EVERY", 2)
    steps = read_labelled_steps(put(*(f"fat/{k}.png" for k in range(5))))
    assert [next(steps).step, next(steps).step] == [2, 4]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert len(end.value.value.tiles) == 5


def test_only_some_classes_can_be_chosen(put):
    data = read_labelled(put(*(f"{kind}/{k}.png" for kind in ("fat", "oil", "zinc") for k in range(2))))
    chosen = data.only(["zinc", "silicone_oil"])
    assert chosen.class_keys == ("silicone_oil", "zinc")
    assert len(chosen.tiles) == 4
    assert np.array_equal(chosen.tiles[chosen.labels == 1], data.tiles[data.labels == 2])
    assert dict(chosen.left_out) == {f"fat/{k}.png": "its class was not chosen" for k in range(2)}
    for wrong, message in ((["dust"], "no images of dust"), ([], "No class is chosen")):
        with pytest.raises(LabError, match=message):
            data.only(wrong)


def test_data_sets_keep_their_classes_when_joined(put, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    tiles = np.random.default_rng(1).integers(0, 255, (4, 64, 64), dtype=np.uint8)
    table = pd.DataFrame({"image": list("abcd"), "class": ["zinc", "protein", None, "zinc"]})
    dataset_id = datasets.save_dataset("Mixed", "sample", tiles, table, {})
    data = from_dataset(datasets.open_dataset(dataset_id))
    assert data.class_keys == ("protein", "zinc")
    assert data.labels.tolist() == [1, 0, 1]
    assert data.names[0] == f"{dataset_id}/a"
    assert data.left_out == ((f"{dataset_id}/c", "it has no class"),)
    both = join_labelled([read_labelled(put("air/1.png", "air/2.png")), data])
    assert both.class_keys == ("protein", "air_bubble", "zinc")
    assert both.labels.tolist() == [1, 1, 2, 0, 2]
    assert np.array_equal(both.tiles[2:], tiles[[0, 1, 3]])

    bare = datasets.save_dataset("Bare", "sample", tiles, pd.DataFrame(table[["image"]]), {})
    small = datasets.save_dataset("Small", "sample", tiles[:, :32], table, {})
    for name, message in ((bare, "'Bare' has no classes"), (small, "'Small' has tiles of 32 x 64 px")):
        with pytest.raises(LabError, match=message):
            from_dataset(datasets.open_dataset(name))


def test_the_products_classes_keep_their_order_and_left_out_items_their_reason(put):
    folder = put(*(f"{kind}/{k}.png" for kind in ("air", "Protein", "oil") for k in range(2)))
    (folder / "oil" / "notes.txt").write_text("not an image")
    data = read_labelled(folder)
    assert data.class_keys == ("protein", "silicone_oil", "air_bubble")
    assert [name for name, _ in data.left_out] == ["oil/notes.txt"]
    (folder / "air" / "0.png").unlink()
    with pytest.raises(LabError, match="air_bubble has a single image"):
        read_labelled(folder)


SPLIT_NAMES = [
    ("train", "validation", "test"),
    ("Training", "val", "testing"),
    ("train_set", "valid", "test images"),
    ("01_train", "02_dev", "03_test"),
    ("TRAIN", "VAL", "HOLDOUT"),
]


@pytest.mark.parametrize("names", SPLIT_NAMES)
@pytest.mark.parametrize(
    "layout", ["{split}/{name}", "images/{split}/{name}", "{name}/{split}", "set/{split}/{name}/a"]
)
def test_folders_that_split_the_data_are_not_classes(put, names, layout):
    classes = ("rods", "Round cells", "Silicone oil")
    folders = [layout.format(split=split, name=name) for split in names for name in classes]
    data = read_labelled(put(*(f"{folder}/{k}.png" for folder in folders for k in range(2))))
    assert data.counts() == {"silicone_oil": 6, "rods": 6, "round_cells": 6}
    assert set(data.splits) == {"train", "validation", "test"}
    for name, split in zip(data.names, data.splits, strict=True):
        assert names[("train", "validation", "test").index(split)] in name
    held_out = data.of_split("validation")
    assert held_out is not None
    assert held_out.counts() == {"silicone_oil": 2, "rods": 2, "round_cells": 2}
    assert len(held_out.left_out) == 12
    assert data.of_split("other") is None


@pytest.mark.parametrize("pattern", ["fold{}", "Fold_{}", "k-fold {}", "cv-{}"])
def test_folds_of_a_cross_validation_are_not_classes(put, pattern):
    files = [f"{pattern.format(number)}/{name}/a.png" for number in (1, 2, 3) for name in ("rods", "cells")]
    data = read_labelled(put(*files))
    assert data.class_keys == ("cells", "rods")
    assert set(data.splits) == {"fold 1", "fold 2", "fold 3"}


def test_a_part_of_the_data_or_classes_named_like_a_split_are_told_apart(put):
    alone = read_labelled(put(*(f"train/{name}/{k}.png" for name in ("rods", "cells") for k in range(2))))
    assert alone.class_keys == ("cells", "rods")
    assert set(alone.splits) == {"train"}


def test_folder_named_test_with_nothing_but_images_is_a_class(put):
    data = read_labelled(put(*(f"{name}/{k}.png" for name in ("test", "control") for k in range(2))))
    assert data.class_keys == ("control", "test")
    assert data.splits == ()


def test_split_is_kept_in_data_sets_and_when_they_are_joined(put, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    data = read_labelled(put(*(f"{s}/{c}/{k}.png" for s in ("train", "test") for c in ("a", "b") for k in range(2))))
    table = pd.DataFrame(
        {"image": data.names, "class": [data.class_keys[n] for n in data.labels], "split": data.splits}
    )
    stored = from_dataset(datasets.open_dataset(datasets.save_dataset("d", "own", data.tiles, table, {})))
    assert stored.splits == data.splits
    other = read_labelled(put("x/c/1.png", "x/c/2.png").joinpath("x"))
    joined = join_labelled([stored, other])
    assert joined.splits == (*data.splits, "", "")
    assert joined.only(["a", "c"]).splits == ("test", "test", "train", "train", "", "")


def test_split_of_the_case_is_read(real_data):
    data = read_labelled(case_folder(real_data, "split-folders"))
    assert data.counts() == {"rods": 6, "round_cells": 6}
    assert sorted(set(data.splits)) == ["test", "train", "validation"]
