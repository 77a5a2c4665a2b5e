"""Ranges, drawn regions and similarity, on points with known positions."""

import numpy as np
import pytest

from svp_core.classification.filters import Region, bounding_box, find_similar, inside_region, within_range

TABLE = {"ecd_um": np.array([1.0, 5, 10, np.nan]), "aspect_ratio": np.array([0.9, 0.5, 0.2, 0.4])}


def test_a_range_includes_both_ends_and_no_missing_value():
    assert within_range(TABLE, {"ecd_um": (5, 10)}).tolist() == [False, True, True, False]
    assert within_range(TABLE, {"ecd_um": (None, 5)}).tolist() == [True, True, False, False]
    assert within_range(TABLE, {"ecd_um": (None, None)}).tolist() == [True, True, True, False]
    assert within_range(TABLE, {"ecd_um": (5, None), "aspect_ratio": (0.3, 1)}).tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match="at least one column"):
        within_range(TABLE, {})


def test_points_inside_a_drawn_outline_are_selected():
    x, y = (values.ravel() for values in np.meshgrid(np.arange(10) + 0.5, np.arange(8) + 0.5))
    # An L: the tall part is x < 3, the foot y < 2 and x < 7.
    outline = Region("u", "v", (0, 7, 7, 3, 3, 0), (0, 0, 2, 2, 6, 6))
    expected = ((x < 3) & (y < 6)) | ((x < 7) & (y < 2))
    assert (inside_region({"u": x, "v": y}, outline) == expected).all()
    assert (inside_region({"u": y, "v": x}, outline) != expected).any()  # swapping x and y must matter


def test_points_with_a_missing_value_are_in_no_region():
    assert inside_region(TABLE, bounding_box("ecd_um", "aspect_ratio", (0, 100), (0, 1))).tolist() == [
        True,
        True,
        True,
        False,
    ]
    assert inside_region(TABLE, bounding_box("aspect_ratio", "ecd_um", (1, 0), (100, 0))).tolist() == [
        True,
        True,
        True,
        False,
    ]


def test_a_box_selects_the_points_inside_it():
    assert inside_region(TABLE, bounding_box("ecd_um", "aspect_ratio", (8, 4), (0.6, 0.4))).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_similar_ranges_hold_the_chosen_rows_with_a_margin():
    ranges = find_similar(TABLE, [1, 2], ["ecd_um", "aspect_ratio"], tolerance=0.1)
    assert ranges["ecd_um"] == pytest.approx((4.25, 10.75))  # a tenth of the mean 7.5
    assert within_range(TABLE, ranges).tolist() == [False, True, True, False]
    assert find_similar(TABLE, [0], ["ecd_um"], tolerance=0)["ecd_um"] == (1, 1)
    assert "ecd_um" not in find_similar(TABLE, [2, 3], ["ecd_um", "aspect_ratio"])
    with pytest.raises(ValueError, match="at least one row"):
        find_similar(TABLE, [], ["ecd_um"])
