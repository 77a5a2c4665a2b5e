"""Split of tiles into training, held-out and near-copies; what is refused."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.errors import LabError
from svp_core.progress import run_to_end
from svp_core.training import split
from tests.helpers.drawn_tiles import draw_blocks


def labelled(*counts):
    """LabelledTiles of different drawn tiles, with these numbers per class."""
    keys = ("protein", "silicone_oil", "air_bubble", "dust")[: len(counts)]
    tiles, labels = draw_blocks(sum(counts), seed=1), np.repeat(np.arange(len(counts)), counts)
    return LabelledTiles(tiles, labels, keys, tuple(f"{k}.png" for k in range(len(tiles))), ())


def split_of(data):
    return run_to_end(split.split(data))


def jpeg(tile, quality=85):
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def test_every_tile_is_in_one_part_and_every_class_in_both():
    data = labelled(1200, 60, 26)
    result = split_of(data)
    together = np.concatenate([result.training, result.held_out])
    assert sorted(together) == list(range(len(data.tiles)))
    assert not result.repeated
    held = [int((data.labels[result.held_out] == label).sum()) for label in range(3)]
    assert held == [180, 12, 10]  # 15 %, 20 %, and no fewer than ten
    assert np.array_equal(split_of(data).held_out, result.held_out)


def test_near_copies_are_left_out_however_they_were_stored():
    data = labelled(60)
    copies = [np.rot90(data.tiles[3]), jpeg(data.tiles[7]), data.tiles[9][:, ::-1] + np.uint8(4), jpeg(data.tiles[3].T)]
    tiles = np.concatenate([data.tiles, np.stack(copies)])
    more = LabelledTiles(tiles, np.zeros(64, int), ("protein",), tuple(f"{k}.png" for k in range(64)), ())
    result = split_of(more)
    assert result.repeated == {60: 3, 61: 7, 62: 9, 63: 3}
    assert set(result.training) | set(result.held_out) == set(range(60))


def test_different_images_that_look_alike_are_kept(monkeypatch):
    monkeypatch.setattr(split, "BATCH_PAIRS", 700)  # many small batches
    level = np.arange(64)
    tiles = np.stack([np.where((level[:, None] - 32) ** 2 + (level - 32) ** 2 < r**2, 90, 170) for r in range(4, 30)])
    data = LabelledTiles(
        np.repeat(tiles, 2, 0).astype(np.uint8), np.zeros(52, int), ("air_bubble",), tuple("a" * 52), ()
    )
    with pytest.raises(LabError, match="There are 26 different images"):
        split_of(data)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((30,), "There are 30 different images; a generator needs at least 50"),
        ((100, 3), "Class silicone_oil has 3 different images; give at least 25 of every class, or leave this class"),
    ],
)
def test_too_few_images_are_refused(counts, message):
    with pytest.raises(LabError, match=message):
        split_of(labelled(*counts))


def test_copies_of_a_single_image_are_refused():
    data = LabelledTiles(np.repeat(draw_blocks(1, seed=0), 80, 0), np.zeros(80, int), ("dust",), tuple("a" * 80), ())
    with pytest.raises(LabError, match="All 80 images of dust show the same picture"):
        split_of(data)
    blank = LabelledTiles(np.full((80, 64, 64), 170, np.uint8), np.zeros(80, int), ("dust",), tuple("a" * 80), ())
    with pytest.raises(LabError, match="All 80 images of dust show the same picture"):
        split_of(blank)


def test_too_many_images_are_refused(monkeypatch):
    monkeypatch.setattr(split, "MAX_TILES", 90)
    with pytest.raises(LabError, match="There are 100 images; a training takes at most 90"):
        split_of(labelled(100))


def with_splits(data, splits):
    return replace(data, splits=tuple(splits))


def test_split_of_the_source_is_used():
    data = labelled(60, 60)
    parts = ["train"] * 40 + ["validation"] * 12 + ["test"] * 8
    result = split_of(with_splits(data, parts * 2))
    assert result.by_folders
    assert list(result.training) == [*range(40), *range(60, 100)]
    assert list(result.held_out) == [*range(40, 52), *range(100, 112)]
    # Without a part for validation, the tests are held out.
    result = split_of(with_splits(data, (["train"] * 40 + ["test"] * 20) * 2))
    assert list(result.held_out) == [*range(40, 60), *range(100, 120)]


def test_tests_of_the_source_are_never_trained_on():
    data = labelled(60, 60)
    parts = ["test"] * 6 + ["validation"] * 4 + ["train"] * 50
    result = split_of(with_splits(data, parts * 2))
    assert not result.by_folders  # too few to hold out
    assert len(result.held_out) == 22
    used = {*result.training.tolist(), *result.held_out.tolist()}
    assert used == {*range(6, 60), *range(66, 120)}
    with pytest.raises(LabError, match="There are 28 different images"):
        split_of(with_splits(data, (["train"] * 14 + ["test"] * 46) * 2))
