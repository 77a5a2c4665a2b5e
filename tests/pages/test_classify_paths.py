"""Classify without a browser: a source by its path."""

import json

import numpy as np
import pandas as pd
import pytest

from svp_core.workspace import jobs
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_markdown, page_text
from tests.helpers.classified_page import counts_shown


def test_classify_names_a_folder_given_by_its_path(tmp_path):
    folder = tmp_path / "*bold* <b>run</b>".replace("/", "")
    folder.mkdir()
    tile = np.full((64, 64), 170, np.uint8)
    tile[20:40, 20:40] = 60
    from svp_core.images import encode_png

    (folder / "a.png").write_bytes(encode_png(tile))
    (folder / "empty.png").write_bytes(b"")
    app = open_page("pages/classify.py")
    app.text_input(key="path_text").set_value(str(folder))
    app.button(key="path_go").click().run()
    assert "2 items" in page_text(app)
    assert "\\*bold\\* \\<b\\>" in page_markdown(app)
    app.button(key="classify_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "classify"
    assert job.config["source"] == str(folder)
    assert job.config["um_per_px"] is None
    finish_job(job.id)
    app.run()
    results = pd.read_csv(jobs.job_folder(job.id) / "results.csv")
    assert not app.exception
    assert results["status"].tolist() == ["ok", "rejected"]
    summary = json.loads((jobs.job_folder(job.id) / "summary.json").read_text())
    assert counts_shown(app)["Rejected"] == 1
    assert sum(counts_shown(app).values()) == 2 == summary["offered"]


@pytest.mark.parametrize(
    ("text", "says"), [("run 12", "full path"), ("/no/such/folder", "no file or folder"), ("", "No path was entered")]
)
def test_classify_refuses_a_wrong_path_in_a_sentence(text, says):
    mark_done(
        jobs.start("classify", {"source": "/data/run 1", "weights": "resnet18", "um_per_px": None})[0], step=1, total=1
    )
    app = open_page("pages/classify.py")
    app.text_input(key="path_text").set_value(text)
    app.button(key="path_go").click().run()
    assert says in app.error[0].value
    assert not app.exception
    assert not jobs.active()
    # And the ways in are still there.
    assert app.text_input(key="path_text")
    assert app.button(key="use_sample")
    assert "Previous classifications" in page_text(app)
