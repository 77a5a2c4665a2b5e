"""Two models side by side on the page Synthesize, without a browser."""

import json

from svp_core import model_files
from svp_core.quality import METRICS
from svp_core.quality.report import ENOUGH_IMAGES
from svp_core.quality.text_table import number
from svp_core.workspace import jobs, models
from tests.helpers.app_pages import finish_job, open_page, page_text


def open_compare(**query):
    return open_page("pages/synthesize.py", mode="Compare", **query)


def test_compare_starts_the_job_that_was_asked_for(own_model):
    app = open_compare()
    assert app.selectbox(key="left_maker").value == "generator"
    assert app.selectbox(key="right_maker").value == "Classical augmentation"
    app.selectbox(key="right_maker").set_value(own_model).run()
    assert app.button_group(key="compare_class").options == ["Silicone oil"]
    assert "Your own model" in page_text(app)
    app.button_group(key="right_quality").set_value("preview")
    app.number_input(key="compare_count").set_value(100)
    app.number_input(key="compare_seed").set_value(4).run()
    assert "100 images per model" in page_text(app)
    app.button(key="compare_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "compare"
    assert job.config == {
        "class_key": "silicone_oil",
        "count": 100,
        "seed": 4,
        "reference": "samples",
        "left": {"weights": "generator", "sampler": "standard"},
        "right": {"weights": own_model, "sampler": "preview"},
    }
    assert not app.exception
    assert f"generator and {own_model}, seed 4" in page_text(app)


def test_default_number_is_enough_for_narrow_intervals():
    app = open_compare()
    assert app.number_input(key="compare_count").value >= ENOUGH_IMAGES
    assert "The reference has 320 particles of this class" in page_text(app)


def test_two_sides_that_cannot_be_compared_are_a_sentence(own_model):
    app = open_compare()
    app.selectbox(key="right_maker").set_value("generator").run()
    assert "Both sides are the same" in app.error[0].value
    assert not app.exception
    described = {"generator": {"class_keys": ["fat_droplet"]}}
    model_files.save_model(models.new_model_folder("only fat"), config=described, tensors={}, card="", history=[])
    app.run().selectbox(key="right_maker").set_value("only fat").run()
    assert "no class in common" in app.error[0].value
    assert not app.exception
    app.selectbox(key="left_maker").set_value(own_model).run()
    assert not app.error
    assert "no data set has fat droplet" in page_text(app)
    assert app.button(key="compare_go").disabled


def test_comparison_is_shown_with_its_figures(own_model, short_two_sample_test):
    sides = {"left": {"weights": own_model, "sampler": "preview", "steps": 2}, "right": {"classical": True}}
    config = {"class_key": "silicone_oil", "count": 50, "seed": 0, "reference": "samples", **sides}
    job_id, _ = jobs.start("compare", config)
    finish_job(job_id)
    app = open_compare(comparison=job_id)
    assert not app.exception
    assert not app.error
    shown = page_text(app)
    assert f"{own_model} and classical augmentation" in shown
    # The form holds the settings of what is shown.
    assert app.number_input(key="compare_count").value == 50
    assert app.selectbox(key="left_maker").value == own_model
    assert app.button_group(key="left_quality").value == "preview"
    assert app.button_group(key="compare_class").value == "silicone_oil"
    app.number_input(key="compare_count").set_value(70).run()
    assert app.number_input(key="compare_count").value == 70, "what is entered later stays"
    assert "n = 50 per model" in shown.replace("\\", "")
    assert "the intervals are wide" in shown
    report = json.loads((jobs.job_folder(job_id) / "report.json").read_text())
    assert report["n_real"] == report["n_seen"] == 160
    table, more = (element.proto.body for element in app.get("html"))
    kid = report["right"]["classes"]["silicone_oil"]["figures"]["kid"]
    assert f"{number(kid['low'])} to {number(kid['high'])}" in table
    assert "Recall" in table
    assert "Coverage, classifier" in more
    assert METRICS["told_apart"].name not in more, "each metric is in one of the two tables"
    assert "Closest to a training tile" in shown


def test_link_of_a_comparison_to_another_kind_of_job():
    job_id, _ = jobs.start("denoise", {"class_keys": ["protein"], "count": 1, "seed": 0, "sampler": "preview"})
    app = open_compare(comparison=job_id)
    assert "does not point to a comparison" in app.error[0].value.replace("\\", "")
    assert app.button(key="compare_go")
