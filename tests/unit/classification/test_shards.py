"""Shards of a classification: a batch comes back as it was, and only for what it was made from."""

import numpy as np
import pytest

from svp_core.classification.measure import measure_records
from svp_core.classification.shards import Shards, digest
from svp_core.errors import LabError
from svp_core.instruments.records import ParticleRecord

MADE_FROM = {"source": "run.lst", "choices": {"scale": "0.5"}, "inputs": ["a", "b"]}


@pytest.fixture
def batch():
    """A measured batch with a rejected item between particles, one of them in colour."""
    rng = np.random.default_rng(0)
    images = [rng.integers(150, 190, (40, 40 + k), np.uint8) for k in range(3)]
    for image in images:
        image[12:25, 10:22] = 60
    colour = np.repeat(images[2][..., None], 3, axis=2)
    colour[..., 0] //= 2
    records = [
        ParticleRecord("a.png", "drop", images[0], um_per_px=0.5),
        ParticleRecord("b.png", "drop", None, reason="the file is empty"),
        ParticleRecord("c.png", "drop", images[1]),
        ParticleRecord("d.png", "drop", colour, um_per_px=0.25),
    ]
    return measure_records(records)


def test_a_batch_comes_back_as_it_was(tmp_path, batch):
    shards = Shards(tmp_path, MADE_FROM)
    shards.write(0, batch, [1, 1, 1, 1])
    again, counts = shards.read(0)
    assert counts == [1, 1, 1, 1]
    assert [
        {name: row.get(name) for name in old} for old, row in zip(batch.rows, again.rows, strict=True)
    ] == batch.rows
    assert {type(row["area_px"]) for row in again.rows} == {type(None), int}
    for name in ("tiles", "colour", "shapes"):
        old, new = getattr(batch, name), getattr(again, name)
        assert old.dtype == new.dtype
        np.testing.assert_array_equal(old, new)
    assert list(again.liquid) == list(batch.liquid)
    assert again.features is None


def test_shards_of_something_else_are_removed(tmp_path, batch):
    shards = Shards(tmp_path, MADE_FROM)
    shards.write(0, batch, [1, 1, 1, 1])
    shards.write(2, batch, [1, 1, 1, 1])
    assert Shards(tmp_path, dict(MADE_FROM)).count() == 1  # the third has no second before it
    assert Shards(tmp_path, {**MADE_FROM, "choices": {"scale": "1"}}).count() == 0


def test_a_damaged_shard_is_said(tmp_path, batch):
    shards = Shards(tmp_path, MADE_FROM)
    shards.write(0, batch, [1, 1, 1, 1])
    (path,) = tmp_path.glob("shards/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LabError, match="is damaged; remove the folder shards"):
        shards.read(0)


def test_digest_sees_every_number_and_every_shape():
    values = {"a": np.arange(6.0), "b": [1, (2, "x")]}
    same = {"a": np.arange(6.0), "b": [1, (2, "x")]}
    assert digest(values) == digest(same)
    others = [
        {**values, "a": np.arange(6.0).reshape(2, 3)},
        {**values, "a": np.arange(6.0, dtype="f4")},
        {**values, "a": np.arange(6.0) + 1e-12},
        {**values, "b": [1, (3, "x")]},
    ]
    assert len({digest(values), *map(digest, others)}) == 5
