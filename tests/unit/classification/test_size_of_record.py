"""The size of record: the instrument's own diameter, a FlowCam mask less its fringe, else the outline's."""

import numpy as np
import pytest

from svp_core.classification.derived_columns import OUTLINE
from svp_core.classification.measure import measure_records, read_measured
from svp_core.classification.results import diameter_columns
from svp_core.classification.results_csv import columns
from svp_core.classification.settings import read_settings
from svp_core.classification.size_comparison import compare_sizes
from svp_core.errors import LabError
from svp_core.instruments.own_diameter import own_diameter_reader
from svp_core.instruments.records import ParticleRecord
from tests.helpers.drawn_run import draw_run
from tests.helpers.mfi_files import BOXES, draw_frames, write_table

FLOWCAM = "Area (ABD),Aspect Ratio,Ch1 Width,Diameter (ABD),Diameter (ESD),Diameter (FD),Edge Gradient,Feret Angle Max"
FLOWCAM += ",Geodesic Length,Image Width,Image X,Length,Particle ID,Perimeter,Scatter Width,Source Image,Width"
LIST = ("raw_area", "raw_feret_max", "abd_area", "abd_diameter", "esd_diameter", "length", "width", "feret_max_angle")


def rows_of(*records, um_per_px=None):
    return measure_records(records, um_per_px=um_per_px).rows


def disc(radius=10, size=40):
    v, u = np.mgrid[:size, :size] - (size - 1) / 2
    mask = np.hypot(u, v) < radius
    return np.where(mask, 40, 175).astype(np.uint8), mask


def test_the_instruments_diameter_is_the_size_of_record():
    pixels, mask = disc()
    record = ParticleRecord(
        "p", "s", pixels, 0.5, mask=mask, diameter_um=7.25, diameter_from="Diameter (ABD)", fringe_px=4.5
    )
    (row,) = rows_of(record)
    assert (row["size_um"], row["size_rule"]) == (7.25, "instrument: Diameter (ABD)")
    assert row["ecd_um"] == pytest.approx(10, rel=0.03)  # the outline's stays beside it
    # The instrument computed its diameter with the pixel size of its files.
    (row,) = rows_of(record, um_per_px=0.8)
    assert row["size_um"] == pytest.approx(7.25 * 0.8 / 0.5)
    assert row["size_rule"].startswith("instrument: Diameter (ABD), ")


def test_a_mask_without_a_diameter_is_measured_as_flowcam_does():
    pixels, mask = disc()
    diameter = np.sqrt(4 * mask.sum() / np.pi)
    (row,) = rows_of(ParticleRecord("p", "s", pixels, 0.5, mask=mask, fringe_px=4.5))
    assert row["size_um"] == pytest.approx((diameter - 4.5) * 0.5)
    assert "4.5 px" in row["size_rule"]
    # Without the instrument's mask its fringe says nothing: the outline is ours.
    (row,) = rows_of(ParticleRecord("p", "s", pixels, 0.5, fringe_px=4.5))
    assert (row["size_um"], row["size_rule"]) == (row["ecd_um"], OUTLINE)


def test_nothing_is_sized_without_a_scale_or_a_particle():
    pixels, mask = disc()
    (row,) = rows_of(ParticleRecord("p", "s", pixels))
    assert row["size_um"] is row["size_rule"] is None
    (row,) = rows_of(ParticleRecord("p", "s", np.full((20, 20), 7, np.uint8), 0.5))
    assert row["status"] == "rejected"
    assert row["size_um"] is None
    # A diameter in µm needs no scale.
    (row,) = rows_of(ParticleRecord("p", "s", pixels, mask=mask, diameter_um=3.0, diameter_from="ECD"))
    assert row["size_um"] == 3.0


def test_the_diameter_is_found_under_every_spelling():
    def read(**values):
        return own_diameter_reader(values)(values)

    assert read(**{"Area (ABD)": "50", "Diameter (ABD)": "3.5", "Diameter (ESD)": "9"}) == (3.5, "Diameter (ABD)")
    assert read(**{"abd_area": 50.0, "abd_diameter": 3.5}) == (3.5, "abd_diameter")
    assert read(**{"Diameter (ABD) (µm)": "3,5"}) == (3.5, "Diameter (ABD) (µm)")
    assert read(**{"ECD(um)": "78.125", "Max Feret Diameter(um)": "120"}) == (78.125, "ECD(um)")
    diameter, name = read(**{"Area (ABD)": str(np.pi * 4)})
    assert (diameter, name) == (pytest.approx(4), "Area (ABD), as a diameter")
    for none in ({"ECD (px)": "12"}, {"Diameter (ESD)": "9"}, {"Diameter (ABD)": "0.0000"}, {"raw_area": 50.0}):
        assert read(**none) == (None, "")
    # One empty value does not hide the next column's.
    assert read(**{"Diameter (ABD)": "", "abd_diameter": 3.5}) == (3.5, "abd_diameter")


