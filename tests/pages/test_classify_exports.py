"""Report, exports, sample details, renaming and deletion of a classification on the page Classify."""

import csv
import io

import pytest

from pages.ui.classify import report_and_exports
from pages.ui.classify.report_and_exports import NO_CLA, SOURCE_GONE, export_files
from pages.ui.classify.results_data import load_results
from svp_core.tasks.stored_classifications import read_summary
from svp_core.workspace import jobs
from tests.helpers.app_pages import mark_done, page_text
from tests.helpers.classified_page import (
    KEYS,
    VIEWS,
    change_run,
    change_summary,
    downloads,
    html_texts,
    open_results,
    report_of,
    write_job,
)
from tests.helpers.drawn_run import draw_run
from tests.helpers.finished_jobs import confident_probs, make_job, run_facts


def test_a_cla_is_offered_for_flowcam_runs_whose_files_are_there(tmp_path):
    job_id, _ = write_job(name="c", runs=2)
    change_run(job_id, "c 2", kind="folder")
    assert open_results(job_id, "Report").button(key="make.cla").help == SOURCE_GONE
    (tmp_path / "c").mkdir()
    change_summary(job_id, source=str(tmp_path / "c"))
    app = open_results(job_id, "Report")
    assert downloads(app)["get_cla"] == "Classes as .cla"
    assert not app.get("selectbox")[-1].label.startswith("Run of")
    change_run(job_id, "c 1", kind="mfi")
    app = open_results(job_id, "Report")
    assert "get_cla" not in downloads(app)
    assert app.button(key="make.cla").help == NO_CLA
    assert not app.exception


def test_no_download_of_the_page_passes_through_the_jobs_folder(tmp_path, monkeypatch):
    draw_run(tmp_path / "source", count=6, title="day 5")
    job_id, _ = jobs.start("classify", {"source": str(tmp_path / "source"), "weights": "resnet18"})
    folder, made = jobs.job_folder(job_id), []
    numbers = {"id": list(range(1, 7))}
    probs = confident_probs(*["protein"] * 6)
    make_job(folder, probs, [5.0] * 6, instrument=numbers, source=str(tmp_path / "source"), runs=[run_facts()])
    mark_done(job_id, step=6, total=6)
    monkeypatch.setattr(report_and_exports, "logged", lambda make: made.append(make) or make)
    assert not open_results(job_id, "Report").exception
    before = sorted(folder.iterdir())
    contents = [make() for make in made]
    assert len(contents) == 6
    assert all(contents)
    assert sorted(folder.iterdir()) == before, "another session that exports at once would read this file"


def test_report_is_that_of_the_settings_and_files_are_offered():
    job_id, _ = write_job()
    app = open_results(job_id, "Report", unsure_below="0.5")
    app.text_input(key="report_author").set_value("A. <Person>").run()
    app.text_input(key=f"{job_id}_title").set_value("Batch 12").run()
    assert "<h1>Batch 12</h1>" in report_of(app)
    assert "A. &lt;Person&gt;" in report_of(app)
    assert "informational" in report_of(app)
    assert list(downloads(app)) == ["report_html", "get_csv", "get_xlsx", "get_zip", "get_ecotaxa", "get_labelchecker"]
    assert "Other files: all items." in page_text(app)
    app.button_group(key=f"{job_id}_labels").set_value(["protein"]).run()
    assert "filtered particles." in page_text(app)
    assert not app.exception
    assert not app.error


def test_two_sessions_that_export_one_classification_get_their_own_rows():
    job_id, table = write_job()
    results = load_results(job_id)
    labels = table["label"].to_numpy(str)
    settings = {"date": "2025-04-09", "sample": "S/1", "diameter": "ecd_um"}
    sessions = {key: export_files(results, labels, results.rows[labels == key], settings) for key in KEYS}
    made = {key: [file.make() for file in files] for key, files in sessions.items()}
    again = {key: sessions[key][0].make() for key in KEYS}
    for key in KEYS:
        rows = list(csv.DictReader(io.StringIO(again[key].decode())))
        assert again[key] == made[key][0]
        assert [row["image"] for row in rows] == table["image"][table["label"] == key].tolist()
    names = [file.name for file in sessions["protein"]]
    assert names == [
        "S_1_results_2025-04-09.csv",
        "S_1_results_2025-04-09.xlsx",
        "S_1_tiles_2025-04-09.zip",
        "S_1_ecotaxa_2025-04-09.zip",
        "S_1_labelchecker_2025-04-09.zip",
    ]
    assert sorted(path.name for path in jobs.job_folder(job_id).iterdir()) == [
        "config.json",
        "results.csv",
        "summary.json",
        "tiles.npy",
    ]


def test_sample_lot_and_operator_are_stored_with_the_job_and_reported():
    job_id, _ = write_job()
    app = open_results(job_id, "Report")
    app.text_input(key=f"{job_id}_sample").set_value("Syringe 7").run()
    app.text_input(key=f"{job_id}_lot").set_value("L-42").run()
    assert read_summary(job_id)["sample"] == "Syringe 7"
    assert "Syringe 7" in report_of(app)
    app = open_results(job_id, "Report")
    assert app.text_input(key=f"{job_id}_lot").value == "L-42"
    assert "Sample Syringe 7 · Lot L-42" in page_text(app)
    assert not app.exception


def test_previous_classifications_are_renamed_and_deleted():
    job_id, _ = write_job(name="a")
    other, _ = write_job(name="b")
    app = open_results(job_id)
    app.text_input(key="manage_open_name").set_value("Batch *12*").run()
    assert "Batch *12*" in page_text(app)
    assert read_summary(job_id)["title"] == "Batch *12*"
    app.text_input(key="manage_open_name").set_value(" ").run()
    assert "Enter a name" in page_text(app)
    app.button(key="manage_open_delete").click().run()
    assert jobs.get(job_id)
    app.button(key="manage_open_really").click().run()
    assert not app.exception
    assert [job.id for job in jobs.recent()] == [other]
    assert not jobs.workspace_root().joinpath("jobs", job_id).exists()
    assert [button.label for button in app.button if button.key.startswith("recent_")] == ["FlowCam run b"]


@pytest.mark.parametrize("view", [*VIEWS, None])
def test_no_page_shows_a_path_of_the_server(view, tmp_path):
    job_id, _ = write_job()
    change_summary(job_id, source="/data/private/run 1")
    if view is None:
        (jobs.job_folder(job_id) / "tiles.npy").unlink()
    app = open_results(job_id, view or "Gallery")
    text = page_text(app) + "".join(html_texts(app)) + "".join(str(element.proto) for element in app.get("iframe"))
    assert "/data/private" not in text
    assert str(tmp_path) not in text
