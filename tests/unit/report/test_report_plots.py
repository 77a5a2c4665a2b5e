"""Plots of the report: values where they belong, bounded, and of nothing."""

import re

import numpy as np
import pytest

from svp_core.report import plots
from svp_core.report.render import TEMPLATES, environment
from tests.helpers.report_page import ReportPage


def draw(macro, plot):
    """HTML of a plot by one of the macros of plots.html.j2."""
    return str(getattr(environment(TEMPLATES).get_template("plots.html.j2").module, macro)(plot))


def test_plots_place_values_correctly():
    picture = draw(
        "histograms", plots.histograms({"protein": np.array([1.0, 1.0, 100.0]), "air_bubble": []}, title="w", log=True)
    )
    parsed = ReportPage(picture)
    assert "Protein n = 3" in parsed.text
    assert "Air bubble n = 0" in parsed.text
    bars = re.findall(r'<path d="(M[^"]+Z)" fill="#8A6DA2"', picture)[0].split("Z")[:-1]
    tops = [float(re.findall(r"V([\d.]+)", bar)[0]) for bar in bars]
    lefts = [float(re.findall(r"M([\d.]+)", bar)[0]) for bar in bars]
    # Two in the first bar, half as high with one in the last.
    assert len(bars) == 2
    assert lefts[0] < lefts[1]
    assert (116 - tops[0]) == pytest.approx(2 * (116 - tops[1]), abs=0.1)
    labels = np.array(["protein", "air_bubble", "protein"], object)
    plot = plots.scatter(
        np.array([1.0, 10.0, np.nan]),
        np.array([0.1, 0.9, 0.5]),
        labels,
        ["protein", "air_bubble"],
        x_title="x",
        y_title="y",
        log=True,
    )
    picture = draw("scatter", plot)
    points = {
        colour: re.findall(r"M([\d.]+) ([\d.]+)m", path)
        for path, colour in reversed(re.findall(r'<path d="([^"]+)" fill="(#\w+)"', picture))
    }
    (protein, *_), (air, *_) = points["#8A6DA2"], points["#2B63E3"]
    # The larger one is to the right, the rounder one higher up.
    assert (plot.shown, plot.total) == (2, 2)
    assert float(protein[0]) < float(air[0])
    assert float(protein[1]) > float(air[1])


def test_a_large_scatter_plot_is_subsampled_and_keeps_rare_classes():
    many = 40_000
    labels = np.array(["protein"] * many + ["air_bubble"], object)
    x = np.linspace(1, 50, many + 1)
    plot = plots.scatter(x, x, labels, ["protein", "air_bubble"], x_title="x", y_title="y")
    picture = draw("scatter", plot)
    assert plot.total == many + 1
    assert plot.shown <= plots.MAX_POINTS + 1
    assert len(picture) < 400_000
    assert len(re.findall(r"M[\d.]+ [\d.]+m-3-3", picture)) == 1 + 1  # the bubble, and its mark in the legend


@pytest.mark.parametrize("values", [[], [np.nan], [-1.0, 0.0]])
def test_plots_without_values_show_a_sentence(values):
    plot = plots.histograms({"protein": np.array(values)}, title="w", log=True)
    assert "No particle has a value for w" in draw("histograms", plot)
    single = plots.histograms({"protein": np.array([5.0])}, title="w", log=True)
    assert ReportPage(draw("histograms", single)).text.count("n = 1") == 1
