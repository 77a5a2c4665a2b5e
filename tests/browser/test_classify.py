"""The page Classify in a real browser: from a run to its report, and results that are worked with."""

import json
import re
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.files import write_json
from svp_core.images import encode_png
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import sample_folder
from tests.helpers.app_server import JOB_MS, serving, settle
from tests.helpers.drawn_discs import draw_discs
from tests.helpers.drawn_run import draw_run

SAMPLE_RUN = next((sample_folder() / "flowcam_run").glob("*/*.lst")).parent
MANY = 100_000


def end(job_id, count):
    with engine().begin() as db:
        db.execute(
            job_table.update()
            .where(job_table.c.id == job_id)
            .values(state="done", step=count, total=count, started=1.0, ended=5.0)
        )
    return job_id


@pytest.fixture
def named_run(lab, no_job_processes):
    """A finished classification of the sample run, made in this process; every test has its own."""
    config = {"source": str(SAMPLE_RUN), "weights": "resnet18", "um_per_px": None, "choices": {"test": time.time()}}
    job_id, _ = jobs.start("classify", config)
    source = next(iter(_classified), None)
    if source is None:
        for _ in run_task("classify", config, jobs.job_folder(job_id)):
            pass
        _classified.append(jobs.job_folder(job_id))
    else:
        for file in source.iterdir():
            (jobs.job_folder(job_id) / file.name).write_bytes(file.read_bytes())
    return end(job_id, len(results_of(job_id)))


_classified = []


def results_of(job_id):
    return pd.read_csv(jobs.job_folder(job_id) / "results.csv")


def shown(page):
    """How many particles the line under the filter says are shown."""
    return int(re.search(r"([\d,]+)", page.locator(".st-key-filter_line").inner_text()).group(1).replace(",", ""))


def test_from_a_run_folder_to_its_report_in_three_clicks(visit, lab, tmp_path):
    draw_run(tmp_path / "run", title="day5 (2)")
    page = visit(f"{lab}/classify")
    page.locator(".st-key-folder_packer input").set_input_files(tmp_path / "run")
    page.locator(".st-key-classify_go button").click()
    # A process of its own, which gives way to all others, starts and loads the network first.
    expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=JOB_MS)
    page.get_by_role("tab", name="Report").click()
    with page.expect_download() as download:
        page.locator(".st-key-report_html button").click()
    report = Path(download.value.path()).read_text("utf-8")
    assert "informational" in report
    assert "day5 (2)" in report
    assert re.search(r"_report_[\d-]+\.html$", download.value.suggested_filename)


def zip_of(path, *tiles):
    with zipfile.ZipFile(path, "w") as archive:
        for number, tile in enumerate(tiles):
            archive.writestr(f"{number}.png", encode_png(tile))
    return path


def test_another_zip_is_classified_after_one_and_a_document_is_refused(visit, lab, tmp_path):
    page, tiles = visit(f"{lab}/classify"), draw_discs(5, seed=0)
    uploader = page.get_by_test_id("stFileUploader").locator("input")
    for name, count in (("first.zip", 3), ("second.zip", 5)):
        uploader.set_input_files(zip_of(tmp_path / name, *tiles[:count]))
        expect(page.locator(".st-key-recognised")).to_contain_text(f"{count} items")
        page.locator(".st-key-classify_go button").click()
        expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=JOB_MS)
        page.get_by_role("tab", name="Counts").click()
        settle(page)
        page.locator(".st-key-classify_anew button").click()
        expect(uploader).to_have_count(1)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "notes.docx").write_bytes(b"PK")
    uploader.set_input_files(folder / "notes.docx")
    expect(page.get_by_test_id("stFileUploader")).to_contain_text("not allowed")
    page.locator(".st-key-folder_packer input").set_input_files(folder)
    expect(page.locator(".st-key-folder_packer .status")).to_contain_text("no image")
    expect(page.locator(".st-key-recognised")).to_have_count(0)


