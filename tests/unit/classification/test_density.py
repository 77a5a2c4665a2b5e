"""Particles by cell of a plane: every one is counted once, in the cell where it lies."""

import numpy as np
import pytest

from svp_core.classification.density import COLUMNS, ROWS, density_of


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(0)
    x, y = rng.lognormal(1, 0.6, 20_000), rng.beta(5, 2, 20_000)
    x[:50], y[40:90], x[90] = np.nan, np.inf, -1.0
    return x, y, rng.choice(np.array([0, 2, 130], np.uint8), 20_000)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("view", [None, (0.2, 0.9, 0.5, 0.8)])
def test_cells_equal_numpys_histogram(plane, log, view):
    x, y, groups = plane
    density = density_of(x, y, groups, log=log, view=view)
    is_point = np.isfinite(x) & np.isfinite(y) & ((x > 0) | (not log))
    u, v = np.log10(x[is_point]) if log else x[is_point], y[is_point]
    assert density.full == (u.min(), u.max(), v.min(), v.max())
    assert density.ends == (view or density.full)
    edges = np.linspace(*density.ends[:2], COLUMNS + 1), np.linspace(*density.ends[2:], ROWS + 1)
    for key in (0, 2, 130):
        own = groups[is_point] == key
        expected = np.histogram2d(v[own], u[own], edges[::-1])[0].astype(int)
        found = np.zeros(ROWS * COLUMNS, int)
        found[density.cells[key]] = density.counts[key]
        # A value on an edge may be rounded into the neighbouring cell.
        assert np.abs(found.reshape(ROWS, COLUMNS) - expected).sum() <= 4
        assert found.sum() == expected.sum()
        assert density.totals[key] == own.sum()


def test_axes_are_not_exchanged_and_rows_go_upwards():
    density = density_of(np.array([0.0, 10.0]), np.array([5.0, 6.0]), np.array([0, 1], np.uint8), log=False)
    assert density.cells[0].tolist() == [0]
    assert density.cells[1].tolist() == [ROWS * COLUMNS - 1]
    density = density_of(np.array([0.0, 10, 0]), np.array([5.0, 5, 6]), np.zeros(3, np.uint8), log=False)
    assert density.cells[0].tolist() == [0, COLUMNS - 1, (ROWS - 1) * COLUMNS]


def test_no_points_and_equal_points():
    nothing = density_of(np.array([np.nan]), np.array([1.0]), np.zeros(1, np.uint8), log=False)
    assert nothing.totals == {}
    same = density_of(np.full(9, 3.0), np.full(9, 2.0), np.zeros(9, np.uint8), log=True)
    assert same.counts[0].tolist() == [9]
