"""What is trained on, held out, or left out as a copy; and the sentences where that cannot be."""

import io

import numpy as np
import pytest
from PIL import Image

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.errors import LabError
from svp_core.training import split
from tests.helpers.drawn_tiles import draw_blocks


def labelled(*counts):
    """Labelled of different drawn tiles, so many of each class."""
    keys = ("protein", "silicone_oil", "air_bubble", "dust")[: len(counts)]
    tiles, labels = draw_blocks(sum(counts), seed=1), np.repeat(np.arange(len(counts)), counts)
    return LabelledTiles(tiles, labels, keys, tuple(f"{k}.png" for k in range(len(tiles))), ())


def splitting(data):
    steps = split.split(data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def jpeg(tile, quality=85):
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def test_every_tile_is_in_one_part_and_every_class_in_both():
    data = labelled(1200, 60, 26)
    found = splitting(data)
    together = np.concatenate([found.training, found.held_out])
    assert sorted(together) == list(range(len(data.tiles)))
    assert not found.repeated
    held = [int((data.labels[found.held_out] == label).sum()) for label in range(3)]
    assert held == [180, 12, 10]  # 15 %, 20 %, and no fewer than ten
    assert np.array_equal(splitting(data).held_out, found.held_out)


def test_the_same_picture_again_is_left_out_however_it_was_stored():
    data = labelled(60)
    again = [np.rot90(data.tiles[3]), jpeg(data.tiles[7]), data.tiles[9][:, ::-1] + np.uint8(4), jpeg(data.tiles[3].T)]
    tiles = np.concatenate([data.tiles, np.stack(again)])
    more = LabelledTiles(tiles, np.zeros(64, int), ("protein",), tuple(f"{k}.png" for k in range(64)), ())
    found = splitting(more)
    assert found.repeated == {60: 3, 61: 7, 62: 9, 63: 3}
    assert set(found.training) | set(found.held_out) == set(range(60))


def test_pictures_that_only_look_alike_are_kept(monkeypatch):
    monkeypatch.setattr(split, "_AT_ONCE", 700)  # many small pieces
    level = np.arange(64)
    tiles = np.stack([np.where((level[:, None] - 32) ** 2 + (level - 32) ** 2 < r**2, 90, 170) for r in range(4, 30)])
    data = LabelledTiles(
        np.repeat(tiles, 2, 0).astype(np.uint8), np.zeros(52, int), ("air_bubble",), tuple("a" * 52), ()
    )
    with pytest.raises(LabError, match="26 different images were found"):
        splitting(data)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ((30,), "30 different images were found; a generator needs at least 50"),
        ((100, 3), "Class silicone_oil has 3 different images; give at least 25 of every class, or leave this class"),
    ],
)
def test_too_few_is_a_sentence(counts, says):
    with pytest.raises(LabError, match=says):
        splitting(labelled(*counts))


def test_one_picture_many_times_is_a_sentence():
    data = LabelledTiles(np.repeat(draw_blocks(1, seed=0), 80, 0), np.zeros(80, int), ("dust",), tuple("a" * 80), ())
    with pytest.raises(LabError, match="All 80 images of dust show the same picture"):
        splitting(data)
    blank = LabelledTiles(np.full((80, 64, 64), 170, np.uint8), np.zeros(80, int), ("dust",), tuple("a" * 80), ())
    with pytest.raises(LabError, match="All 80 images of dust show the same picture"):
        splitting(blank)


def test_too_many_is_a_sentence(monkeypatch):
    monkeypatch.setattr(split, "MOST_TILES", 90)
    with pytest.raises(LabError, match="100 images were given; at most 90"):
        splitting(labelled(100))