def test_unexpected_error_is_one_sentence_and_leads_to_the_log(browser, tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    end(jobs.start("classify", {"source": 5})[0], 1)  # no release writes a job whose source is not a path
    with serving(tmp_path) as address:
        page = browser.new_context().new_page()
        page.goto(f"{address}/classify")
        expect(page.locator(".st-key-unexpected_error")).to_contain_text("app.log")
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert page.locator(f"a[href^=http]:not([href^='{address}'])").count() == 0
        page.context.close()
    assert "TypeError" in (tmp_path / "app.log").read_text("utf-8")


def test_results_and_the_filter_fit_a_small_window(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}", viewport={"width": 1280, "height": 800})
    tile = page.locator(".tile").first
    expect(tile).to_be_visible()
    assert tile.bounding_box()["y"] < 500
    assert "--bar" in tile.get_attribute("style")
    page.get_by_role("button", name="Filter", exact=True).click()
    panel = page.locator(".st-key-filter_panel")
    expect(panel).to_be_visible()
    box = panel.bounding_box()
    assert box["y"] + box["height"] <= 800
    page.keyboard.press("Escape")
    tile.click()
    large = page.locator(".large:visible").bounding_box()
    assert large["y"] + large["height"] <= 800


def test_files_are_downloaded_with_one_click_under_the_name_of_the_sample(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}&view=Report")
    page.get_by_label("Sample", exact=True).fill("Syringe 7")
    page.get_by_label("Sample", exact=True).press("Enter")
    summary = jobs.job_folder(named_run) / "summary.json"
    while json.loads(summary.read_text("utf-8")).get("sample") != "Syringe 7":
        page.wait_for_timeout(100)  # until the page has stored it; the test's own time limit ends this
    settle(page)
    for key, content in (("get_csv", "results"), ("get_zip", "tiles"), ("report_html", "report")):
        with page.expect_download() as download:
            page.locator(f".st-key-{key} button").click()
        assert download.value.suggested_filename.startswith(f"Syringe 7_{content}_")
    page.reload()
    expect(page.get_by_label("Sample", exact=True)).to_have_value("Syringe 7")


def test_selection_in_a_plot_filters_all_views(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}&view=Plots", viewport={"width": 1280, "height": 1400})
    total = len(results_of(named_run))
    assert shown(page) == total
    box = page.locator("[class*=st-key-scattergram] canvas.over").bounding_box()
    corners = [(0.02, 0.02), (0.4, 0.02), (0.4, 0.98), (0.02, 0.98), (0.02, 0.02)]
    for at, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if not at:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(".st-key-filter_line")).to_contain_text("lasso selection")
    kept = shown(page)
    assert 0 < kept < total
    figures = page.locator(".st-key-figures b").all_inner_texts()
    assert sum(int(figure.replace(",", "")) for figure in figures[:-1]) == kept

    page.get_by_role("tab", name="Gallery").click()
    expect(page.get_by_role("group", name="Particles").first).to_be_visible()
    names = page.get_by_role("group", name="Particles").all()
    assert sum(int(re.search(r"([\d,]+)$", name.get_attribute("aria-label")).group(1)) for name in names) <= kept
    page.locator(".st-key-filter_clear button").click()
    expect(page.locator(".st-key-filter_line")).to_contain_text(f"All {total:,} particles")


def test_range_selected_in_a_histogram_is_a_range_of_the_filter(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}&view=Plots", viewport={"width": 1280, "height": 1400})
    area = page.locator("[class*=st-key-histograms] .panel").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    line = page.locator(".st-key-filter_line")
    expect(line).to_contain_text(re.compile(r"Size of record \(µm\) [\d.]+ to [\d.]+"))
    low, high = map(float, re.search(r"Size of record \(µm\) ([\d.]+) to ([\d.]+)", line.inner_text()).groups())
    results = results_of(named_run)
    assert shown(page) == results["size_um"].between(low, high).sum()


def test_find_similar_filters_by_the_selected_particles(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}")
    tiles = page.get_by_role("group", name="Particles").first.locator(".tile")
    for at in (0, 1, 2):
        tiles.nth(at).click(position={"x": 8, "y": 8})
    expect(page.locator(".st-key-filter_line")).to_contain_text("3 selected")
    tiles.nth(4).click(modifiers=["Control"])
    tiles.nth(4).click(modifiers=["Control"])
    expect(page.locator(".st-key-filter_line")).to_contain_text("3 selected")
    page.locator(".st-key-like_picked button").first.click()
    expect(page.locator(".st-key-filter_line")).to_contain_text("Circularity")
    assert 3 <= shown(page) < len(results_of(named_run))
    page.locator(".st-key-pick_none button").click()
    expect(page.locator(".st-key-filter_line")).not_to_contain_text("selected")
    expect(page.locator(".tile.picked")).to_have_count(0)


