"""The page Novelty in a browser: strangers are selected with keys and taught, and a reload keeps it."""

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from svp_core.classification.results import read_results_folder
from svp_core.images import encode_png
from svp_core.tasks.novelty import NoveltyRequest
from svp_core.workspace import jobs
from tests.helpers.app_pages import finish_job
from tests.helpers.app_server import settle, wait_until
from tests.helpers.stored_work import store_job

SAMPLE = Path(__file__).parents[2] / "sample_data" / "tiles.npy"
STRANGE = 10


def test_strangers_are_selected_and_taught_and_a_reload_keeps_it(visit, lab, tmp_path):
    tiles = np.random.default_rng(2).permutation(np.load(SAMPLE))
    noise = np.random.default_rng(3).normal(0, 45, (STRANGE, 64, 64)) * (np.hypot(*np.mgrid[-32:32, -32:32]) < 20)
    sets = {"normal": tiles[:110], "sample": [*tiles[110:130], *(170 + noise).clip(0, 255).astype(np.uint8)]}
    for name, images in sets.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            (tmp_path / name / f"{number:03}.png").write_bytes(encode_png(np.asarray(image)))
    config = NoveltyRequest(str(tmp_path / "sample"), str(tmp_path / "normal")).to_config()
    job_id = store_job("novelty", config)
    finish_job(job_id)
    page = visit(f"{lab}/novelty?job={job_id}")
    count = len(read_results_folder(jobs.job_folder(job_id)).probs)
    assert count > 20
    page.get_by_text(f"All ({count})").click()
    settle(page)
    gallery = page.locator(f".st-key-novelty_tiles_{job_id}")
    shown = gallery.locator(".tile")
    expect(shown).to_have_count(count)
    button = page.get_by_role("button", name="Confirm")
    expect(button).to_be_disabled()
    for k in range(6):
        shown.nth(k).focus()
        page.keyboard.press("s")
    expect(button).to_contain_text("6 selected particles")
    button.click()
    folder = jobs.job_folder(job_id)
    wait_until(lambda: (read_results_folder(folder).summary["novelty"].get("taught") or {}).get("confirmed") == 6)
    expect(page.get_by_text("Learnt from 6 confirmed strangers")).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_text("Learnt from 6 confirmed strangers")).to_be_visible()
    for width in (1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
