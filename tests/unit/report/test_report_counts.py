"""Counts in the report: by hand, by size, corrected, per mL where the volume is known."""

from typing import Any

import numpy as np

from svp_core.display import format_number
from svp_core.instruments.detect import detect_source
from svp_core.stats import counts
from tests.helpers.finished_jobs import KEYS, confident_probs, make_job, run_facts
from tests.helpers.report_page import ReportPage, without_reference, written_report


def test_counts_equal_those_computed_by_hand(job):
    without_reference(job)
    page = ReportPage(written_report(job))
    rows = page.rows("Cumulative counts, by Size of record (µm)")
    # Ten of something: 4.795 to 18.39 (Garwood 1936); in 0.25 mL four times as many per mL.
    assert rows[0] == ["Protein", "≥ 2 µm †", "10", "4.8 to 18.4", "40", "19.2 to 73.6"]
    assert [row[2] for row in rows[:4]] == ["10", "0", "0", "0"]
    assert [row[2] for row in rows[4:8]] == ["2", "2", "2", "0"]  # oil
    assert [row[2] for row in rows[8:12]] == ["1", "1", "1", "1"]  # air
    assert [row[2] for row in rows[12:16]] == ["1", "1", "1", "0"]  # unsure
    assert [row[2] for row in rows[16:]] == ["14", "4", "4", "1"]
    assert rows[16][0] == "All"
    bands = page.rows("Counts by size range, as classified, by Size of record (µm)")
    assert [cell.split("to")[0][:1] for cell in bands[1][1:]] == ["0", "0", "2", "0"]
    assert "Particles classified 13" in page.text
    assert "Unsure 1 (7.1 %)" in page.text
    assert "Rejected 1" in page.text


def test_every_size_table_names_its_diameter(job):
    page = ReportPage(written_report(job))
    sized = [caption for caption in page.captions if caption.startswith(("Cumulative", "Counts", "Run"))]
    assert len(sized) >= 2
    assert all("by Size of record (µm)" in caption for caption in sized)


def test_counts_follow_the_chosen_diameter(tmp_path):
    job = tmp_path / "job"
    instrument = {"Diameter (ABD)": [1.0, 9.0], "Class": ["a", "b"]}
    make_job(job, confident_probs("protein", "protein"), [30.0, 30.0], instrument=instrument)
    rows = ReportPage(written_report(job, diameter="instrument.Diameter (ABD)")).rows("Cumulative counts")
    assert [row[2] for row in rows[:4]] == ["1", "1", "0", "0"]
    text = ReportPage(written_report(job, diameter="instrument.Diameter (ABD)")).text
    assert "Diameter (ABD), from the instrument" in text
    assert "1 particle smaller than 2 µm" in text


def test_corrected_counts_are_beside_raw_ones(job, tmp_path):
    from svp_core.classifier.confusion_reference import read_confusion_reference
    from svp_core.model_files import find_model_folder

    reference = read_confusion_reference(find_model_folder("resnet18"))
    labels = np.array(["protein"] * 10 + ["silicone_oil"] * 2 + ["air_bubble", "unsure"], object)
    assert reference is not None
    known: dict[str, Any] = {"class_keys": KEYS, "reference": reference, "thresholds": dict.fromkeys(KEYS, 0.8)}
    sizes = [3.0] * 10 + [12.0, 12.0, 30.0, 12.0]
    expected = counts.corrected_counts(labels, sizes, sizes_px=[size / 0.5 for size in sizes], volume_ml=0.25, **known)
    rows = ReportPage(written_report(job)).rows("Cumulative counts")
    shown = {(row[1].rstrip(" †*")): row[6] for row in rows[:4]}
    assert shown == {f"≥ {e.at_least_um:g} µm": format_number(e.per_ml) for e in expected if e.class_key == "protein"}
    assert [row[6] for row in rows if row[0] == "Unsure"] == ["–"]
    ppv = ReportPage(written_report(job)).rows("Positive predictive value")
    assert [row[1] for row in ppv] == ["10", "2", "1"]
    assert reference.description in ReportPage(written_report(job)).text


def test_without_a_volume_there_are_no_concentrations(tmp_path):
    make_job(tmp_path / "job", confident_probs("protein"), [5.0], runs=[run_facts(count=1, volume_ml=None)])
    page = ReportPage(written_report(tmp_path / "job"))
    assert "/mL" not in page.text
    assert "per ml" not in " ".join(page.tables[0][0]).casefold()
    assert "The imaged volume is not known" in page.text


