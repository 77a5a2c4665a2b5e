"""The page Classify without a browser: the summary of a source, every view, the report and the files."""

import json
import re

import numpy as np
import pytest
import streamlit as st

from pages.ui.shared.source_signals import unreadable_items
from pages.ui.shared.text import without_names
from svp_core.images import encode_png
from svp_core.instruments.metadata import format_volume
from svp_core.workspace import jobs
from tests.helpers.app_pages import new_app, page_text
from tests.helpers.classified_page import COUNT, REJECTED, VIEWS, counts_shown, html_texts, open_results, write_job
from tests.helpers.drawn_run import draw_run
from tests.helpers.mfi_files import BOXES, draw_frames, write_table


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens(view):
    job_id, _ = write_job()
    app = open_results(job_id, view)
    assert not app.exception
    assert not app.error
    assert counts_shown(app)["Rejected"] == REJECTED
    assert sum(counts_shown(app).values()) == COUNT + REJECTED


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_where_nothing_could_be_read(view):
    job_id, _ = write_job(count=0)
    app = open_results(job_id, view)
    assert not app.exception
    assert not app.error
    assert sum(counts_shown(app).values()) == REJECTED


def test_rejected_items_have_no_dot_of_a_class():
    job_id, _ = write_job()
    (line,) = [text for text in html_texts(open_results(job_id, "Table")) if "class='figure'" in text]
    dotted = re.findall(r"●</span> ([^<]+?) <b", line)
    assert "Unsure" in dotted
    assert "Rejected" not in dotted


def test_damaged_results_show_a_sentence():
    job_id, _ = write_job()
    np.save(jobs.job_folder(job_id) / "tiles.npy", np.zeros((3, 64, 64), np.uint8))
    app = open_results(job_id)
    assert "lacks the tiles of 397 particles" in app.error[0].value.replace("\\", "")
    assert not app.exception


def look_at(path):
    app = new_app().run().switch_page("pages/classify.py").run()
    app.text_input(key="path_text").set_value(str(path))
    app.button(key="path_go").click().run()
    return app


def test_card_of_a_run_shows_its_facts(tmp_path):
    draw_run(tmp_path / "run", title="day 5", cal_const="1.7000")
    app = look_at(tmp_path / "run")
    assert "12 items · 1.7 µm per pixel (cal_const in ….lst)" in page_text(app)
    assert not app.exception
    assert "trained at 0.2 to 1.4 µm per pixel" in app.warning[0].value.replace("\\", "")
    app.number_input(key="um_per_px").set_value(0.7).run()
    assert not app.warning
    app.button(key="classify_go").click().run()
    (job,) = jobs.active()
    assert job.config == {"source": str(tmp_path / "run"), "weights": "resnet18", "um_per_px": 0.7}


def test_card_of_several_runs_lists_them(tmp_path):
    for name, scale in (("one", "0.5000"), ("two", "0.9000")):
        draw_run(tmp_path / "both" / name, title=name, cal_const=scale)
    app = look_at(tmp_path / "both")
    (runs,) = [frame.value for frame in app.dataframe]
    assert runs["Run"].tolist() == ["one", "two"]
    assert runs["µm/px"].tolist() == [0.5, 0.9]
    assert "pixel size differs between runs" in page_text(app)


def test_a_volume_has_the_same_digits_of_one_run_and_of_several(tmp_path):
    assert format_volume(0.0173745) == "0.017375 mL"  # as a card, the counts and the report write it
    for name in ("one", "two"):
        draw_run(tmp_path / "both" / name, title=name)
    app = look_at(tmp_path / "both")
    columns = json.loads(app.dataframe[0].proto.columns)
    assert columns["Imaged volume (mL)"]["type_config"]["format"] == "%.5g"


def test_answers_to_the_questions_of_a_source_reach_the_job(tmp_path):
    draw_frames(tmp_path / "mfi", first=0, count=4)
    write_table(tmp_path / "mfi", BOXES)
    app = look_at(tmp_path / "mfi")
    asked = [group for group in app.button_group if str(group.key).startswith("choice_")]
    assert asked
    options = asked[0].options
    asked[0].set_value(options[-1]).run()
    app.button(key="classify_go").click().run()
    (job,) = jobs.active()
    key = asked[0].key.removeprefix("choice_")
    assert job.config["choices"][key] == options[-1]
    assert not app.exception


def test_nothing_is_started_where_nothing_can_be_read(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "day 5.txt").write_text("x")
    app = look_at(tmp_path / "notes")
    button = app.button(key="classify_go")
    assert button.disabled
    assert "no image" in button.help
    assert "Folder of images" not in page_text(app)

    (tmp_path / "damaged").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "damaged" / name).write_text("this is text")
    app = look_at(tmp_path / "damaged")
    assert app.button(key="classify_go").disabled
    assert "None of the 2 items can be read." in page_text(app)
    (tmp_path / "damaged" / "b.png").write_bytes(encode_png(np.full((64, 64), 170, np.uint8)))
    st.cache_data.clear()
    assert not look_at(tmp_path / "damaged").button(key="classify_go").disabled


def test_first_unreadable_items_are_counted():
    assert unreadable_items(1, "the file is empty") == "It cannot be read: the file is empty."
    assert "24" in unreadable_items(25, "the file is empty")
    assert "None" not in unreadable_items(25, "the file is empty")


def test_running_classification_is_titled_with_its_source(tmp_path):
    (tmp_path / "day 5").mkdir()
    (tmp_path / "day 5" / "a.png").write_bytes(encode_png(np.full((64, 64), 170, np.uint8)))
    app = look_at(tmp_path / "day 5")
    app.button(key="classify_go").click().run()
    assert "**day 5**" in page_text(app)
    assert "**Classification**" not in page_text(app)


def test_names_of_runs_are_shortened_in_names_of_their_files():
    assert without_names("cal_const in day 5.lst, as in day 5_summary.csv", ["day 5"]) == (
        "cal_const in ….lst, as in …_summary.csv"
    )
    assert without_names("a.ctx", ["a"]) == "a.ctx"
