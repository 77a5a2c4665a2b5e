"""The page Classify without a browser: the card of a source, and results that are filtered, counted, handed on."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.classify.counts_view import read_bins
from pages.ui.shared.text import without_names
from svp_core.display import format_number
from svp_core.errors import LabError
from svp_core.instruments.metadata import format_volume
from svp_core.stats import counts
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_run import draw_run
from tests.helpers.mfi_files import BOXES, draw_frames, write_table

ROOT = repo_root()
KEYS = ("protein", "silicone_oil", "air_bubble")
VIEWS = ("Gallery", "Table", "Plots", "Counts", "Unsure", "Rejected", "Side by side", "Report")
COUNT = 400
REJECTED = 2


def write_job(
    *, name="run 1", seed=0, volume_ml=0.02, um_per_px=0.5, runs=1, missing=0, weights="resnet18", count=COUNT
):
    """A finished classification of drawn figures; (id, its table)."""
    job_id, _ = jobs.start("classify", {"source": f"/data/{name}", "weights": weights, "um_per_px": None})
    folder, rng = jobs.job_folder(job_id), np.random.default_rng(seed)
    probs = rng.dirichlet((0.6, 0.3, 0.3), count).round(4)
    table = pd.DataFrame(
        {"image": [f"{name}.lst#{at}" for at in range(count)], "label": np.array(KEYS)[probs.argmax(1)]}
    )
    table["confidence"] = probs.max(1)
    table[[f"p_{key}" for key in KEYS]] = probs
    table["given"] = None
    table["ecd_px"] = rng.gamma(3, 4, count).round(4)
    table["ecd_um"] = table["ecd_px"] * um_per_px if um_per_px else None
    table["aspect_ratio"], table["circularity"] = rng.random((2, count)).round(4)
    table["contrast"] = -rng.gamma(4, 10, count).round(4)
    table["touches_edge"] = np.where(rng.random(count) < 0.1, "yes", "no")
    table["um_per_px"] = um_per_px
    table["run"] = [f"{name} {at % runs + 1}" if runs > 1 else name for at in range(count)]
    table["status"], table["reason"] = "ok", None
    table["instrument.abd_diameter"] = table["ecd_px"] * 0.4
    rejected = pd.DataFrame({"image": ["x.png", "y.png"], "status": "rejected", "reason": "the image is damaged"})
    pd.concat([rejected, table]).to_csv(folder / "results.csv", index=False)
    np.save(folder / "tiles.npy", rng.integers(0, 255, (count, 64, 64), np.uint8))
    facts = [
        {
            "name": run,
            "kind": "flowcam",
            "count": (count + REJECTED + missing) // runs,
            "um_per_px": um_per_px,
            "volume_ml": volume_ml,
            "volume_from": f"{run}.ctx",
            "dilution": 1.0,
        }
        for run in sorted(set(table["run"]))
    ]
    summary = {
        "title": f"FlowCam run {name}",
        "kind": "flowcam",
        "source": f"/data/{name}",
        "notes": [],
        "um_per_px": um_per_px,
        "um_per_px_from": "",
        "weights": weights,
        "offered": count + REJECTED,
        "named": count,
        "rejected": REJECTED,
        "counts": {},
        "runs": facts,
        "choices": {},
        "inputs": {"files": 1, "bytes": 1, "sha256": "0" * 64},
        "software": {"numpy": "2"},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    with engine().begin() as db:
        db.execute(
            job_table.update()
            .where(job_table.c.id == job_id)
            .values(state="done", step=count, total=count, started=1.0, ended=5.0)
        )
    return job_id, table


def change_run(job_id, name, *, no_sizes=False, **facts):
    """Have a run of a written job without sizes, or with other facts in its summary.json."""
    folder = jobs.job_folder(job_id)
    if no_sizes:
        table = pd.read_csv(folder / "results.csv")
        table.loc[table["run"] == name, ["ecd_um", "um_per_px"]] = None
        table.to_csv(folder / "results.csv", index=False)
    summary = json.loads((folder / "summary.json").read_text())
    (run,) = (run for run in summary["runs"] if run["name"] == name)
    run |= facts
    (folder / "summary.json").write_text(json.dumps(summary))


def opened(job_id, view="Gallery", **query):
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for name, value in {"job": job_id, "view": view, **query}.items():
        app.query_params[name] = value
    return app.run().switch_page("pages/classify.py").run()


def said(app):
    kinds = (app.markdown, app.caption, app.error, app.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


def tables(app):
    return [element.proto.body for element in app.get("html")]


def figures(app):
    return {metric.label: int(metric.value.replace(",", "")) for metric in app.metric}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens(view):
    job_id, _ = write_job()
    app = opened(job_id, view)
    assert not app.exception and not app.error, (app.exception, app.error)
    assert figures(app)["Rejected"] == REJECTED
    assert sum(figures(app).values()) == COUNT + REJECTED


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_opens_where_nothing_could_be_read(view):
    job_id, _ = write_job(count=0)
    app = opened(job_id, view)
    assert not app.exception
    assert not app.error
    assert sum(figures(app).values()) == REJECTED


@pytest.mark.parametrize("below", [0.0, 0.6, 0.99])
def test_slider_says_who_is_unsure(below):
    job_id, table = write_job()
    app = opened(job_id)
    app.slider(key="unsure_below").set_value(below).run()
    sure = table["confidence"] >= below
    assert figures(app)["Unsure"] == (~sure).sum()
    assert figures(app)["Air bubble"] == (sure & (table["label"] == "air_bubble")).sum()


def test_class_may_have_its_own_threshold():
    job_id, table = write_job()
    app = opened(job_id)
    app.slider(key="unsure_below").set_value(0.0).run()
    app.toggle(key="own_threshold_protein").set_value(True).run()
    app.slider(key="threshold_protein").set_value(0.9).run()
    protein = table["label"] == "protein"
    assert figures(app)["Protein"] == (protein & (table["confidence"] >= 0.9)).sum()
    assert figures(app)["Silicone oil"] == (table["label"] == "silicone_oil").sum()


def test_filter_holds_for_figures_and_table_and_is_taken_back():
    job_id, table = write_job()
    app = opened(job_id, "Table", unsure_below="0.0")
    app.button_group(key=f"{job_id}_labels").set_value(["protein"])
    app.number_input(key=f"{job_id}_ecd_um_from").set_value(5.0)
    app.number_input(key=f"{job_id}_ecd_um_to").set_value(9.0).run()
    kept = (table["label"] == "protein") & table["ecd_um"].between(5, 9)
    assert f"**{kept.sum()} of 400 particles** · Protein · ECD (µm) 5 to 9" in said(app)
    assert figures(app)["Protein"] == kept.sum()
    assert figures(app)["Silicone oil"] == 0
    (shown,) = [frame.value for frame in app.dataframe if "Confidence" in frame.value]
    assert len(shown) == kept.sum()
    assert shown["ECD (µm)"].between(5, 9).all()
    assert shown["Confidence"].is_monotonic_decreasing
    app.button(key="filter_clear").click().run()
    assert "All **400 particles**" in said(app)
    assert not app.exception


@pytest.mark.parametrize("view", VIEWS)
def test_filter_may_leave_nothing(view):
    job_id, _ = write_job()
    app = opened(job_id, view)
    app.number_input(key=f"{job_id}_ecd_um_from").set_value(1e4).run()
    assert "**0 of 400 particles**" in said(app)
    assert not app.exception
    assert not app.error


def test_particles_cut_by_the_edge_and_runs_can_be_left_out():
    job_id, table = write_job(runs=2)
    app = opened(job_id)
    app.toggle(key=f"{job_id}_whole").set_value(True)
    app.button_group(key=f"{job_id}_runs").set_value(["run 1 2"]).run()
    kept = (table["touches_edge"] == "no") & (table["run"] == "run 1 2")
    assert f"**{kept.sum()} of 400 particles**" in said(app)
    assert "whole particles" in said(app)


def test_those_like_the_selected_ones_are_shown():
    job_id, table = write_job()
    app = opened(job_id)
    app.session_state[f"{job_id}_picks"] = [3, 70]
    app.run()
    assert "**2 selected**" in said(app)
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
    assert f"**{kept.sum()} of 400" in said(app)
    app.button(key="pick_none").click().run()
    assert "selected" not in said(app)
    assert f"**{kept.sum()} of 400" in said(app)


def test_counts_per_ml_are_those_of_the_core():
    job_id, table = write_job()
    app = opened(job_id, "Counts", unsure_below="0.0")
    assert "Volume imaged 0.02 mL (….ctx)" in said(app)
    found = {
        (row.class_key, row.at_least_um): row
        for row in counts.count_table(table["label"], table["ecd_um"], class_keys=KEYS, volume_ml=0.02)
    }
    row = found["protein", 5.0]
    assert f"<b>{format_number(row.per_ml)}</b>" in tables(app)[0]
    assert f"{format_number(row.per_ml_low)} to {format_number(row.per_ml_high)}" in tables(app)[0]
    assert "corrected for confusion" in said(app)
    assert len(tables(app)) == 3
    app.number_input(key=f"{job_id}_volume").set_value(0.5)
    app.number_input(key=f"{job_id}_dilution").set_value(10.0)
    app.text_input(key="count_bins").set_value("10; 3").run()
    assert "Volume imaged 0.5 mL (typed in), dilution 10." in said(app)
    assert "≥ 3 µm †" in tables(app)[0]
    assert "≥ 2 µm" not in tables(app)[0]
    large = ((table["label"] == "protein") & (table["ecd_um"] >= 10)).sum()
    assert f"<b>{format_number(large / 0.5 * 10)}</b>" in tables(app)[0]


def test_counts_by_the_instruments_own_diameter_and_between_sizes():
    job_id, table = write_job()
    app = opened(job_id, "Counts", unsure_below="0.0")
    app.selectbox(key="count_size").set_value("instrument.abd_diameter")
    app.button_group(key="count_bands").set_value("Between")
    app.button_group(key="count_unit").set_value("Counts").run()
    between = ((table["label"] == "protein") & table["instrument.abd_diameter"].between(2, 5, inclusive="left")).sum()
    assert "abd_diameter · instrument" in said(app)
    assert "2 to 5 µm †" in tables(app)[0]
    assert f"<b>{between}</b>" in tables(app)[0]


def test_no_correction_of_particles_chosen_by_class_or_confidence():
    job_id, _ = write_job()
    app = opened(job_id, "Counts")
    app.button_group(key=f"{job_id}_labels").set_value(["protein"]).run()
    assert "take those out of the filter" in said(app)
    assert len(tables(app)) == 1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"volume_ml": None}, "type it in"),
        ({"um_per_px": None}, "give the µm per pixel"),
        ({"missing": 50}, "50 items of the source were not reached"),
        ({"weights": "gone"}, "no model called 'gone'"),
    ],
)
def test_what_cannot_be_counted_says_why(how, says):
    job_id, _ = write_job(**how)
    app = opened(job_id, "Counts")
    assert says in said(app)
    assert not app.exception
    assert tables(app)


@pytest.mark.parametrize("text", ["", "two", "2, -5", "1 2 3 4 5 6 7 8 9 10 11 12 13", "1e9", "nan"])
def test_bins_that_cannot_be_are_a_sentence(text):
    with pytest.raises(LabError, match="are no size bins; give 1 to 12 numbers"):
        read_bins(text)
    job_id, _ = write_job()
    app = opened(job_id, "Counts")
    app.text_input(key="count_bins").set_value(text).run()
    assert "are no size bins" in app.error[0].value.replace("\\", "")
    assert not app.exception


def test_bins_are_sorted_and_read_with_any_separator():
    assert read_bins(" 25;2 5,,10 ") == (2, 5, 10, 25)


def test_rejected_items_keep_their_reason():
    job_id, _ = write_job()
    app = opened(job_id, "Rejected")
    assert app.dataframe[0].value["reason"].tolist() == ["the image is damaged"] * REJECTED


def test_two_classifications_and_two_runs_stand_side_by_side():
    first, table = write_job(name="a")
    second, other = write_job(name="b", seed=1)
    app = opened(first, "Side by side", unsure_below="0.0")
    assert "Choose another finished classification" in said(app)
    app.multiselect(key=f"{first}_beside").set_value([second]).run()
    (shown,) = tables(app)
    for results in (table, other):
        large = ((results["label"] == "silicone_oil") & (results["ecd_um"] >= 10)).sum()
        assert f"<b>{format_number(large / 0.02)}</b>" in shown
    runs, _ = write_job(name="c", runs=2)
    app = opened(runs, "Side by side")
    assert "c 1" in tables(app)[0]
    assert "c 2" in tables(app)[0]
    assert not app.exception


def cells_of(html):
    """Rows of a table as lists of texts."""
    rows = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    return [[re.sub("<.*?>", " ", cell).strip() for cell in row] for row in rows]


def test_a_run_without_sizes_is_counted_as_unknown_and_not_as_none():
    job_id, _table = write_job(name="c", runs=2)
    change_run(job_id, "c 2", no_sizes=True, um_per_px=None, volume_ml=None)
    app = opened(job_id, "Side by side")
    rows = cells_of(tables(app)[0])
    assert rows[0] == ["Class", "Size", "c 1", "c 2"]
    assert {row[3] for row in rows[1:]} == {"–"}
    assert all(row[2][0].isdigit() for row in rows[1:])
    assert "200 of the shown particles of c 2 have no ECD (µm) and are in no bin." in said(app)
    app.selectbox(key="beside_measure").set_value("ecd_um").run()
    assert "Of c 2 no particle has ECD (µm), so nothing is drawn." in said(app)
    app.selectbox(key="beside_measure").set_value("circularity").run()
    assert "nothing is drawn" not in said(app)
    assert not app.exception


def test_shown_particles_without_sizes_are_counted_without_them():
    job_id, table = write_job(name="c", runs=2)
    change_run(job_id, "c 2", no_sizes=True)
    app = opened(job_id, "Counts", unsure_below="0.0")
    assert "200 of the shown particles have no ECD (µm) and are in no bin." in said(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 2"])
    app.button_group(key="count_unit").set_value("Counts").run()
    assert "None of the shown particles has ECD (µm): they are counted without sizes." in said(app)
    protein = ((table["run"] == "c 2") & (table["label"] == "protein")).sum()
    assert cells_of(tables(app)[0])[1][1].startswith(str(protein))
    assert not app.exception


def test_of_more_than_four_samples_one_chooses_and_sees_which_are_left_out():
    job_id, _ = write_job(name="c", runs=5)
    other, _ = write_job(name="b", seed=1)
    app = opened(job_id, "Side by side")
    assert cells_of(tables(app)[0])[0][2:] == ["c 1", "c 2", "c 3", "c 4"]
    assert "Left out: c 5." in said(app)

    def choose():
        return next(field for field in app.multiselect if field.label.startswith("Shown"))

    choose().set_value(["c 2", "c 5"]).run()
    assert cells_of(tables(app)[0])[0][2:] == ["c 2", "c 5"]
    assert "Left out: c 1, c 3, c 4." in said(app)
    app.multiselect(key=f"{job_id}_beside").set_value([other]).run()
    shown = cells_of(tables(app)[0])[0][2:]  # of each classification one at least
    assert shown[:3] == ["c 1", "c 2", "c 3"]
    assert shown[3].startswith("b, ")
    assert "Left out: c 4, c 5." in said(app)
    assert not app.exception


def test_runs_of_two_classifications_are_told_apart_and_a_filter_by_run_is_of_its_own():
    job_id, _table = write_job(name="c", runs=2)
    other, _theirs = write_job(name="c", runs=2, weights="other")
    app = opened(job_id, "Side by side", unsure_below="0.0")
    app.multiselect(key=f"{job_id}_beside").set_value([other])
    app.button_group(key=f"{job_id}_runs").set_value(["c 1"]).run()
    head, *rows = cells_of(tables(app)[0])
    assert head[2] == "c 1"
    assert [name[:5] for name in head[3:]] == ["c 1 (", "c 2 ("]
    assert not app.exception
    everything = next(row for row in rows if row[0] == "All")
    assert not everything[4].startswith("0")


@pytest.mark.parametrize("view", ["Gallery", "Table", "Plots", "Counts", "Unsure", "Side by side"])
def test_where_everything_was_rejected_it_is_said(view):
    job_id, _ = write_job(count=0)
    app = opened(job_id, view)
    assert "Nothing was named: all 2 items were rejected; their reasons stand under Rejected." in said(app)
    assert "widen the filter" not in said(app)
    assert not tables(app)


def test_pixel_sizes_that_the_model_was_not_trained_at_are_said_where_names_are_counted():
    warning = "resnet18 was trained at 0.25 to 1.4 µm per pixel; at 1.813 µm its classes are unreliable."
    job_id, _ = write_job(um_per_px=1.813)
    assert warning in said(opened(job_id, "Counts"))
    opened(job_id, "Report")
    assert warning in (jobs.job_folder(job_id) / "report.html").read_text("utf-8")
    job_id, _ = write_job(name="fine")
    assert "its classes are unreliable" not in said(opened(job_id, "Counts"))


def test_the_run_whose_volume_is_missing_is_named():
    job_id, _ = write_job(name="c", runs=2)
    change_run(job_id, "c 2", volume_ml=None)
    app = opened(job_id, "Counts")
    assert "The files of c 2 do not say the volume imaged; type in that of all runs together" in said(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 1"]).run()
    assert "Volume imaged 0.02 mL" in said(app)
    app.button_group(key=f"{job_id}_runs").set_value(["c 2"]).run()
    assert "The volume imaged is not in the files; type it in" in said(app)


def test_a_cla_is_offered_of_flowcam_runs_only():
    job_id, _ = write_job(name="c", runs=2)
    change_run(job_id, "c 2", kind="folder")
    app = opened(job_id, "Report")
    assert not app.button(key="make.cla").disabled
    assert not app.get("selectbox")[-1].label.startswith("Run of")
    change_run(job_id, "c 1", kind="mfi")
    (jobs.job_folder(job_id) / "results.csv").touch()
    app = opened(job_id, "Report")
    assert app.button(key="make.cla").disabled
    assert "holds none" in app.button(key="make.cla").help
    assert "A .cla is of" not in said(app)
    assert not app.exception


def test_report_and_files_are_made():
    job_id, table = write_job()
    app = opened(job_id, "Report", unsure_below="0.5")
    app.text_input(key="report_author").set_value("A. <Person>").run()
    page = (jobs.job_folder(job_id) / "report.html").read_text("utf-8")
    assert "A. &lt;Person&gt;" in page
    assert "informational" in page
    assert not app.exception
    app.button_group(key=f"{job_id}_labels").set_value(["protein"]).run()
    for ending in (".csv", ".xlsx", ".zip"):
        app.button(key=f"make{ending}").click().run()
        assert not app.exception
        assert not app.error
        assert app.get("download_button")
    with open(jobs.job_folder(job_id) / "export.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = (table["label"] == "protein") & (table["confidence"] >= 0.5)
    assert [row["image"] for row in rows] == table["image"][kept].tolist()
    assert {r["called"] for r in rows} == {"protein"}
    app.button(key="make.cla").click().run()  # the source of these figures is not there
    assert app.error
    assert not app.exception


def test_damaged_results_are_a_sentence():
    job_id, _ = write_job()
    np.save(jobs.job_folder(job_id) / "tiles.npy", np.zeros((3, 64, 64), np.uint8))
    app = opened(job_id)
    assert "lacks the tiles of 397 particles" in app.error[0].value.replace("\\", "")
    assert not app.exception


def look_at(path):
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run().switch_page("pages/classify.py").run()
    app.text_input(key="path_text").set_value(str(path))
    app.button(key="path_go").click().run()
    return app


def test_card_of_a_run_says_what_was_found(tmp_path):
    draw_run(tmp_path / "run", title="day 5", cal_const="1.7000")
    app = look_at(tmp_path / "run")
    assert "12 items · 1.7 µm per pixel (cal_const in ….lst)" in said(app)
    assert not app.exception
    assert "trained at 0.25 to 1.4 µm per pixel" in app.warning[0].value.replace("\\", "")
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
    assert "pixel size differs from run to run" in said(app)


def test_a_volume_has_the_same_digits_of_one_run_and_of_several(tmp_path):
    assert format_volume(0.0173745) == "0.017375 mL"  # as a card, the counts and the report write it
    for name in ("one", "two"):
        draw_run(tmp_path / "both" / name, title=name)
    app = look_at(tmp_path / "both")
    columns = json.loads(app.dataframe[0].proto.columns)
    assert columns["Volume imaged (mL)"]["type_config"]["format"] == "%.5g"


def test_what_only_the_person_knows_is_asked_and_handed_on(tmp_path):
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


def test_names_of_runs_are_left_out_of_those_of_their_files():
    assert without_names("cal_const in day 5.lst, as in day 5_summary.csv", ["day 5"]) == (
        "cal_const in ….lst, as in …_summary.csv"
    )
    assert without_names("a.ctx", ["a"]) == "a.ctx"


def test_shown_report_is_that_of_the_settings():
    job_id, _ = write_job()
    app = opened(job_id, "Report")
    app.text_input(key=f"{job_id}_title").set_value("Batch 12").run()
    assert re.search(r"<h1>Batch 12</h1>", (jobs.job_folder(job_id) / "report.html").read_text("utf-8"))
