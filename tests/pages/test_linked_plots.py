"""What is sent to the plots of the page Classify, and what comes back from them."""

import base64

import numpy as np
import pytest

from pages.ui.components.column_cache import packed
from pages.ui.components.histograms import edges_of, panel_of, positions_in, stacked
from pages.ui.components.scattergram import LEFT_OUT, NOT_DRAWN, codes_of, region_of
from svp_core.classification.filters import Region

ORDER = ("protein", "air_bubble", "unsure")


def test_code_of_a_point_says_its_label_and_whether_it_is_left_out():
    labels = np.array(["air_bubble", "protein", "unsure", "unsure", "protein"])
    around, shown = np.array([1, 1, 1, 0, 1], bool), np.array([1, 0, 1, 0, 1], bool)
    codes = codes_of(labels, ORDER, around, shown)
    assert codes.tolist() == [1, 0 + LEFT_OUT, 2, NOT_DRAWN, 0]
    assert codes.dtype == np.uint8


def test_arrays_are_packed_as_the_browser_reads_them():
    values = np.array([1.5, np.nan, -2.0])
    assert np.array_equal(np.frombuffer(base64.b64decode(packed(values, "<f4")), "<f4"), values, equal_nan=True)
    assert base64.b64decode(packed(np.array([0, 130, 255]), "u1")) == bytes([0, 130, 255])


def test_outline_from_the_browser_is_a_region_of_these_columns():
    told = {"x": "ecd_um", "y": "circularity", "xs": [1, 2, 3], "ys": [0.1, 0.9, 0.2]}
    assert region_of(told) == Region("ecd_um", "circularity", (1.0, 2.0, 3.0), (0.1, 0.9, 0.2))


@pytest.mark.parametrize(
    ("xs", "ys"), [([], []), ([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, float("nan")], [1, 2, 3])]
)
def test_outline_without_corners_is_none(xs, ys):
    assert region_of({"x": "ecd_um", "y": "circularity", "xs": xs, "ys": ys}) is None


def test_bars_are_those_of_numpy_and_the_last_one_holds_the_few_largest():
    values = np.random.default_rng(0).gamma(3, 2, 5000)
    edges = edges_of(values)
    assert edges[0] == values.min()
    assert (values > edges[-1]).sum() == pytest.approx(50, abs=2)
    found = np.bincount(positions_in(values, edges), minlength=len(edges) - 1)
    assert found.tolist() == np.histogram(np.minimum(values, edges[-1]), edges)[0].tolist()


def test_values_that_are_none_stand_in_no_bar():
    values = np.array([0.0, np.nan, 0.5, 1.0, np.inf])
    edges = edges_of(values, 2)
    assert positions_in(values, edges).tolist() == [0, -1, 1, 1, -1]
    groups = {"protein": np.array([1, 1, 0, 1, 1], bool), "unsure": np.array([0, 1, 0, 0, 0], bool)}
    counts = stacked(positions_in(values, edges), groups, 2)
    assert {label: bars.tolist() for label, bars in counts.items()} == {"protein": [1, 1]}


def test_a_measure_without_values_or_of_one_value_has_edges():
    assert edges_of(np.full(3, np.nan), 4).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert edges_of(np.full(3, 7.0), 2).tolist() == [7, 7.5, 8]


def test_panel_says_what_was_asked_for_and_names_classes_as_the_lab_does():
    panel = panel_of(
        "ecd_um",
        [0, 1, 2],
        {"silicone_oil": np.array([3, 4])},
        words="ECD (µm)",
        everything=np.array([5, 6]),
        ends=(None, 1.5),
    )
    assert panel["range"] == [None, 1.5]
    assert panel["all"] == [5, 6]
    assert not panel["open"]
    (group,) = panel["groups"]
    assert group["name"] == "Silicone oil"
    assert group["counts"] == [3, 4]
    assert group["colour"].startswith("#")