def test_confidence_threshold_changes_the_counts(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}&view=Counts")
    slider = page.locator(".st-key-unsure_below input").first
    slider.focus()
    named = results_of(named_run)
    known = named[named["unlike"] != "yes"]  # the others are counted as unlike, whatever their probability
    probabilities = known.filter(regex="^p_").max(axis=1)
    slider.press("Home")
    expect(page.locator(".st-key-figures .figure", has_text="Unsure")).to_contain_text("0.0 %")
    for _ in range(3):
        slider.press("End")
    below = int((probabilities < 0.99).sum())
    expect(page.locator(".st-key-figures .figure", has_text="Unsure")).to_contain_text(f"{below:,}")
    row = page.locator("table tr", has_text="Unsure").first
    expect(row).to_be_visible()


def test_threshold_of_a_class_is_kept_when_the_page_is_reloaded(visit, named_run, lab):
    page = visit(f"{lab}/classify?job={named_run}&view=Counts")
    page.get_by_role("button", name="By class").click()
    page.locator(".st-key-own_threshold_protein label").first.click()
    slider = page.locator(".st-key-threshold_protein input").first
    slider.focus()
    for _ in range(3):
        slider.press("End")
    expect(page).to_have_url(re.compile(r"threshold_protein=0\.99"))
    named = results_of(named_run)
    sure = (named["label"] == "protein") & (named["unlike"] != "yes") & (named["p_protein"] >= 0.99)
    figure = page.locator(".st-key-figures .figure", has_text="Protein")
    expect(figure).to_contain_text(f"{sure.sum():,}")
    shown = figure.inner_text()
    page.reload()
    expect(figure).to_have_text(re.compile(re.escape(shown.split()[-1])))
    page.get_by_role("button", name="By class").click()
    expect(page.locator(".st-key-threshold_protein")).to_contain_text("0.99")


@pytest.fixture
def many(lab, no_job_processes):
    """A finished classification of 100,000 particles, most of whose tiles are black."""
    job_id, _ = jobs.start("classify", {"source": "/data/many", "weights": "resnet18", "um_per_px": None})
    folder, rng = jobs.job_folder(job_id), np.random.default_rng(0)
    probs = rng.dirichlet((0.3, 0.05, 0.05), MANY).round(4)
    keys = ("protein", "silicone_oil", "air_bubble")
    table = pd.DataFrame({"image": [f"many.lst#{at}" for at in range(MANY)], "confidence": probs.max(1)})
    table["label"] = np.array(keys)[probs.argmax(1)]
    table[[f"p_{key}" for key in keys]] = probs
    table["given"], table["run"] = None, "many"
    table["ecd_um"] = rng.gamma(3, 2, MANY).round(4)
    table["ecd_px"], table["um_per_px"] = table["ecd_um"] / 0.5, 0.5
    table["aspect_ratio"], table["circularity"] = rng.random((2, MANY)).round(4)
    table["contrast"], table["touches_edge"] = -40.0, "no"
    table["status"], table["reason"] = "ok", None
    own = pd.DataFrame({f"instrument.Column {number}": table["ecd_um"] for number in range(130)})
    pd.concat([table, own], axis=1).to_csv(folder / "results.csv", index=False)
    np.lib.format.open_memmap(folder / "tiles.npy", "w+", np.uint8, (MANY, 64, 64)).flush()
    write_json(
        folder / "summary.json",
        {
            "title": "Many",
            "kind": "flowcam",
            "source": "/data/many",
            "notes": [],
            "um_per_px": 0.5,
            "um_per_px_from": "many.ctx",
            "weights": "resnet18",
            "offered": MANY,
            "named": MANY,
            "rejected": 0,
            "counts": {},
            "runs": [],
        },
    )
    return end(job_id, MANY)


def test_a_hundred_thousand_particles_are_shown_and_filtered(visit, many, lab):
    """How soon, benchmarks/classify_page.py measures."""
    page = visit(f"{lab}/classify?job={many}&view=Table")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    assert shown(page) == MANY
    page.get_by_test_id("stButtonGroup").get_by_text("Silicone oil").first.click()
    expect(page.locator(".st-key-filter_line")).to_contain_text(" of 100,000")
    results = results_of(many)
    sure = results["confidence"] >= CONFIDENCE_THRESHOLD
    assert shown(page) == (sure & (results["label"] == "silicone_oil")).sum()
    page.get_by_role("tab", name="Plots").click()
    expect(page.locator("[class*=st-key-scattergram] .legend button").first).to_be_visible()
    settle(page)
