"""Blind test: 20 and 20 different tiles in random order, a score with its interval, too few tiles a sentence."""

import pytest

from svp_core.errors import LabError
from svp_core.stats.blind_test import TILES, draw_blind_test, score_blind_test


def test_a_test_shows_both_kinds_in_random_order():
    tiles = draw_blind_test(50, 25, seed=3)
    assert tiles == draw_blind_test(50, 25, seed=3)
    assert tiles != draw_blind_test(50, 25, seed=4)
    for kind, count in ((False, 50), (True, 25)):
        positions = [tile.position for tile in tiles if tile.is_generated is kind]
        assert len(set(positions)) == TILES
        assert max(positions) < count
    assert 5 < sum(tile.is_generated for tile in tiles[:TILES]) < 15
    with pytest.raises(LabError, match="19 real and 25 generated"):
        draw_blind_test(19, 25, seed=0)


def test_scores_have_an_interval_and_a_probability_by_guessing():
    tiles = draw_blind_test(30, 30, seed=0)
    perfect = score_blind_test(tiles, [tile.is_generated for tile in tiles])
    assert perfect.right.value == 1
    assert 0.9 < perfect.right.low < 1
    assert perfect.taken_for_generated == (0, 20)
    assert perfect.p == pytest.approx(0.5**40)
    always = score_blind_test(tiles, [True] * 40)
    assert always.right.value == 0.5
    assert always.right.low < 0.5 < always.right.high
    assert always.taken_for_generated == (20, 20)
    assert always.p > 0.5
