"""What a person does, in a real browser, with the shipped models and a real worker."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

from svp_core.workspace import datasets, jobs
from tests.helpers.app_server import JOB_MS, serving, settle, wait_for_job

PAGES = {"": "SvP Lab", "synthesize": "Synthesize", "denoising": "Denoising", "classify": "Classify"}
NAME_WITH_TAGS = "<b>bold <img src=x>.png"
SCREENS = [(1280, "light"), (1920, "dark")]


def job_of(page):
    """Id of the job that the page has open, from its address."""
    page.wait_for_url("**job=*")
    return page.url.split("job=")[1].split("&")[0]


def order(page, count, quality="Preview"):
    """Fill in the page Synthesize and press its button; the id of the job."""
    page.get_by_role("radio", name=quality).click()
    page.locator(".st-key-make_count input").fill(str(count))
    page.locator(".st-key-make_count input").press("Enter")
    expect(page.get_by_text(f"{count:,} images, ")).to_be_visible()
    page.locator(".st-key-make_go button").click()
    return job_of(page)


def test_a_number_that_cannot_be_reaches_the_page_and_is_refused(visit, lab):
    page, before = visit(f"{lab}/synthesize"), len(jobs.recent(1000))
    fields = {"make_count": (("5000", "got 5,000"), ("-5", "got -5")), "make_seed": (("1e20", "got 1e+20"),)}
    for key, wrong in fields.items():
        for typed, said in wrong:
            # Straight from the field to the button, as a hurried hand does.
            page.locator(f".st-key-{key} input").fill(typed)
            page.locator(".st-key-make_go button").click()
            expect(page.get_by_test_id("stAlert")).to_contain_text(said)
        page.locator(f".st-key-{key} input").fill("3")
        page.locator(f".st-key-{key} input").press("Enter")
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(page.get_by_text("3 images, ")).to_be_visible()
    assert len(jobs.recent(1000)) == before


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_every_page_fits(visit, server, width, scheme):
    page = visit(server, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path, title in PAGES.items():
        page.get_by_test_id("stSidebarNavLink").nth(list(PAGES).index(path)).click()
        expect(page.locator("h1")).to_have_text(title)
        settle(page)
        assert page.get_by_test_id("stException").count() == 0
        for part in ("document.documentElement", "document.querySelector('[data-testid=stMain]')"):
            assert page.evaluate(f"{part}.scrollWidth <= {part}.clientWidth"), (title, part)


def test_first_page_shows_named_particles_and_plays(visit, server):
    page = visit(server)
    for name in ("Protein", "Silicone oil", "Air bubble"):
        expect(
            page.get_by_role("group", name=f"classified as {name.lower()}").locator(".tile:visible").first
        ).to_be_visible()
    tile = page.locator(".st-key-samples_protein .tile").first
    tile.click()
    expect(page.locator(".st-key-samples_protein .large")).to_contain_text("Simulated as")
    where = page.locator(".st-key-home_player .where")
    last = int(page.locator(".st-key-home_player input[type=range]").get_attribute("max"))
    expect(where).to_contain_text(f"Step {last} of {last}")
    page.locator(".st-key-home_player input[type=range]").fill("0")
    expect(where).to_contain_text(f"Step 0 of {last}")
    page.get_by_role("button", name="Play").click()
    expect(where).to_contain_text(f"Step {last} of {last}")


def test_droplets_are_made_kept_and_taken_away(visit, lab):
    page = visit(f"{lab}/synthesize")
    job_id = order(page, 16)
    expect(page.locator(".st-key-tiles_made .tile")).to_have_count(16, timeout=JOB_MS)
    expect(page.locator(".st-key-made_shapes")).to_contain_text("Generated (n = 1")

    page.locator(".st-key-save_made button").click()
    expect(page.get_by_text("Saved as data set")).to_be_visible()
    (kept,) = [meta for meta in datasets.list_datasets() if meta["provenance"].get("job") == job_id]
    assert (kept["kind"], kept["count"], kept["provenance"]["sampler"]) == ("synthetic", 16, "preview")

    with page.expect_download() as download:
        page.locator(".st-key-zip_made button").first.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        manifest = pd.read_csv(io.BytesIO(archive.read("manifest.csv")))
    assert len([name for name in names if name.endswith(".png")]) == len(manifest) == 16

    page.reload()
    expect(page.locator(".st-key-tiles_made .tile")).to_have_count(16, timeout=JOB_MS)


def test_job_survives_a_reload_is_shared_and_can_be_cancelled(visit, lab):
    first, second = visit(f"{lab}/synthesize"), visit(f"{lab}/synthesize")
    job_id = order(first, 1000)
    assert order(second, 1000) == job_id
    assert [job.id for job in jobs.active()] == [job_id]

    wait_for_job(job_id, lambda job: job.step > 0)
    first.reload()
    settle(first)
    expect(first.locator(".st-key-so_far .tile").first).to_be_visible()
    expect(first.locator(".st-key-progress")).to_contain_text("of 1,000")

    first.locator(".st-key-cancel_job button").click()
    done = wait_for_job(job_id, lambda job: not job.active)
    assert done.state == "cancelled"
    assert 0 < done.step < 1000
    for page in (first, second):
        expect(page.get_by_text("Cancelled after")).to_be_visible()
        expect(page.locator(".st-key-tiles_made .tile").first).to_be_visible()


@pytest.fixture
def odd_folder(tmp_path):
    """A folder as labs have them: three readable particles and what else lies about."""
    rng = np.random.default_rng(0)
    tile = rng.normal(170, 4, (64, 64)).clip(0, 255).astype(np.uint8)
    tile[24:40, 26:38] = 90
    folder = tmp_path / "day 5"
    (folder / "silicone oil").mkdir(parents=True)
    Image.fromarray(tile).save(folder / "silicone oil" / "tröpfchen 1.png")
    Image.fromarray(tile).save(folder / NAME_WITH_TAGS)
    Image.fromarray(tile.astype(np.uint16) * 256).save(folder / "deep.tif")
    whole = io.BytesIO()
    Image.fromarray(tile).save(whole, "PNG")
    (folder / "broken.png").write_bytes(whole.getvalue()[:300])
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes *important*.txt").write_text("no image")
    (folder / ".hidden").write_text("not offered")
    return folder


def results_of(job_id):
    return pd.read_csv(jobs.job_folder(job_id) / "results.csv").set_index("image")


def test_folder_with_all_sorts_in_it(visit, lab, odd_folder):
    page = visit(f"{lab}/classify")
    page.locator(".st-key-folder_packer input").set_input_files(odd_folder)
    expect(page.locator(".st-key-recognised")).to_contain_text("day 5")
    expect(page.locator(".st-key-recognised")).to_contain_text("6 items")
    page.reload()
    page.locator(".st-key-classify_go button").click()
    job_id = job_of(page)
    expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=JOB_MS)

    results = results_of(job_id)
    named = [NAME_WITH_TAGS, "deep.tif", "silicone oil/tröpfchen 1.png"]
    assert sorted(results.index[results["status"] == "ok"]) == named
    rejected = results[results["status"] == "rejected"]
    assert sorted(rejected.index) == ["broken.png", "empty.png", "notes *important*.txt"]
    assert rejected["reason"].str.len().min() > 10
    assert results.loc["silicone oil/tröpfchen 1.png", "given"] == "silicone_oil"

    expect(page.locator(".st-key-figures .figure", has_text="Rejected")).to_contain_text("3")
    tiles = page.get_by_role("group", name="Particles").locator(".tile")
    expect(tiles).to_have_count(3)
    assert any(NAME_WITH_TAGS in tile.get_attribute("title") for tile in tiles.all())
    for view in ("Table", "Plots", "Counts", "Unsure", "Rejected", "Side by side", "Report", "Gallery"):
        page.get_by_role("tab", name=view).click()
        settle(page)


def test_zip_comes_in_and_a_bad_one_is_refused(visit, lab, odd_folder, tmp_path):
    good, bad, astray = tmp_path / "good ü.zip", tmp_path / "bad.zip", tmp_path / "astray.zip"
    with zipfile.ZipFile(good, "w") as archive:
        archive.write(odd_folder / "deep.tif", "protein/deep.tif")
    bad.write_bytes(good.read_bytes()[:-40])
    with zipfile.ZipFile(astray, "w") as archive:
        archive.write(odd_folder / "deep.tif", "../deep.tif")

    page = visit(f"{lab}/classify")
    uploader = page.get_by_test_id("stFileUploader").locator("input")
    for archive, says in ((bad, "is damaged"), (astray, "outside its folder")):
        uploader.set_input_files(archive)
        expect(page.get_by_test_id("stAlert")).to_contain_text(says)
        # The uploader is a new one after each file; the old one would swallow the next.
        settle(page)
        expect(uploader).to_have_count(1)
        assert not jobs.active()
    uploader.set_input_files(good)
    expect(page.locator(".st-key-recognised")).to_contain_text("good ü.zip")
    page.locator(".st-key-classify_go button").click()
    expect(page.get_by_role("tab", name="Report")).to_be_visible(timeout=JOB_MS)
    results = results_of(job_of(page))
    assert list(results.index) == ["protein/deep.tif"]
    assert results["given"].tolist() == ["protein"]


def test_denoising_is_played_scrubbed_and_taken_away(visit, lab, tmp_path):
    page = visit(f"{lab}/denoising")
    player, where = page.locator(".st-key-player"), page.locator(".st-key-player .where")
    expect(where).to_contain_text("Step")
    last = int(player.locator("input[type=range]").get_attribute("max"))
    # Initially a step that no other column shows.
    heads = player.locator(".strip").first.locator(".head span:first-of-type").all_inner_texts()
    assert len(set(heads)) == len(heads) == 9
    player.locator("input[type=range]").fill(str(last))
    expect(where).to_contain_text(f"Step {last} of {last}")

    def seen():
        return player.locator("canvas.live").first.evaluate("c => c.toDataURL()")

    finished = seen()
    player.locator("input[type=range]").fill("0")
    expect(where).to_contain_text("Step 0")
    assert seen() != finished
    player.get_by_role("button", name="Play").click()
    expect(where).to_contain_text(f"Step {last} of {last}")
    assert seen() == finished

    strip = player.locator(".strip canvas:not(.live)").nth(1).evaluate("c => c.toDataURL()")
    player.get_by_role("button", name="Noisy input").click()
    assert player.locator(".strip canvas:not(.live)").nth(1).evaluate("c => c.toDataURL()") != strip
    # The current step, then the steps nearest to noise levels at which the image changes.
    heads = player.locator(".strip").first.locator(".head b").all_inner_texts()
    assert heads[:2] + heads[-1:] == ["Now", "0 %", "100 %"]
    assert len(heads) == 9
    expect(page.locator(".st-key-film_gif")).to_contain_text("noisy")
    with page.expect_download() as download:
        page.locator(".st-key-film_gif button").click()
    assert download.value.suggested_filename.endswith("noisy_input.gif")
    with Image.open(download.value.path()) as film:
        assert film.n_frames == last + 1
    with page.expect_download() as download:
        page.locator(".st-key-strip_png button").click()
    with Image.open(download.value.path()) as picture:
        assert picture.format == "PNG"
        assert picture.width > 6 * 64


def test_deep_link_on_a_fresh_server(visit, tmp_path):
    with serving(tmp_path) as address:
        page = visit(f"{address}/classify?upload=abc")
        expect(page.locator("h1")).to_have_text("Classify")
        menu = ["Home", "1 Synthesize", "2 Denoising", "3 Classify"]
        expect(page.get_by_test_id("stSidebarNavLink")).to_contain_text(menu)
        expect(page).to_have_title("Classify · SvP Lab")
        expect(page.get_by_test_id("stAlert")).to_contain_text("no longer in the workspace")
        assert Path(tmp_path / "lab.sqlite").is_file()
