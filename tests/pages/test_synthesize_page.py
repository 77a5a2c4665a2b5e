"""The page Synthesize without a browser: the request, its time, its images, models of the lab."""

import numpy as np
import pandas as pd

from svp_core import model_files
from svp_core.generator import published
from svp_core.generator.sampling import SAMPLERS
from svp_core.workspace import datasets, jobs, models
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text


def test_synthesize_starts_the_job_that_was_asked_for():
    app = open_page("pages/synthesize.py")
    app.button_group(key="make_class").set_value("air_bubble")
    app.button_group(key="make_quality").set_value("preview")
    app.number_input(key="make_count").set_value(3)
    app.number_input(key="make_seed").set_value(7).run()
    app.button(key="make_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "generate"
    assert job.config == {
        "class_key": "air_bubble",
        "count": 3,
        "seed": 7,
        "sampler": "preview",
        "weights": "generator",
    }
    assert job.id in app.query_params["job"]
    assert not app.exception
    assert app.button(key="cancel_job")
    app.button(key="cancel_job").click().run()
    assert jobs.get(job.id).state == "cancelled"
    assert "Cancelled" in page_text(app)


def test_a_reload_brings_back_the_settings_of_the_open_job(own_model):
    config = {"class_key": "fat_droplet", "count": 60, "seed": 7, "sampler": "preview", "weights": own_model}
    job_id, _ = jobs.start("generate", config)
    app = open_page("pages/synthesize.py", job=job_id)
    assert f"60 images of fat droplet, seed 7, preview quality, model {own_model}" in page_text(app)
    app.button(key="cancel_job").click().run()
    app.button(key="make_go").click().run()
    (job,) = jobs.active()
    assert job.id != job_id
    assert job.config == config
    # What is changed afterwards stays, and a link to another model is followed.
    app.number_input(key="make_count").set_value(3).run()
    app.selectbox(key="model").set_value("generator").run()
    assert (app.number_input(key="make_count").value, app.selectbox(key="model").value) == (3, "generator")
    jobs.cancel(job.id)
    again = open_page("pages/synthesize.py", job=job_id, model="generator")
    assert again.selectbox(key="model").value == own_model
    assert not again.exception


def test_made_particles_are_shown_and_saved():
    config = {"class_key": "silicone_oil", "count": 2, "seed": 0, "sampler": "preview", "weights": "generator"}
    job_id, _ = jobs.start("generate", config | {"steps": 2})
    finish_job(job_id)
    app = open_page("pages/synthesize.py", job=job_id)
    assert not app.exception
    assert "2 images in 4 s" in page_text(app)
    app.text_input(key=f"name_{job_id}").set_value("My droplets")
    app.button(key="save_made").click().run()
    (meta,) = datasets.list_datasets()
    assert meta["name"] == "My droplets"
    assert meta["count"] == 2
    assert meta["provenance"]["weights"] == "generator"
    assert "My droplets" in page_text(app)


def test_name_of_a_data_set_is_needed():
    config = {"class_key": "protein", "count": 1, "seed": 0, "sampler": "preview", "steps": 2}
    job_id, _ = jobs.start("generate", config)
    finish_job(job_id)
    app = open_page("pages/synthesize.py", job=job_id)
    app.text_input(key=f"name_{job_id}").set_value(" ")
    app.button(key="save_made").click().run()
    assert "no name" in app.error[0].value
    assert not datasets.list_datasets()


def test_own_model_brings_its_classes_its_card_and_its_words(own_model):
    app = open_page("pages/synthesize.py")
    app.selectbox(key="model").set_value(own_model).run()
    assert app.button_group(key="make_class").options == ["Silicone oil", "Fat droplet"]
    assert "200 of fat droplet" in page_text(app)
    assert "# Mine" in page_text(app)
    app.button_group(key="make_class").set_value("fat_droplet").run()
    assert "no data set has fat droplet" in page_text(app)
    app.button(key="make_go").click().run()
    (job,) = jobs.active()
    assert job.config["weights"] == own_model
    assert job.config["class_key"] == "fat_droplet"
    finish_job(job.id)
    app.run()
    assert not app.exception
    assert f"model {own_model}" in page_text(app)
    app.button(key="save_made").click().run()
    (meta,) = datasets.list_datasets()
    assert meta["classes"] == {"fat_droplet": 16}
    assert own_model in meta["name"]
    # Back to the shipped model: what only the other one makes is no choice any more.
    app.selectbox(key="model").set_value("generator").run()
    assert not app.exception
    assert app.button_group(key="make_class").value == "silicone_oil"


def test_published_model_is_fast_or_exact_and_says_how_long_that_takes():
    config = published.PublishedConfig(("silicone_oil",), dim=8, dim_mults=(1, 2))
    model = published.build_published(dim=8, dim_mults=(1, 2))
    model_files.save_model(
        models.new_model_folder("published oil"),
        config=published.config_as_dict(config),
        tensors=model.state_dict(),
        card="# Theirs\n",
        history=[],
    )
    app = open_page("pages/synthesize.py", model="published oil")
    assert app.button_group(key="make_class").options == ["Silicone oil"]
    assert app.button_group(key="make_quality").options == ["Fast, 24", "Exact, as published, 500"]
    app.button_group(key="make_quality").set_value("exact").run()
    # 16 images of 500 calls, a quarter of a second each before anything was measured.
    assert "500 steps each: about 33 min" in page_text(app)
    assert "CC BY-NC-SA" in page_text(app)
    app.switch_page("pages/denoising.py").run()
    assert app.button_group(key="film_quality").value == "fast"
    app.button(key="film_go").click().run()
    (job,) = jobs.active()
    assert job.config["sampler"] == "fast"
    assert job.config["class_keys"] == ["silicone_oil"]
    finish_job(job.id)
    app.run()
    assert not app.exception
    assert app.button_group(key="steps_24")


def test_time_is_told_from_what_this_model_took_here():
    config = {"class_key": "protein", "count": 100, "seed": 0, "sampler": "standard", "weights": "generator"}
    job_id, _ = jobs.start("generate", config)
    start = jobs.get(job_id).created
    with engine().begin() as db:
        db.execute(job_table.update().values(paced_step=0, paced_from=start, stepped=start + 95))
    mark_done(job_id, step=100, total=100)  # 19 steps an image, a twentieth of a second each
    app = open_page("pages/synthesize.py")
    app.button_group(key="make_quality").set_value("preview")
    app.number_input(key="make_count").set_value(41).run()
    # 48 images' calls, as the last call is no quicker for being half empty: 24 s and the start.
    assert "10 steps each: about 30 s" in page_text(app)


def test_model_is_the_same_on_both_pages_and_comes_by_link(own_model):
    app = open_page("pages/synthesize.py", model=own_model)
    assert app.selectbox(key="model").value == own_model
    app.switch_page("pages/denoising.py").run()
    assert app.selectbox(key="model").value == own_model
    assert app.selectbox(key="model").label == "Model"
    assert app.button_group(key="film_classes").value == ["silicone_oil", "fat_droplet"]
    assert open_page("pages/synthesize.py", model="gone").selectbox(key="model").value == "generator"


def test_own_reference_is_offered_beside_the_shipped_one(own_model):
    tiles = np.full((3, 64, 64), 170, np.uint8)
    tiles[:, 24:40, 24:40] = 60
    table = pd.DataFrame({"image": ["a", "b", "c"], "class": ["silicone_oil", "silicone_oil", "fat_droplet"]})
    kept = datasets.save_dataset("My <run>", "labelled", tiles, table, {})
    app = open_page("pages/synthesize.py")
    assert app.selectbox(key="reference").options == ["Sample particles (simulated)", "My <run> (2)"]
    app.selectbox(key="reference").set_value(kept).run()
    assert "2 reference particles" in page_text(app)
    app.selectbox(key="model").set_value(own_model).run()
    app.button_group(key="make_class").set_value("fat_droplet").run()
    assert "1 reference particle." in page_text(app)
    assert not app.exception


def test_estimate_follows_the_settings():
    app = open_page("pages/synthesize.py")
    app.number_input(key="make_count").set_value(1000).run()
    assert f"1,000 images, {SAMPLERS['standard'].steps} steps" in page_text(app)
