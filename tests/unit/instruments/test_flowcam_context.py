"""Volume imaged and settings of a FlowCam run, compared with the real run's own summary and known settings."""

import pytest

from svp_core.instruments.detect import detect_source
from svp_core.instruments.flowcam.context import volume_from_settings
from svp_core.instruments.metadata import RunFacts
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_run import draw_run

CONTEXT = {
    "CameraMagnification": "10",
    "FlowCellType": "FC100",
    "FlowCellDepth": "100",
    "SampleDilution": "1",
    "CalibrationConstant": "0.5",
    "AcceptableLeft": "1",
    "AcceptableRight": "1000",
    "AcceptableTop": "1",
    "AcceptableBottom": "500",
    "RawImageTotal": "400",
    "VolumeCF": "0.8",
    "IncludesVolumeCF": "1",
    "Efficiency": "20.0000",
    "SoftwareName": "VisualSpreadsheet",
    "SoftwareVersion": "4.19.3",
    "UseManualVolume": "0",
}
# 1000 x 500 px of 0.5 um, 100 um deep, 400 frames, factor 0.8: 125,000 um2 * 100 um * 320 = 4e9 um3.
VOLUME = 0.004


def facts_and_notes(folder, context=None, summary="", run_summary=""):
    draw_run(folder)
    (folder / "run ä1.ctx").write_text("[All]\n" + "\n".join(f"{k}={v}" for k, v in (context or {}).items()))
    (folder / "run ä1_summary.csv").write_text(summary)
    (folder / "run ä1_run_summary.txt").write_text(run_summary)
    summary = detect_source(folder)
    return summary.runs[0], summary.notes


@pytest.mark.parametrize(
    ("run", "volume", "per_ml"), [("real", "0.01737", 57555), ("sample", "0.01461", 38340)], ids=["real", "sample"]
)
def test_volume_and_particles_per_ml_match_the_summary_to_the_last_digit(run, volume, per_ml, request):
    if run == "real":
        folder = request.getfixturevalue("real_data") / "flowcam_run"
    else:
        folder = repo_root() / "sample_data" / "flowcam_run" / "SVP-SIM-001"
    facts = detect_source(folder).runs[0]
    assert facts.volume_ml is not None
    assert f"{facts.volume_ml:.5f}" == volume
    assert round(facts.count / facts.volume_ml) == per_ml
    assert facts.volume_from.startswith("settings in ")
    assert facts.volume_from.endswith("_summary.csv")


def test_volume_formula_computed_by_hand(tmp_path):
    facts, notes = facts_and_notes(tmp_path, CONTEXT)
    assert facts.volume_ml == pytest.approx(VOLUME, rel=1e-12)
    assert facts.volume_from == "settings in run ä1.ctx"
    assert (facts.dilution, facts.efficiency) == (1.0, 0.2)
    assert facts.instrument == "FlowCam, VisualSpreadsheet 4.19.3"
    assert facts.settings["Flow cell depth"] == "100 µm"
    assert facts.settings["Magnification"] == "10x"
    assert notes == ("Recorded at 10x in flow cell FC100.",)


def test_width_and_height_depth_and_scale_are_not_swapped():
    keys = {key.casefold(): value for key, value in CONTEXT.items()}
    assert volume_from_settings(keys | {"acceptableright": "2000"}) == pytest.approx(2 * VOLUME)
    assert volume_from_settings(keys | {"acceptablebottom": "1500"}) == pytest.approx(3 * VOLUME)
    assert volume_from_settings(keys | {"calibrationconstant": "1,0"}) == pytest.approx(4 * VOLUME)
    assert volume_from_settings(keys | {"flowcelldepth": "300"}) == pytest.approx(3 * VOLUME)


@pytest.mark.parametrize(
    "changed",
    [
        {"VolumeCF": ""},
        {"FlowCellDepth": "0"},
        {"AcceptableRight": "0"},
        {"IncludesVolumeCF": "0"},
        {"UseManualVolume": "1"},
    ],
)
def test_volume_is_none_when_the_formula_does_not_apply(tmp_path, changed):
    facts, _ = facts_and_notes(tmp_path, CONTEXT | changed)
    assert facts.volume_ml is None
    assert facts.volume_from == ""


def test_run_without_settings_has_no_volume(tmp_path):
    draw_run(tmp_path)
    (tmp_path / "run ä1.ctx").unlink()
    facts = detect_source(tmp_path).runs[0]
    assert facts == RunFacts("run ä1", "flowcam", 12, 0.5545, "cal_const in run ä1.lst", instrument="FlowCam")


def test_volume_from_the_summary_alone(tmp_path):
    facts, _ = facts_and_notes(tmp_path / "a", None, "Count,12\nParticles / ml,2987\nSample Volume Imaged ml,0.00402\n")
    assert (facts.volume_ml, facts.volume_from) == (12 / 2987, "volume imaged in run ä1_summary.csv")
    facts, _ = facts_and_notes(
        tmp_path / "b", None, "", "Run:\n\tFluid Volume Imaged: 0.0040 ml\n\tEfficiency: 22.1%\n"
    )
    assert (facts.volume_ml, facts.volume_from) == (0.004, "volume imaged in run ä1_run_summary.txt")
    assert facts.efficiency == pytest.approx(0.221)
    # Versions 5 and 6 name the unit in brackets; another unit is not read as mL.
    facts, _ = facts_and_notes(tmp_path / "c", None, "Fluid Volume Imaged (ml),0.0040\n")
    assert facts.volume_ml == 0.004
    facts, _ = facts_and_notes(tmp_path / "d", None, "Fluid Volume Imaged,4.0 µl\n")
    assert facts.volume_ml is None
    facts, _ = facts_and_notes(tmp_path / "e", None, "Sample Volume Imaged ml;0,00402\n")
    assert facts.volume_ml == 0.00402


def test_conflicting_volumes_are_noted(tmp_path):
    facts, notes = facts_and_notes(tmp_path, CONTEXT, "Sample Volume Imaged ml,0.00500\n")
    assert facts.volume_ml == 0.005
    assert facts.volume_from == "volume imaged in run ä1_summary.csv"
    (note,) = (note for note in notes if "volume imaged" in note)
    assert "0.005 mL according to run ä1_summary.csv" in note
    assert "0.004 mL according to run ä1.ctx" in note


def test_dilution_and_differing_count_are_noted(tmp_path):
    facts, notes = facts_and_notes(tmp_path, CONTEXT | {"SampleDilution": "10"}, "Count,15\n")
    assert facts.dilution == 10
    assert any("diluted 10 times" in note for note in notes)
    assert any("summary counts 15 particles, its list contains 12" in note for note in notes)
    # Particles / mL that account for a dilution are not used to refine the volume.
    facts, _ = facts_and_notes(tmp_path / "x", CONTEXT | {"SampleDilution": "10"}, "Count,12\nParticles / ml,30000\n")
    assert facts.volume_ml == pytest.approx(VOLUME)