def test_an_mfi_run_is_sized_by_its_ecd(tmp_path):
    draw_frames(tmp_path, boxes=BOXES)
    write_table(tmp_path, BOXES)
    rows = [row for batch in read_measured(tmp_path) for row in batch.rows]
    assert {(row["size_um"], row["size_rule"]) for row in rows} == {(78.125, "instrument: ECD(um)")}


def test_several_processes_give_the_same_sizes(tmp_path):
    draw_run(tmp_path / "run")
    one, two = (
        [row for batch in read_measured(tmp_path / "run", processes=processes, batch=4) for row in batch.rows]
        for processes in (0, 2)
    )
    assert [row["size_um"] for row in one] == [row["size_um"] for row in two]
    # Its list has diameters of 0; the export's areas are 1.5, 2.5, ... µm².
    assert [row["size_um"] for row in one] == pytest.approx(np.sqrt(4 / np.pi * (np.arange(12) + 1.5)))


def test_only_diameters_are_offered():
    names = [*columns(("protein",)), *(f"instrument.{name}" for name in (*FLOWCAM.split(","), *LIST))]
    offered = diameter_columns(names)
    assert offered[:2] == ["size_um", "diameter_um"]
    instrument = [name.removeprefix("instrument.") for name in offered if name.startswith("instrument.")]
    assert instrument == ["Diameter (ABD)", "Diameter (ESD)", "Diameter (FD)", "Length", "Width"]
    summary = {"um_per_px": 0.5}

    def chosen(**settings):
        return read_settings(settings, summary=summary, columns=names, class_keys=("protein",)).diameter

    assert chosen() == "size_um"
    assert chosen(diameter="ecd_um") == "ecd_um"
    assert chosen(diameter="instrument.abd_diameter") == "instrument.abd_diameter"
    with pytest.raises(LabError, match="no diameter"):
        chosen(diameter="instrument.Geodesic Length")


def test_older_results_are_sized_by_their_outline():
    old = [name for name in columns(("protein",)) if name not in ("size_um", "size_rule", "diameter_um")]
    for summary, diameter in (({"um_per_px": 0.5}, "ecd_um"), ({}, "ecd_px")):
        settings = read_settings(None, summary=summary, columns=old, class_keys=("protein",))
        assert settings.diameter == diameter


def test_both_sizes_are_compared_from_each_size_upwards():
    rules = ["instrument: ECD"] * 3 + [OUTLINE, None]
    found = compare_sizes([1.9, 2.0, 30.0, 6.0, np.nan], rules, [4.0, 4.5, 45.0, 6.0, np.nan])
    assert (found.by_record, found.by_outline) == ((3, 2, 1, 1), (4, 2, 1, 1))
    assert found.rules == {"instrument: ECD": 3, OUTLINE: 1}
    assert "3, 2, 1, 1 particles" in found.sentence
    assert "(+1, +0, +0, +0)" in found.sentence
    only_outlines = compare_sizes([6.0], [OUTLINE], [6.0])
    assert "no diameter of the instrument" in only_outlines.sentence


def test_the_real_run_is_sized_as_its_own_csv_says(real_data):
    batches = read_measured(real_data / "flowcam_run", instrument=("Diameter (ABD)",))
    rows = [row for batch in batches for row in batch.rows]
    sizes = np.array([row["size_um"] for row in rows], float)
    own = np.array([row["instrument.Diameter (ABD)"] for row in rows], float)
    assert len(rows) == 1000
    assert (abs(sizes / own - 1) <= 0.005).mean() >= 0.99
    assert [int((sizes >= edge).sum()) for edge in (2, 5, 10, 25)] == [413, 103, 4, 1]
    # From the masks alone it is the same.
    fringe = np.array([row["ecd_px"] for row in rows])
    fringe = np.where(fringe > 9, fringe - 4.5, fringe / 2) * np.array([row["um_per_px"] for row in rows])
    assert (abs(fringe / own - 1) <= 0.005).mean() >= 0.99