def test_without_a_scale_particles_are_counted_without_sizes(tmp_path):
    runs = [run_facts(count=2, um_per_px=None, um_per_px_from="")]
    make_job(tmp_path / "job", confident_probs("protein", "?"), [5.0, 5.0], runs=runs, um_per_px=None)
    page = ReportPage(written_report(tmp_path / "job"))
    rows = page.rows("Cumulative counts")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("Protein", "any", "1"),
        ("Silicone oil", "any", "0"),
        ("Air bubble", "any", "0"),
        ("Unsure", "any", "1"),
        ("All", "any", "2"),
    ]
    assert "particles are counted without sizes" in page.text
    assert "ECD (px)" in page.text


def test_a_stopped_classification_has_no_concentrations(tmp_path):
    make_job(tmp_path / "job", confident_probs("protein"), [5.0], runs=[run_facts(count=1000)])
    text = ReportPage(written_report(tmp_path / "job")).text
    assert "stopped after 1 of 1,000 items" in text
    assert "/mL" not in text


def test_particles_without_a_size_are_reported(tmp_path):
    make_job(tmp_path / "job", confident_probs("protein", "protein"), [5.0, None])
    assert "1 particle without a size: in no size bin" in ReportPage(written_report(tmp_path / "job")).text


def test_each_run_is_counted_by_its_own_volume(tmp_path):
    runs = [run_facts("a", 1, volume_ml=0.1), run_facts("b", 2, volume_ml=0.2, dilution=5.0)]
    make_job(tmp_path / "job", confident_probs(*["protein"] * 3), [30.0] * 3, runs=runs, run_of=["a", "b", "b"])
    page = ReportPage(written_report(tmp_path / "job"))
    assert next(row[1] for row in page.rows("Run a")).startswith("1 0.03 to 5.6 10 /mL")
    assert next(row[1] for row in page.rows("Run b")).startswith("2 0.24 to 7.2 10 /mL")
    assert page.rows("Cumulative counts")[0][4] == "10"  # 3 in 0.3 mL
    assert "The files of b state a dilution of 5" in page.text


def test_a_run_without_sizes_or_volume_is_reported_and_not_counted_as_zero(tmp_path):
    runs = [run_facts("a", 1, volume_ml=0.017375), run_facts("b", 2, volume_ml=None)]
    make_job(tmp_path / "job", confident_probs(*["protein"] * 3), [30.0, None, None], runs=runs, run_of=["a", "b", "b"])
    page = ReportPage(written_report(tmp_path / "job"))
    assert "Run b: none of its particles has a value for Size of record (µm)." in page.text
    assert page.rows("Run a")
    assert not any(caption.startswith("Run b") for caption in page.captions)
    assert "Volume imaged unknown for b" in page.text
    assert "0.017375 mL (" in page.text
    assert "The files of b do not state the imaged volume: for all runs together there are counts" in page.text


def test_many_bins_are_split_into_tables_and_small_ones_marked(job):
    page = ReportPage(written_report(job, bins_um=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]))
    bands = [rows for rows, words in zip(page.tables, page.captions, strict=True) if "size range" in words]
    assert [len(rows[0]) for rows in bands] == [6, 6, 3]
    assert bands[0][0][1:3] == ["1 to 2 µm †", "2 to 3 µm †"]
    assert bands[1][0][1:] == ["6 to 7 µm *", "7 to 8 µm *", "8 to 9 µm", "9 to 10 µm", "10 to 11 µm"]


def test_the_concentration_of_a_real_run_equals_its_own_summary(tmp_path, real_data):
    from dataclasses import asdict

    source = detect_source(real_data / "flowcam_run")
    runs = [asdict(run) for run in source.runs]
    make_job(tmp_path / "job", confident_probs(*["protein"] * 1000), [5.0] * 1000, runs=runs, title=source.title)
    page = ReportPage(written_report(tmp_path / "job"))
    assert page.rows("Cumulative counts")[-4][4] == "57,555"  # "Particles / ml" of its summary
    assert "FC100" in page.text
    assert "VisualSpreadsheet 4.19.3" in page.text


def test_the_size_of_record_stands_beside_the_outlines(tmp_path):
    job = tmp_path / "job"
    make_job(job, confident_probs("protein", "protein", "protein"), [3.0, 12.0, 30.0])
    page = ReportPage(written_report(job))
    assert "At ≥ 2, 5, 10, 25 µm: 3, 2, 2, 1 particles by the size of record, which is the outline's ECD" in page.text
