"""Geometry of an experiment's plots: differences at their places, curves by amount."""

import numpy as np
import pytest

from svp_core.experiment.comparison import OWN, Figure
from svp_core.experiment.design import Design
from svp_core.report.experiment_plots import curve_plots, families_by_amount, forest_plot
from svp_core.stats.intervals import Estimate

DESIGN = Design(
    arms=("weights", "real", "classical:100", "classical:500", "real@10", "real@50"), networks=("forest",), seeds=3
)


def figure(arm, value, difference=None, p=0.5, name="macro_f1"):
    estimate = Estimate(value, value - 0.02, value + 0.02, 50)
    d = None if difference is None else Estimate(difference, difference - 0.01, difference + 0.01, 50)
    return Figure("forest", arm, name, OWN, estimate, d, p, p)


FIGURES = [
    figure("weights", 0.80),
    figure("real", 0.78, -0.02, p=0.01),
    figure("classical:100", 0.82, 0.02, p=0.01),
    figure("classical:500", 0.81, 0.005),
    figure("real@10", 0.60, -0.2, p=0.001),
    figure("real@50", 0.70, -0.1, p=0.001),
]


def test_differences_stand_at_their_places():
    plot = forest_plot(FIGURES, "macro_f1", "macro F1", DESIGN)
    assert [row.is_different for row in plot.rows] == [True, True, False, True, True]
    assert plot.rows[0].text == "−2.0 (−3.0 to −1.0)"
    for row in plot.rows:
        assert plot.left <= row.low < row.middle < row.high <= plot.right
    assert plot.rows[1].middle > plot.zero > plot.rows[0].middle
    ticks = {tick.label: tick.position for tick in plot.ticks}
    assert ticks["+0"] == pytest.approx(plot.zero, abs=0.01)
    slope = (ticks["+0"] - ticks["−20"]) / 20
    assert plot.zero - plot.rows[3].middle == pytest.approx(20 * slope, abs=0.1)
    assert forest_plot([FIGURES[0]], "macro_f1", "macro F1", DESIGN) is None


def test_curves_by_dose_begin_without_added_tiles():
    (doses, by_dose), (reals, by_real) = families_by_amount(FIGURES, "macro_f1", "forest")
    assert "added" in doses
    assert {label: sorted(family) for label, family in by_dose.items()} == {"classical augmentation": [0, 100, 500]}
    assert "real" in reals
    assert {label: sorted(family) for label, family in by_real.items()} == {"real only": [10, 50]}
    plots = curve_plots(FIGURES, "macro_f1", "macro F1", DESIGN)
    assert [len(plot.curves[0].points) for plot in plots] == [3, 2]
    x, y, low, high = np.array(plots[1].curves[0].points).T
    assert x[0] < x[1]
    assert y[0] > y[1]  # a smaller figure lies lower
    assert (low > y).all()
    assert (y > high).all()
