"""The page Classify without a browser: two to four samples side by side."""

from svp_core.display import format_number
from tests.helpers.app_pages import page_text
from tests.helpers.classified_page import html_tables, open_results, table_cells, write_job


def test_two_classifications_and_two_runs_are_compared():
    first, table = write_job(name="a")
    second, other = write_job(name="b", seed=1)
    app = open_results(first, "Side by side", unsure_below="0.0")
    assert "Choose another finished classification" in page_text(app)
    app.multiselect(key=f"{first}_beside").set_value([second]).run()
    (shown,) = html_tables(app)
    for results in (table, other):
        large = ((results["label"] == "silicone_oil") & (results["ecd_um"] >= 10)).sum()
        assert f"<b>{format_number(large / 0.02)}</b>" in shown
    runs, _ = write_job(name="c", runs=2)
    app = open_results(runs, "Side by side")
    assert "c 1" in html_tables(app)[0]
    assert "c 2" in html_tables(app)[0]
    assert not app.exception


def test_at_most_four_samples_are_shown_by_choice():
    job_id, _ = write_job(name="c", runs=5)
    other, _ = write_job(name="b", seed=1)
    app = open_results(job_id, "Side by side")
    assert table_cells(html_tables(app)[0])[0][2:] == ["c 1", "c 2", "c 3", "c 4"]
    assert "Not shown: c 5." in page_text(app)

    def choose():
        return next(field for field in app.multiselect if field.label.startswith("Shown"))

    choose().set_value(["c 2", "c 5"]).run()
    assert table_cells(html_tables(app)[0])[0][2:] == ["c 2", "c 5"]
    assert "Not shown: c 1, c 3, c 4." in page_text(app)
    app.multiselect(key=f"{job_id}_beside").set_value([other]).run()
    shown = table_cells(html_tables(app)[0])[0][2:]  # of each classification one at least
    assert shown[:3] == ["c 1", "c 2", "c 3"]
    assert shown[3].startswith("FlowCam run b, ")
    assert "Not shown: c 4, c 5." in page_text(app)
    assert not app.exception


def test_filter_by_run_applies_to_the_open_classification_only():
    job_id, _table = write_job(name="c", runs=2)
    other, _theirs = write_job(name="c", runs=2, weights="other")
    app = open_results(job_id, "Side by side", unsure_below="0.0")
    app.multiselect(key=f"{job_id}_beside").set_value([other])
    app.button_group(key=f"{job_id}_runs").set_value(["c 1"]).run()
    head, *rows = table_cells(html_tables(app)[0])
    assert head[2] == "c 1"
    assert [name[:5] for name in head[3:]] == ["c 1 (", "c 2 ("]
    assert not app.exception
    everything = next(row for row in rows if row[0] == "All")
    assert not everything[4].startswith("0")
