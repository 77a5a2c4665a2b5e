"""Tile orientations: eight different ones, the same for arrays and tensors."""

import numpy as np
import pytest
import torch

from svp_core.near_duplicates import ORIENTATIONS, orient, orientations


def test_an_asymmetric_tile_has_eight_different_orientations():
    tile = np.arange(9).reshape(3, 3)
    rotated = [np.rot90(tile, k) for k in range(4)]
    expected = {image.tobytes() for image in (*rotated, *(np.fliplr(image) for image in rotated))}
    assert {np.ascontiguousarray(oriented).tobytes() for oriented in orientations(tile)} == expected
    assert len(expected) == ORIENTATIONS
    assert (orient(tile, 0) == tile).all()


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_arrays_and_tensors_are_oriented_alike(orientation):
    tiles = np.random.default_rng(0).integers(0, 256, (2, 5, 5))
    oriented = orient(torch.from_numpy(tiles), orientation)
    assert (oriented.numpy() == orient(tiles, orientation)).all()
    assert (oriented[0].numpy() == orient(tiles[0], orientation)).all()
