"""The page Classify without a browser: thresholds, the filter, what a view shows then."""

import numpy as np
import pytest

from tests.helpers.app_pages import page_text
from tests.helpers.classified_page import COUNT, REJECTED, VIEWS, counts_shown, html_tables, open_results, write_job


@pytest.mark.parametrize("below", [0.0, 0.6, 0.99])
def test_particles_below_the_threshold_are_unsure(below):
    job_id, table = write_job()
    app = open_results(job_id)
    app.slider(key="unsure_below").set_value(below).run()
    sure = table["confidence"] >= below
    assert counts_shown(app)["Unsure"] == (~sure).sum()
    assert counts_shown(app)["Air bubble"] == (sure & (table["label"] == "air_bubble")).sum()


def test_class_can_have_a_separate_threshold():
    job_id, table = write_job()
    app = open_results(job_id)
    app.slider(key="unsure_below").set_value(0.0).run()
    app.toggle(key="own_threshold_protein").set_value(True).run()
    app.slider(key="threshold_protein").set_value(0.9).run()
    protein = table["label"] == "protein"
    assert counts_shown(app)["Protein"] == (protein & (table["confidence"] >= 0.9)).sum()
    assert counts_shown(app)["Silicone oil"] == (table["label"] == "silicone_oil").sum()


def test_thresholds_by_class_are_read_from_the_address():
    job_id, table = write_job()
    app = open_results(job_id, unsure_below="0.0", own_threshold_protein="true", threshold_protein="0.97")
    assert app.slider(key="threshold_protein").value == 0.97
    sure = (table["label"] == "protein") & (table["confidence"] >= 0.97)
    assert 0 < counts_shown(app)["Protein"] == sure.sum() < (table["label"] == "protein").sum()
    assert counts_shown(app)["Silicone oil"] == (table["label"] == "silicone_oil").sum()
    app.slider(key="threshold_protein").set_value(0.5).run()
    assert counts_shown(app)["Protein"] > sure.sum()


def test_filter_applies_to_figures_and_table_until_it_is_cleared():
    job_id, table = write_job()
    app = open_results(job_id, "Table", unsure_below="0.0")
    app.button_group(key=f"{job_id}_labels").set_value(["protein"])
    app.number_input(key=f"{job_id}_ecd_um_from").set_value(5.0)
    app.number_input(key=f"{job_id}_ecd_um_to").set_value(9.0).run()
    kept = (table["label"] == "protein") & table["ecd_um"].between(5, 9)
    assert f"**{kept.sum()} of 400 particles** · Protein · ECD (µm) 5 to 9" in page_text(app)
    assert counts_shown(app)["Protein"] == kept.sum()
    assert counts_shown(app)["Silicone oil"] == 0
    (shown,) = [frame.value for frame in app.dataframe if "Confidence" in frame.value]
    assert len(shown) == kept.sum()
    assert shown["ECD (µm)"].between(5, 9).all()
    assert shown["Confidence"].is_monotonic_decreasing
    app.button(key="filter_clear").click().run()
    assert "All **400 particles**" in page_text(app)
    assert not app.exception


@pytest.mark.parametrize("view", VIEWS)
def test_filter_may_leave_nothing(view):
    job_id, _ = write_job()
    app = open_results(job_id, view)
    app.number_input(key=f"{job_id}_ecd_um_from").set_value(1e4).run()
    assert "**0 of 400 particles**" in page_text(app)
    assert not app.exception
    assert not app.error


def test_particles_at_the_border_and_runs_can_be_excluded():
    job_id, table = write_job(runs=2)
    app = open_results(job_id)
    app.toggle(key=f"{job_id}_whole").set_value(True)
    app.button_group(key=f"{job_id}_runs").set_value(["run 1 2"]).run()
    kept = (table["touches_edge"] == "no") & (table["run"] == "run 1 2")
    assert f"**{kept.sum()} of 400 particles**" in page_text(app)
    assert "not touching the border" in page_text(app)


def test_find_similar_filters_by_the_ranges_of_the_selected_particles():
    job_id, table = write_job()
    app = open_results(job_id)
    app.session_state[f"{job_id}_picks"] = [3, 70]
    app.run()
    assert "**2 selected**" in page_text(app)
    app.button(key="like_picked").click().run()
    columns = ["ecd_um", "aspect_ratio", "circularity", "contrast"]
    ends = [
        (app.number_input(key=f"{job_id}_{name}_from").value, app.number_input(key=f"{job_id}_{name}_to").value)
        for name in columns
    ]
    kept = np.logical_and.reduce([table[name].between(*ends) for name, ends in zip(columns, ends, strict=True)])
    assert kept[3]
    assert kept[70]
    assert kept.sum() < COUNT
    assert f"**{kept.sum()} of 400" in page_text(app)
    app.button(key="pick_none").click().run()
    assert "selected" not in page_text(app)
    assert f"**{kept.sum()} of 400" in page_text(app)


def test_rejected_items_keep_their_reason():
    job_id, _ = write_job()
    app = open_results(job_id, "Rejected")
    assert app.dataframe[0].value["reason"].tolist() == ["the image is damaged"] * REJECTED


@pytest.mark.parametrize("view", ["Gallery", "Table", "Plots", "Counts", "Unsure", "Side by side"])
def test_views_say_that_everything_was_rejected(view):
    job_id, _ = write_job(count=0)
    app = open_results(job_id, view)
    assert "all 2 items were rejected" in page_text(app)
    assert "match the filter" not in page_text(app)
    assert not html_tables(app)
