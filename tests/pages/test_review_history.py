"""History and retraining of a review without a browser: counts, exports, undo, results."""

import io
import zipfile
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pages.ui.review import review_exports
from pages.ui.review.retraining import COLUMN_DIFFERENCE
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.review import store
from svp_core.workspace import datasets, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.finished_jobs import confident_probs, make_job, run_facts
from tests.helpers.review_fixture import current_labels, event, new_review, record
from tests.helpers.review_page import PAGE, reviewing


@pytest.fixture
def downloads(monkeypatch):
    """Label of each download on the page -> (file name, bytes)."""
    files = {}

    def download(label, name, _mime, content):
        files[label] = name, content() if callable(content) else content

    monkeypatch.setattr(review_exports, "_download", download)
    return files


def test_error_of_a_download_is_in_the_log(monkeypatch):
    taken = []
    monkeypatch.setattr(review_exports.st, "download_button", lambda label, content, *_, **__: taken.append(content))
    review_exports._download("Labels", "labels.csv", "text/csv", lambda: bytes(1 // 0))
    with pytest.raises(ZeroDivisionError):
        taken[0]()
    assert "ZeroDivisionError" in (workspace_root() / "app.log").read_text("utf-8")


def test_history_shows_counts_and_exports_the_labels(downloads):
    review = new_review(20, names=[f"<script>{k}.png" for k in range(20)])
    names = review.table["particle"]
    record(review, event(1, names[0]), event(2, names[1], "keep"), event(3, names[2], "not_a_particle"))
    app = reviewing(review, look="History")
    reviewers = next(frame.value for frame in app.dataframe if "Wrong labels" in frame.value)
    assert reviewers.iloc[0][["Reviewer", "Reviewed", "Changed", "Kept"]].tolist() == ["Anna", 3, 1, 1]
    times = next(frame.value for frame in app.dataframe if "Purpose" in frame.value)
    assert [column for column in times if column.startswith("Time (")]
    table = pd.read_csv(io.BytesIO(downloads["Labels as CSV"][1]))
    assert table["label"].tolist()[:3] == ["air_bubble", "protein", "not_a_particle"]
    archive = zipfile.ZipFile(io.BytesIO(downloads["Tiles by class"][1]))
    assert len(archive.namelist()) == 19
    assert sum(name.startswith("air_bubble/") for name in archive.namelist()) == 1
    assert Image.open(archive.open(archive.namelist()[0])).size == (64, 64)
    assert len(downloads["Whole history"][1].splitlines()) == 1 + 20 + 3 + 1
    today = f"{datetime.now(UTC).astimezone():%Y-%m-%d}"
    assert downloads["Labels as CSV"][0] == f"A _b__labels_{today}.csv"
    app.button(key="history_verify").click().run()
    assert "Audit trail intact: 3 decisions" in app.success[0].value.replace("\\", "")
    app.button(key="cleaned_save").click().run()
    assert datasets.list_datasets()[0]["classes"] == {"protein": 18, "air_bubble": 1}
    assert not app.error
    assert not app.exception


def test_seconds_per_decision_count_every_particle_of_a_page():
    review, start = new_review(60), 1_800_000_000
    single = [event(n, f"p{n}", at=start + 3 * n) for n in (1, 2, 3)]
    record(review, *single, *(event(n, f"p{n}", at=start + 29) for n in range(4, 44)))  # 40 by one key, after 20 s
    people = next(frame.value for frame in reviewing(review, look="History").dataframe if "Wrong labels" in frame.value)
    assert people["Seconds per decision"].tolist() == ["0.5"]


def test_the_last_decision_is_undone_by_a_button():
    review = new_review(20)
    record(review, event(1, "p0"), event(2, "p1"))
    app = reviewing(review, look="History")
    app.button(key="history_undo").click().run()
    assert current_labels(review).is_open("p1")
    assert not current_labels(review).is_open("p0")


def test_the_result_of_a_retraining_is_shown():
    tiles = draw_blocks(60, seed=1)
    tiles[30:] = 255 - tiles[30:]
    given = ["protein"] * 30 + ["air_bubble"] * 30
    review = new_review(60, given=given)
    np.save(workspace_root() / "reviews" / review.id / "tiles.npy", tiles)
    record(review, event(1, "p0"))
    app = open_page(PAGE, review=review.id, reviewer="Anna", desk="d1", look="Retrain")
    app.button(key="retrain_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "retrain"
    assert job.config["decisions"] == 1
    finish_job(job.id)
    app.run()
    table = next(frame.value for frame in app.dataframe if COLUMN_DIFFERENCE in frame.value)
    assert table["Class"].tolist() == ["All", "Protein", "Air bubble"]
    assert "trained on protein" in page_text(app)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("runs", [("day 5",), ("day 5", "day 6")])
def test_a_run_without_labels_is_exported_as_a_labelled_cla(tmp_path, runs, downloads):
    source = tmp_path / "source"
    source.mkdir()
    (source / "notes.txt").write_text("no list of classes yet")
    config = {"source": str(source), "weights": "resnet18", "um_per_px": None}
    job_id, _ = jobs.start("classify", config)
    make_job(
        jobs.job_folder(job_id),
        confident_probs("protein", "air_bubble", "?", "protein"),
        [5.0] * 4,
        source=str(source),
        instrument={"id": [11, 12, 13, 14]},
        runs=[run_facts(run) for run in runs],
        run_of=[runs[0]] * 3 + [runs[-1]],
    )
    mark_done(job_id, step=4, total=4)
    app = open_page(PAGE, of=job_id)
    app.button(key="review_of_job").click().run()
    review = store.open_review(store.list_reviews()[0]["review"])
    least_sure, *_ = review.table["particle"]
    assert least_sure == "day 5.lst#3"
    record(review, event(1, least_sure), event(2, "day 5.lst#1", "not_a_particle"))
    app = reviewing(review, look="History")
    assert not app.error
    assert not app.exception
    (classification,) = read_cla(downloads["Classes as .cla"][1])
    labels = {"12": "Air bubble", "13": "Air bubble"} | ({"14": "Protein"} if len(runs) == 1 else {})
    assert {particle: name for particle, name in classification.label_of().items() if particle != "11"} == labels
