"""Shift between two sets of real tiles: two instruments are told apart with a reason, one is not."""

import numpy as np

from svp_core.audit import data_shift, two_sample
from tests.helpers.drawn_discs import draw_discs


def shift_of(first, second, keys=None, other_keys=None):
    keys = np.zeros(len(first), int) if keys is None else keys
    return data_shift(
        first,
        second,
        member_classes=keys,
        held_out_classes=np.zeros(len(second), int) if other_keys is None else other_keys,
    )


def test_two_instruments_are_told_apart_with_the_reason(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 30)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    tiles, others = draw_discs(60, seed=0), draw_discs(60, seed=1)
    same = shift_of(tiles, others)
    assert same.reason == ""
    assert same.network is not None
    noisier = (others + np.random.default_rng(0).normal(0, 3, others.shape)).clip(0, 255).astype(np.uint8)
    assert "neighbouring pixels" in shift_of(tiles, noisier).reason
    brighter = (others.astype(int) + 8).clip(0, 255).astype(np.uint8)
    assert "grey level of the background" in shift_of(tiles, brighter).reason


def test_few_tiles_are_compared_by_measures_alone():
    tiles, others = draw_discs(4, seed=0), draw_discs(4, seed=1)
    result = shift_of(tiles, others)
    assert result.network is None
    assert len(result.levels) == 2
    assert shift_of(tiles[:1], others).levels == ()


def test_another_mix_of_classes_is_no_shift(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 3)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    dark, bright = draw_discs(80, seed=0), (draw_discs(80, seed=1).astype(int) + 12).clip(0, 255).astype(np.uint8)
    keys, other_keys = np.repeat([0, 1], [60, 20]), np.repeat([0, 1], [20, 60])
    first, second = np.concatenate([dark[:60], bright[:20]]), np.concatenate([dark[60:], bright[20:]])
    assert not any(level.differs for level in shift_of(first, second, keys, other_keys).levels)
    assert any(level.differs for level in shift_of(first, second).levels)
