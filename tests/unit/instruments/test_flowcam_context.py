"""Volume imaged and settings of a FlowCam run, compared with the real run's own summary and known settings."""

import re

import pytest

from svp_core.instruments.detect import detect_source
from svp_core.instruments.flowcam.context import volume_from_settings
from svp_core.instruments.metadata import RunFacts
from svp_core.workspace.paths import repo_root
from tests.helpers.case_files import case_folder
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


TRIGGERED = {"AutoTriggerFlag": "0", "AutoTrigger": "0", "Ch1Trigger": "1"}


@pytest.mark.parametrize(
    ("changed", "run_summary", "trigger"),
    [
        (TRIGGERED, "", "fluorescence channel 1"),
        (TRIGGERED | {"Ch2Trigger": "1", "ScatterTrigger": "1", "Ch1Trigger": "0"}, "", "channel 2 and scatter"),
        ({"AutoTriggerFlag": "0"}, "", "a detector"),
        ({"AutoTrigger": "0", "AutoTriggerFlag": "1", "ScatterTrigger": "1"}, "", "scatter"),
        ({"Ch1Trigger": "1"}, "Run:\n\tMode:  Trigger Mode\n", "fluorescence channel 1"),
        ({}, "Run:\n\tMode:  Fluorescence Triggered\n", "a detector"),
    ],
)
def test_volume_of_a_triggered_run_comes_with_a_note(tmp_path, changed, run_summary, trigger):
    facts, notes = facts_and_notes(tmp_path, CONTEXT | changed, "", run_summary)
    assert facts.volume_ml == pytest.approx(VOLUME)
    assert facts.volume_from == "settings in run ä1.ctx"
    (note,) = [note for note in notes if "triggered" in note]
    assert f"triggered by {trigger}" in note or f"{trigger}:" in note
    assert "0.004 mL" in note
    assert "not confirmed" in note


def test_the_triggered_run_of_a_lab_keeps_its_figure_with_a_note(shared_cases):
    source = detect_source(shared_cases / "triggered-run")
    (run,) = source.runs
    assert run.volume_ml == pytest.approx(0.1113, abs=5e-5)
    assert run.volume_from == "settings in trig.ctx"
    (note,) = [note for note in source.notes if "triggered" in note]
    assert "fluorescence channel 1" in note
    assert "not confirmed" in note


def test_triggered_run_uses_the_volume_that_its_files_print(tmp_path):
    summary = "Count,12\nParticles / ml,2400\nSample Volume Imaged ml,0.00500\n"
    facts, notes = facts_and_notes(tmp_path / "a", CONTEXT | TRIGGERED, summary)
    assert (facts.volume_ml, facts.volume_from) == (0.005, "volume imaged in run ä1_summary.csv")
    (note,) = [note for note in notes if "triggered" in note]
    assert "the one printed" in note
    assert not any("check which is right" in note for note in notes)
    facts, notes = facts_and_notes(tmp_path / "b", CONTEXT | TRIGGERED | {"FluidVolumeImaged_ml": "0.0060"})
    assert (facts.volume_ml, facts.volume_from) == (0.006, "volume imaged in run ä1.ctx")
    facts, notes = facts_and_notes(tmp_path / "c", CONTEXT | TRIGGERED | {"VolumeCF": ""})
    assert facts.volume_ml is None
    assert any("no volume is known" in note for note in notes)


def test_steady_run_with_detectors_is_not_called_triggered(tmp_path):
    # As in the real run: the channels are set to trigger, but the camera runs at a steady rate.
    steady = {"AutoTriggerFlag": "1", "AutoTrigger": "1", "Ch1Trigger": "1", "Ch2Trigger": "1"}
    for number, (changed, mode) in enumerate(((steady, "AutoImage"), (TRIGGERED, "Auto Image"), ({}, ""))):
        facts, notes = facts_and_notes(tmp_path / str(number), CONTEXT | changed, "", f"Run:\n\tMode:  {mode}\n")
        assert facts.volume_ml == pytest.approx(VOLUME)
        assert not any("triggered" in note for note in notes)


def test_real_run_is_not_called_triggered(real_data):
    notes = detect_source(real_data / "flowcam_run").notes
    assert not any("trigger" in note or "volume" in note for note in notes)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"VolumeCF": "", "FlowCellDepth": ""}, "has no FlowCellDepth, VolumeCF"),
        ({"AcceptableRight": "0"}, "has settings that give no volume"),
        ({"IncludesVolumeCF": "0"}, "IncludesVolumeCF=0, for which no formula is confirmed"),
        ({"UseManualVolume": "1", "ManualVolumeML": "0.5"}, r"entered by hand \(0.5 mL\)"),
    ],
)
def test_missing_volume_is_told_with_its_reason(tmp_path, changed, reason):
    _, notes = facts_and_notes(tmp_path, CONTEXT | changed)
    (note,) = [note for note in notes if "volume imaged is unknown" in note]
    assert re.search(reason, note)
    assert "until you enter it" in note


def test_run_without_any_settings_tells_what_is_missing(tmp_path):
    draw_run(tmp_path)
    (tmp_path / "run ä1.ctx").unlink()
    (note,) = [note for note in detect_source(tmp_path).notes if "volume" in note]
    assert note.startswith("The run's .ctx is missing and its summary is missing, too")
    (tmp_path / "run ä1_summary.csv").write_text("Count,12\n")
    (note,) = [note for note in detect_source(tmp_path).notes if "volume" in note]
    assert "states no volume imaged" in note


def test_several_runs_of_one_folder_keep_their_own_volumes(tmp_path):
    for number, title in enumerate(("a", "b", "c")):
        draw_run(tmp_path, title=title)
        context = CONTEXT | {"RawImageTotal": str(400 * (number + 1))} | (TRIGGERED if title == "b" else {})
        (tmp_path / f"{title}.ctx").write_text("[All]\n" + "\n".join(f"{k}={v}" for k, v in context.items()))
    summary = detect_source(tmp_path)
    assert {run.name: run.volume_ml for run in summary.runs} == pytest.approx({"a": 0.004, "b": 0.008, "c": 0.012})
    assert {run.volume_from for run in summary.runs} == {f"settings in {title}.ctx" for title in "abc"}
    (note,) = [note for note in summary.notes if "triggered" in note]
    assert note.startswith("b: ")


def test_two_lists_of_the_same_collages_are_told(tmp_path):
    draw_run(tmp_path, title="a")
    (tmp_path / "a edited.lst").write_bytes((tmp_path / "a.lst").read_bytes())
    summary = detect_source(tmp_path)
    assert summary.count == 24
    (note,) = [note for note in summary.notes if "counted twice" in note]
    assert "a.lst" in note
    assert "a edited.lst" in note


def test_volume_of_the_triggered_case_comes_with_a_note(real_data):
    summary = detect_source(case_folder(real_data, "triggered-run"))
    assert summary.runs[0].volume_ml == pytest.approx(0.1113, abs=5e-5)
    assert any("triggered by fluorescence channel 1" in note for note in summary.notes)
