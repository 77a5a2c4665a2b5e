"""The page Classify without a browser: counts by size and class, per mL where the volume is known."""

import pytest

from pages.ui.classify.counting import SIZE_RANGES, read_bins
from svp_core.display import format_number
from svp_core.errors import LabError
from svp_core.stats import counts
from tests.helpers.app_pages import page_text
from tests.helpers.classified_page import (
    KEYS,
    add_sizes_of_record,
    change_run,
    html_tables,
    open_results,
    report_of,
    table_cells,
    write_job,
)


def test_counts_per_ml_are_those_of_the_core():
    job_id, table = write_job()
    app = open_results(job_id, "Counts", unsure_below="0.0")
    assert "0.02 mL (….ctx)" in page_text(app)
    found = {
        (row.class_key, row.at_least_um): row
        for row in counts.count_table(table["label"], table["ecd_um"], class_keys=KEYS, volume_ml=0.02)
    }
    row = found["protein", 5.0]
    assert f"<b>{format_number(row.per_ml)}</b>" in html_tables(app)[0]
    assert f"{format_number(row.per_ml_low)} to {format_number(row.per_ml_high)}" in html_tables(app)[0]
    assert "corrected for confusion" in page_text(app)
    assert len(html_tables(app)) == 3
    app.number_input(key=f"{job_id}_volume").set_value(0.5)
    app.number_input(key=f"{job_id}_dilution").set_value(10.0)
    app.text_input(key="count_bins").set_value("10; 3").run()
    assert "0.5 mL (typed in), dilution 10." in page_text(app)
    assert "≥ 3 µm †" in html_tables(app)[0]
    assert "≥ 2 µm" not in html_tables(app)[0]
    large = ((table["label"] == "protein") & (table["ecd_um"] >= 10)).sum()
    assert f"<b>{format_number(large / 0.5 * 10)}</b>" in html_tables(app)[0]


def test_counts_by_the_instruments_own_diameter_and_between_sizes():
    job_id, table = write_job()
    app = open_results(job_id, "Counts", unsure_below="0.0")
    app.selectbox(key="count_size").set_value("instrument.abd_diameter")
    app.button_group(key="count_bands").set_value(SIZE_RANGES)
    app.button_group(key="count_unit").set_value("Counts").run()
    between = ((table["label"] == "protein") & table["instrument.abd_diameter"].between(2, 5, inclusive="left")).sum()
    assert "abd_diameter · instrument" in page_text(app)
    assert "2 to 5 µm †" in html_tables(app)[0]
    assert f"<b>{between}</b>" in html_tables(app)[0]


def test_no_correction_of_particles_chosen_by_class_or_confidence():
    job_id, _ = write_job()
    app = open_results(job_id, "Counts")
    app.button_group(key=f"{job_id}_labels").set_value(["protein"]).run()
    assert "remove these from the filter" in page_text(app)
    assert len(html_tables(app)) == 1
    # Of the classes that are filtered out nothing is counted; that they are none is not said.
    assert [row[0] for row in table_cells(html_tables(app)[0])][1:] == ["● Protein", "All"]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"volume_ml": None}, "enter it for concentrations"),
        ({"um_per_px": None}, "enter the µm per pixel"),
        ({"missing": 50}, "50 items of the source were not processed"),
        ({"weights": "gone"}, "no model called 'gone'"),
    ],
)
def test_missing_volume_scale_or_model_is_explained(how, says):
    job_id, _ = write_job(**how)
    app = open_results(job_id, "Counts")
    assert says in page_text(app)
    assert not app.exception
    assert html_tables(app)


@pytest.mark.parametrize("text", ["", "two", "2, -5", "1 2 3 4 5 6 7 8 9 10 11 12 13", "1e9", "nan"])
def test_invalid_size_bins_are_refused_with_a_sentence(text):
    with pytest.raises(LabError, match="not a valid list of sizes; enter 1 to 12 numbers"):
        read_bins(text)
    job_id, _ = write_job()
    app = open_results(job_id, "Counts")
    app.text_input(key="count_bins").set_value(text).run()
    assert "not a valid list of sizes" in app.error[0].value.replace("\\", "")
    assert not app.exception


