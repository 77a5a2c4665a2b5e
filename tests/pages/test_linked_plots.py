"""Data sent to the plots and galleries of the page Classify, and selections that come back from them."""

import base64

import numpy as np
import pytest

from pages.ui.components.column_cache import packed
from pages.ui.components.gallery import scale_bars
from pages.ui.components.histograms import bin_edges, bin_index, counts_by_group, histogram_panel
from pages.ui.components.scattergram import NOT_DRAWN, OUTSIDE, point_codes, region_of, view_of
from svp_core.classification.filters import Region

ORDER = ("protein", "air_bubble", "unsure")


def test_code_of_a_point_holds_its_label_and_whether_it_is_outside_the_selection():
    labels = np.array(["air_bubble", "protein", "unsure", "unsure", "protein"])
    drawn, selected = np.array([1, 1, 1, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool)
    codes = point_codes(labels, ORDER, drawn, selected)
    assert codes.tolist() == [1, 0 + OUTSIDE, 2, NOT_DRAWN, 0]
    assert codes.dtype == np.uint8


def test_packed_arrays_are_little_endian_base64():
    values = np.array([1.5, np.nan, -2.0])
    assert np.array_equal(np.frombuffer(base64.b64decode(packed(values, "<f4")), "<f4"), values, equal_nan=True)
    assert base64.b64decode(packed(np.array([0, 130, 255]), "u1")) == bytes([0, 130, 255])


def test_polygon_from_the_browser_becomes_a_region_of_its_columns():
    outline = {"x": "ecd_um", "y": "circularity", "xs": [1, 2, 3], "ys": [0.1, 0.9, 0.2]}
    assert region_of(outline) == Region("ecd_um", "circularity", (1.0, 2.0, 3.0), (0.1, 0.9, 0.2))


@pytest.mark.parametrize(
    "ends", [None, [], [0, 1, 2], [0, 1, 5, 5], [3, 1, 0, 1], [0, float("inf"), 0, 1], [0, 1, float("nan"), 1]]
)
def test_a_view_without_area_shows_everything(ends):
    assert view_of(ends) is None
    assert view_of([0, 1, 2, 3]) == (0.0, 1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("xs", "ys"), [([], []), ([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, float("nan")], [1, 2, 3])]
)
def test_polygon_without_area_is_no_region(xs, ys):
    assert region_of({"x": "ecd_um", "y": "circularity", "xs": xs, "ys": ys}) is None


def test_bars_equal_numpy_and_the_last_one_contains_the_largest_values():
    values = np.random.default_rng(0).gamma(3, 2, 5000)
    edges = bin_edges(values)
    assert edges[0] == values.min()
    assert (values > edges[-1]).sum() == pytest.approx(50, abs=2)
    counts = np.bincount(bin_index(values, edges), minlength=len(edges) - 1)
    assert counts.tolist() == np.histogram(np.minimum(values, edges[-1]), edges)[0].tolist()


def test_missing_values_are_in_no_bar():
    values = np.array([0.0, np.nan, 0.5, 1.0, np.inf])
    edges = bin_edges(values, 2)
    assert bin_index(values, edges).tolist() == [0, -1, 1, 1, -1]
    groups = {"protein": np.array([1, 1, 0, 1, 1], bool), "unsure": np.array([0, 1, 0, 0, 0], bool)}
    counts = counts_by_group(bin_index(values, edges), groups, 2)
    assert {label: bars.tolist() for label, bars in counts.items()} == {"protein": [1, 1]}


def test_a_measure_without_values_or_of_one_value_has_edges():
    assert bin_edges(np.full(3, np.nan), 4).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert bin_edges(np.full(3, 7.0), 2).tolist() == [7, 7.5, 8]


def test_panel_has_the_selected_range_and_display_names_of_classes():
    panel = histogram_panel(
        "ecd_um",
        [0, 1, 2],
        {"silicone_oil": np.array([3, 4])},
        title="ECD (µm)",
        unfiltered=np.array([5, 6]),
        selected=(None, 1.5),
    )
    assert panel["range"] == [None, 1.5]
    assert panel["all"] == [5, 6]
    assert not panel["open"]
    (group,) = panel["groups"]
    assert group["name"] == "Silicone oil"
    assert group["counts"] == [3, 4]
    assert group["colour"].startswith("#")


def test_scale_bar_has_one_length_and_its_share_of_each_tile():
    length, shares = scale_bars([0.5, 1.0, np.nan], 64)
    assert length == 10
    assert shares[:2] == [pytest.approx(10 / 32), pytest.approx(10 / 64, abs=1e-4)]
    assert shares[2] is None
    assert scale_bars([1.4, 1.4], 64)[0] == 25
    assert scale_bars([0.25], 64)[0] == 5
    assert scale_bars([np.nan, np.nan], 64) == (None, [None, None])


def test_scale_bar_that_does_not_fit_a_tile_is_left_out():
    length, shares = scale_bars([1.4, 1.4, 0.25], 64)
    assert length == 25
    assert shares[2] is None
