"""Downloads: every session gets the rows and labels it exported, also when two export one classification at once."""

import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import openpyxl
import pandas as pd
import pytest

from svp_core.exports import export_cla, export_tiles_by_class, export_workbook
from svp_core.exports.download import MAX_STEM, download_name, export_bytes, safe_file_stem
from svp_core.exports.results_subset import export_results_csv
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.report import report_html
from tests.helpers.drawn_run import draw_run
from tests.helpers.finished_jobs import confident_probs, make_job

COUNT = 6


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A classification of a drawn FlowCam run with six particles."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    draw_run(tmp_path / "source", count=COUNT, title="day 5")
    make_job(
        tmp_path / "job",
        confident_probs(*["protein"] * COUNT),
        [5.0] * COUNT,
        instrument={"id": list(range(1, COUNT + 1))},
        source=str(tmp_path / "source"),
    )
    return tmp_path / "job"


def rows_in_csv(data):
    return pd.read_csv(io.BytesIO(data))["image"].tolist()


def rows_in_workbook(data):
    return [row[0] for row in list(openpyxl.load_workbook(io.BytesIO(data))["Results"].values)[1:]]


def rows_in_zip(data):
    tiles = [name for name in zipfile.ZipFile(io.BytesIO(data)).namelist() if name.endswith(".png")]
    return [name.partition("_")[2].removesuffix(".png") for name in tiles]


def labels_in_cla(data):
    return set(read_cla(data)[-1].label_of().values())


EXPORTS = {
    "csv": (
        lambda job, rows, label, path: export_results_csv(job, path, [label] * COUNT, rows),
        rows_in_csv,
    ),
    "xlsx": (lambda job, rows, label, path: export_workbook(job, path, rows), rows_in_workbook),
    "zip": (lambda job, rows, label, path: export_tiles_by_class(job, path, rows), rows_in_zip),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_two_sessions_that_export_at_once_each_get_their_own_rows(job, kind):
    export, rows_in = EXPORTS[kind]
    before = sorted(path.name for path in job.iterdir())
    both_have_written = threading.Barrier(2, timeout=60)

    def session(rows):
        def write(path):
            export(job, rows, "protein", path)
            both_have_written.wait()  # the other session has written its file before this one reads its own

        return export_bytes(write)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(session, ([0, 2], [1, 3, 5]))
    assert rows_in(first) == [f"day 5.lst#{number}" for number in (1, 3)]
    assert rows_in(second) == [f"day 5.lst#{number}" for number in (2, 4, 6)]
    assert sorted(path.name for path in job.iterdir()) == before


def test_two_sessions_that_export_a_cla_at_once_each_get_their_own_labels(job):
    both_have_written = threading.Barrier(2, timeout=60)

    def session(label):
        def write(path):
            export_cla(job, path, [label] * COUNT)
            both_have_written.wait()

        return export_bytes(write)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(session, ("protein", "air_bubble"))
    assert labels_in_cla(first) == {"Protein"}
    assert labels_in_cla(second) == {"Air bubble"}


def test_two_sessions_that_write_a_report_at_once_each_get_their_own(job):
    before = sorted(path.name for path in job.iterdir())
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda title: report_html(job, settings={"title": title}), ("First", "Second")))
    assert "<h1>First</h1>" in reports[0]
    assert "<h1>Second</h1>" in reports[1]
    assert sorted(path.name for path in job.iterdir()) == before


def test_an_export_that_fails_leaves_no_file(job, tmp_path):
    before = sorted(path.name for path in job.iterdir())
    with pytest.raises(ValueError, match="need as many labels"):
        export_bytes(partial(export_results_csv, job, labels=["protein"]))
    assert sorted(path.name for path in job.iterdir()) == before


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("Syringe 7", "report", "html", "2025-04-09"), "Syringe 7_report_2025-04-09.html"),
        (("Lot 3/4", "tiles", ".zip"), "Lot 3_4_tiles.zip"),
        (("", "classification", "xlsx", ""), "results_classification.xlsx"),
        (("größe:1", "", "csv"), "größe_1.csv"),
        (("../../x", "y", "csv"), "_.._x_y.csv"),
    ],
)
def test_a_download_is_named_after_sample_content_and_date(parts, name):
    assert download_name(*parts) == name


def test_a_file_stem_is_bounded_and_never_empty():
    assert safe_file_stem("x" * 300) == "x" * MAX_STEM
    assert safe_file_stem(" .. ") == "results"
    assert safe_file_stem("", default="review") == "review"