def test_bins_are_sorted_and_read_with_any_separator():
    assert read_bins(" 25;2 5,,10 ") == (2, 5, 10, 25)


def test_counts_of_a_run_without_sizes_are_unknown_and_not_zero():
    job_id, _table = write_job(name="c", runs=2)
    change_run(job_id, "c 2", no_sizes=True, um_per_px=None, volume_ml=None)
    app = open_results(job_id, "Side by side")
    rows = table_cells(html_tables(app)[0])
    assert rows[0] == ["Class", "Size", "c 1", "c 2"]
    assert {row[3] for row in rows[1:]} == {"–"}
    assert all(row[2][0].isdigit() for row in rows[1:])
    assert "200 of the filtered particles of c 2 have no ECD (µm) and are in no bin." in page_text(app)
    app.selectbox(key="beside_measure").set_value("ecd_um").run()
    assert "No particle of c 2 has ECD (µm)." in page_text(app)
    app.selectbox(key="beside_measure").set_value("circularity").run()
    assert "No particle of c 2" not in page_text(app)
    assert not app.exception


def test_particles_without_sizes_are_counted_without_bins():
    job_id, table = write_job(name="c", runs=2)
    change_run(job_id, "c 2", no_sizes=True)
    app = open_results(job_id, "Counts", unsure_below="0.0")
    assert "200 of the filtered particles have no ECD (µm) and are in no bin." in page_text(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 2"])
    app.button_group(key="count_unit").set_value("Counts").run()
    assert "None of the filtered particles has ECD (µm): they are counted without sizes." in page_text(app)
    protein = ((table["run"] == "c 2") & (table["label"] == "protein")).sum()
    assert table_cells(html_tables(app)[0])[1][1].startswith(str(protein))
    assert not app.exception


def test_counts_and_report_warn_of_pixel_sizes_outside_the_training_range():
    warning = "resnet18 was trained at 0.2 to 1.4 µm per pixel; at 1.813 µm its classes are unreliable."
    job_id, _ = write_job(um_per_px=1.813)
    assert warning in page_text(open_results(job_id, "Counts"))
    assert warning in report_of(open_results(job_id, "Report"))
    job_id, _ = write_job(name="fine")
    assert "its classes are unreliable" not in page_text(open_results(job_id, "Counts"))


def test_the_run_whose_volume_is_missing_is_named():
    job_id, _ = write_job(name="c", runs=2)
    change_run(job_id, "c 2", volume_ml=None)
    app = open_results(job_id, "Counts")
    assert "The files of c 2 do not state the imaged volume; enter that of all runs together" in page_text(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 1"]).run()
    assert "Imaged volume 0.02 mL" in page_text(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 2"]).run()
    assert "The imaged volume is not in the files" in page_text(app)


def test_both_sizes_stand_side_by_side_and_that_of_record_counts():
    job_id, table = write_job()
    add_sizes_of_record(job_id, table["ecd_um"] / 2)
    app = open_results(job_id, "Counts", unsure_below="0.0")
    assert app.selectbox(key="count_size").value == "size_um"
    by_record, by_outline = (
        [int((sizes >= edge).sum()) for edge in (2, 5, 10, 25)] for sizes in (table["ecd_um"] / 2, table["ecd_um"])
    )
    assert by_record != by_outline
    text = page_text(app)
    assert ", ".join(map(str, by_record)) + " particles by the size of record (instrument: Diameter (ABD))" in text
    assert ", ".join(map(str, by_outline)) + " by the outline's ECD" in text
    app.button_group(key="count_unit").set_value("Counts").run()
    large = int(((table["label"] == "protein") & (table["ecd_um"] / 2 >= 5)).sum())
    assert f"<b>{large}</b>" in html_tables(app)[0]
    app.selectbox(key="count_size").set_value("ecd_um").run()
    assert f"<b>{int(((table['label'] == 'protein') & (table['ecd_um'] >= 5)).sum())}</b>" in html_tables(app)[0]


def test_results_of_earlier_versions_have_no_size_of_record():
    job_id, _ = write_job()
    app = open_results(job_id, "Counts")
    assert app.selectbox(key="count_size").value == "ecd_um"
    assert "size of record" not in page_text(app)
