"""One's own particles in a real browser: a folder in, a training that is paused and resumed, a model to use."""

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from svp_core import model_files
from svp_core.generator import unet
from svp_core.workspace import jobs, models
from tests.helpers.app_server import JOB_MS, settle, wait_for_job
from tests.helpers.drawn_tiles import draw_blocks

TRAINING_MS = 2 * JOB_MS  # until the first check of a training: its process has to start, measure and compare


@pytest.fixture
def tiny(lab):
    """A small model to start from, so that a check is soon there."""
    if not (models.models_folder() / "tiny").exists():
        torch.manual_seed(0)
        config = unet.GeneratorConfig(("protein",), 0.3, 0.2, channels=(16, 32))
        tensors = unet.build_unet(config).state_dict()
        folder = models.new_model_folder("tiny")
        model_files.save_model(folder, config=unet.config_as_dict(config), tensors=tensors, card="# Tiny", history=[])
    return lab


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1920, "dark")])
def test_the_page_fits(visit, server, width, scheme):
    page = visit(f"{server}/train", viewport={"width": width, "height": 900}, color_scheme=scheme)
    expect(page.locator("h1")).to_have_text("Train")
    for part in ("document.documentElement", "document.querySelector('[data-testid=stMain]')"):
        assert page.evaluate(f"{part}.scrollWidth <= {part}.clientWidth"), part


def test_a_folder_becomes_a_model(visit, tiny, tmp_path):
    folder = tmp_path / "day 5"
    (folder / "Fat droplets").mkdir(parents=True)
    for k, tile in enumerate(draw_blocks(55, seed=2)):
        Image.fromarray(tile).save(folder / "Fat droplets" / f"{k}.png")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "loose.png")

    page = visit(f"{tiny}/train")
    page.locator(".st-key-folder_packer input").set_input_files(folder)
    expect(page.locator(".st-key-images_found")).to_contain_text("56 items")
    page.locator(".st-key-images_go button").click()
    expect(page.get_by_text("55 images (fat droplets 55). 1 excluded.")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("1 item excluded, with reasons")).to_be_visible()
    expect(page.get_by_role("button", name="Fat droplets, 55")).to_be_visible()

    page.locator(".st-key-train_name input").fill("Droplets <i>")
    page.locator(".st-key-train_go button").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("is not a valid name")
    page.locator(".st-key-train_name input").fill("Droplets of May")
    page.locator(".st-key-train_base input").click()
    page.get_by_role("option", name="tiny").click()
    page.locator(".st-key-train_minutes input").fill("2")
    page.locator(".st-key-train_minutes input").press("Enter")
    settle(page)
    page.locator(".st-key-train_go button").click()
    page.wait_for_url("**job=*")
    job_id = page.url.split("job=")[1].split("&")[0]

    expect(page.locator(".st-key-growth img")).not_to_have_count(0, timeout=TRAINING_MS)
    expect(page.locator(".st-key-curves")).to_contain_text("KID to held-out tiles")
    for band in ("Texture", "All levels"):
        page.locator(".st-key-error_band").get_by_role("radio", name=band).click()
        expect(page.locator(".st-key-error_band").get_by_role("radio", name=band)).to_be_checked()
    page.locator(".st-key-pause_job button").click()
    expect(page.get_by_text("Paused after")).to_be_visible()
    rested = jobs.get(job_id).step
    page.reload()
    page.locator(".st-key-resume_job button").click()
    wait_for_job(job_id, lambda job: job.step > rested)
    expect(page.locator(".st-key-growth img").nth(1)).to_be_visible(timeout=TRAINING_MS)  # a check behind the start
    page.locator(".st-key-cancel_job button").click()
    page.locator(".st-key-keep_best button").click()
    expect(page.get_by_text("Droplets of May is ready")).to_be_visible()
    settle(page)  # what stood there before goes at the end of the script, and the link moves up
    page.get_by_role("link", name="Generate particles with it").click()
    expect(page.locator("h1")).to_have_text("Synthesize")
    expect(page.locator(".st-key-make_class")).to_contain_text("Fat droplets")
