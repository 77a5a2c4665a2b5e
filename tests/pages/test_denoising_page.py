"""The page Denoising without a browser: a recording is made and shown."""

import numpy as np

from svp_core.workspace import jobs
from tests.helpers.app_pages import mark_done, open_page, page_text


def test_recording_of_500_steps_offers_the_steps_of_the_paper():
    config = {"class_keys": ["protein"], "count": 1, "seed": 0, "sampler": "standard", "weights": "generator"}
    job_id, _ = jobs.start("denoise", config)
    frames = np.zeros((501, 1, 64, 64), np.uint8)
    np.savez(
        jobs.job_folder(job_id) / "trajectory.npz",
        noisy=frames,
        clean=frames,
        sigmas=np.linspace(80, 0, 501),
        seeds=np.array([5]),
        classes=np.array(["protein"]),
    )
    mark_done(job_id, step=500, total=500)
    app = open_page("pages/denoising.py", job=job_id)
    strip = app.button_group(key="steps_500")
    assert not app.exception
    assert app.subheader[0].value.replace("\\", "") == "Protein: 500 steps, seed 0, model generator"
    # By default the steps nearest to certain noise levels; those of the paper at a click.
    assert [strip.options[at] for at in strip.value] == ["0", "375", "450", "475", "485", "495", "500"]
    app.button(key="paper_steps").click().run()
    strip = app.button_group(key="steps_500")
    assert [strip.options[at] for at in strip.value] == ["0", "200", "400", "450", "480", "500"]


def test_denoising_records_and_shows():
    app = open_page("pages/denoising.py")
    app.number_input(key="film_count").set_value(1).run()
    app.button_group(key="film_classes").set_value([]).run()
    assert app.button(key="film_go").disabled
    assert "Choose at least one class" in page_text(app)
    assert "0 particles" not in page_text(app)
    app.button_group(key="film_classes").set_value(["protein", "silicone_oil", "air_bubble"]).run()
    app.button(key="film_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "denoise"
    assert job.config["class_keys"] == ["protein", "silicone_oil", "air_bubble"]
    frames = np.zeros((4, 1, 64, 64), np.uint8)
    np.savez(
        jobs.job_folder(job.id) / "trajectory.npz",
        noisy=frames,
        clean=frames,
        sigmas=np.array([80.0, 1, 0.1, 0]),
        seeds=np.array([5]),
        classes=np.array(["protein"]),
    )
    jobs.cancel(job.id)
    app.run()
    assert not app.exception
    assert app.button(key="film_shipped").click().run()
    assert not app.exception
