"""Two makers side by side in a real browser, and the model that stays chosen from page to page."""

import pandas as pd
from playwright.sync_api import expect

from svp_core import model_files
from svp_core.generator import unet
from svp_core.workspace import jobs, models
from tests.helpers.app_server import JOB_MS

COMPARING_MS = 2 * JOB_MS  # fifty images a side are made and measured in about a minute where nothing else works


def test_model_is_compared_with_classical_augmentation(visit, lab):
    page = visit(f"{lab}/synthesize?mode=Compare")
    for option in page.locator(".st-key-left_quality").get_by_role("radio").all():
        box, around = option.bounding_box(), page.locator(".st-key-left_quality").bounding_box()
        assert box["x"] + box["width"] <= around["x"] + around["width"] + 1, "every quality is there to be chosen"
    page.locator(".st-key-left_quality").get_by_role("radio", name="Preview").click()
    page.locator(".st-key-compare_count input").fill("50")
    page.locator(".st-key-compare_count input").press("Enter")
    expect(page.get_by_text("50 images per model")).to_be_visible()
    page.locator(".st-key-compare_go button").click()
    page.wait_for_url("**comparison=*")
    (job,) = [job for job in jobs.active() if job.kind == "compare"]

    # It goes on while another page is looked at, and the sidebar leads back to it.
    page.get_by_test_id("stSidebarNavLink").nth(0).click()
    expect(page.locator("h1")).to_have_text("SvP Lab")
    page.locator(f".st-key-running_{job.id}").get_by_role("link", name="Open").click()
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
    for part, count in (("left", 50), ("right", 50), ("real", 60)):
        expect(page.locator(f".st-key-tiles_{part} .tile")).to_have_count(count, timeout=COMPARING_MS)
    expect(page.locator(".st-key-compared_shapes")).to_contain_text("Reference (n = 1")
    expect(page.get_by_role("table").first).to_contain_text("Recall")
    with page.expect_download() as download:
        page.locator(".st-key-figures_csv button").click()
    table = pd.read_csv(download.value.path())
    assert set(table["side"]) == {"generator", "Classical augmentation"}
    assert table["n"].min() >= 50
    page.reload()
    expect(page.locator(".st-key-tiles_right .tile").first).to_be_visible()
    # The way back to making particles is not lost.
    page.get_by_role("tab", name="Make").click()
    expect(page.get_by_role("button", name="Generate", exact=True)).to_be_visible()


def test_model_chosen_on_one_page_is_chosen_on_the_other(visit, lab):
    config = unet.GeneratorConfig(("fat_droplet",), 0.3, 0.2, channels=(16, 32))
    model_files.save_model(
        models.new_model_folder("my droplets"),
        config=unet.config_as_dict(config),
        tensors=unet.build_unet(config).state_dict(),
        card="# Mine",
        history=[],
    )
    page = visit(f"{lab}/synthesize?model=my%20droplets")
    expect(page.locator(".st-key-make_class")).to_contain_text("Fat droplet")
    page.get_by_test_id("stSidebarNavLink").nth(2).click()
    expect(page.locator("h1")).to_have_text("Denoising")
    expect(page.locator(".st-key-model input")).to_have_value("my droplets")
    expect(page.locator(".st-key-film_classes")).to_contain_text("Fat droplet")
