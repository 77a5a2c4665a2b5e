"""Estimated true diameters in the rows of results.csv."""

import numpy as np
import pytest

from svp_core.classification.derived_columns import DIAMETER_COLUMNS
from svp_core.classification.measure import measure_records
from svp_core.classification.true_diameters import OWN_OUTLINE, add_true_diameters
from svp_core.instruments.records import ParticleRecord
from svp_core.morphology import measure


def disc(radius, size=64):
    v, u = np.mgrid[:size, :size] - (size - 1) / 2
    return np.where(np.hypot(u, v) < radius, 60, 175).astype(np.uint8)


def named_rows(*records):
    rows = measure_records(records).rows
    for row in rows:
        row["label"] = "silicone_oil" if row["status"] == "ok" else None
    add_true_diameters(rows)
    return rows


def test_every_measured_particle_gets_a_diameter_within_its_interval():
    small, large = named_rows(
        ParticleRecord("small", "s", disc(6), um_per_px=0.5), ParticleRecord("large", "s", disc(12), um_per_px=0.5)
    )
    for row in (small, large):
        value, low, high = (row[name] for name in DIAMETER_COLUMNS)
        assert 0 < low < value < high
    assert 1.5 < large["diameter_um"] / small["diameter_um"] < 3


def test_without_outline_scale_or_name_it_stays_empty():
    blank = np.full((40, 40), 175, np.uint8)
    blank[0, 0] = 174  # not blank, but nothing stands out
    rows = named_rows(
        ParticleRecord("no scale", "s", disc(9)),
        ParticleRecord("no outline", "s", blank, um_per_px=0.5),
        ParticleRecord("other magnification", "s", disc(9), um_per_px=12.0),
        ParticleRecord("broken", "s", reason="the file is empty"),
    )
    assert all(row[name] is None for row in rows for name in DIAMETER_COLUMNS)


def test_an_instruments_mask_does_not_change_the_estimate():
    """FlowCam's masks lie further out than our outline, which alone the correction knows."""
    pixels, wide = disc(9), disc(14) < 100
    own, masked = named_rows(
        ParticleRecord("own", "s", pixels, um_per_px=0.5),
        ParticleRecord("masked", "s", pixels, um_per_px=0.5, mask=wide),
    )
    assert masked["ecd_px"] > 1.4 * own["ecd_px"]
    assert masked["diameter_um"] == pytest.approx(own["diameter_um"])
    assert masked[OWN_OUTLINE]["ecd_px"] == pytest.approx(measure(pixels)["ecd_px"])
