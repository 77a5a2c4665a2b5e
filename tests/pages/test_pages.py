"""Every page opens and does what its buttons say, without a browser; what only a browser shows is in browser/."""

import json

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.shared.text import escape_markdown, format_duration, without_common_prefix
from svp_core import model_files
from svp_core.generator import published, unet
from svp_core.generator.sampling import SAMPLERS
from svp_core.quality import METRICS
from svp_core.quality.text_table import number
from svp_core.workspace import datasets, jobs, models
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import repo_root
from tests.helpers.app_pages import end, finish, opened, said

ROOT = repo_root()
PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_page_opens(page):
    app = opened(page)
    assert not app.exception
    assert app.title
    assert not app.error


def test_synthesize_starts_the_job_that_was_asked_for():
    app = opened("pages/synthesize.py")
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
    assert "Cancelled" in said(app)


def test_a_reload_brings_back_the_settings_of_the_open_job(own_model):
    config = {"class_key": "fat_droplet", "count": 60, "seed": 7, "sampler": "preview", "weights": own_model}
    job_id, _ = jobs.start("generate", config)
    app = opened("pages/synthesize.py", job=job_id)
    assert "60 images of fat droplet, seed 7, preview quality, made by my fat droplets" in said(app).replace("\\", "")
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
    again = opened("pages/synthesize.py", job=job_id, model="generator")
    assert again.selectbox(key="model").value == own_model
    assert not again.exception


def test_made_particles_are_shown_and_saved():
    config = {"class_key": "silicone_oil", "count": 2, "seed": 0, "sampler": "preview", "weights": "generator"}
    job_id, _ = jobs.start("generate", config | {"steps": 2})
    finish(job_id)
    app = opened("pages/synthesize.py", job=job_id)
    assert not app.exception
    assert "2 images in 4 s" in said(app).replace("\\", "")
    app.text_input(key=f"name_{job_id}").set_value("My droplets")
    app.button(key="save_made").click().run()
    (meta,) = datasets.list_datasets()
    assert meta["name"] == "My droplets"
    assert meta["count"] == 2
    assert meta["provenance"]["weights"] == "generator"
    assert "My droplets" in said(app)


def test_name_of_a_data_set_is_needed():
    config = {"class_key": "protein", "count": 1, "seed": 0, "sampler": "preview", "steps": 2}
    job_id, _ = jobs.start("generate", config)
    finish(job_id)
    app = opened("pages/synthesize.py", job=job_id)
    app.text_input(key=f"name_{job_id}").set_value(" ")
    app.button(key="save_made").click().run()
    assert "no name" in app.error[0].value
    assert not datasets.list_datasets()


@pytest.fixture
def own_model():
    """A tiny generator of the lab's own, of a class that the product does not know; it makes nothing but noise."""
    config = unet.GeneratorConfig(("silicone_oil", "fat_droplet"), 0.3, 0.2, channels=(16, 32))
    described = {**unet.config_as_dict(config), "trained_on": {"silicone_oil": 60, "fat_droplet": 200}}
    folder = models.new_model_folder("my fat droplets")
    model_files.save_model(
        folder, config=described, tensors=unet.build_unet(config).state_dict(), card="# Mine\n", history=[]
    )
    return folder.name


def test_own_model_brings_its_classes_its_card_and_its_words(own_model):
    app = opened("pages/synthesize.py")
    app.selectbox(key="model").set_value(own_model).run()
    assert app.button_group(key="make_class").options == ["Silicone oil", "Fat droplet"]
    assert "200 of fat droplet" in said(app)
    assert "# Mine" in said(app)
    app.button_group(key="make_class").set_value("fat_droplet").run()
    assert "no data set here holds fat droplet" in said(app)
    app.button(key="make_go").click().run()
    (job,) = jobs.active()
    assert job.config["weights"] == own_model
    assert job.config["class_key"] == "fat_droplet"
    finish(job.id)
    app.run()
    assert not app.exception
    assert f"made by {own_model}" in said(app)
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
    app = opened("pages/synthesize.py", model="published oil")
    assert app.button_group(key="make_class").options == ["Silicone oil"]
    assert app.button_group(key="make_quality").options == ["Fast, 24", "Exact, as published, 500"]
    app.button_group(key="make_quality").set_value("exact").run()
    # 16 images of 500 calls, a quarter of a second each before anything was measured.
    assert "16 images with 500 steps each: about 33 min" in said(app)
    assert "CC BY-NC-SA" in said(app)
    app.switch_page("pages/denoising.py").run()
    assert app.button_group(key="film_quality").value == "fast"
    app.button(key="film_go").click().run()
    (job,) = jobs.active()
    assert job.config["sampler"] == "fast"
    assert job.config["class_keys"] == ["silicone_oil"]
    finish(job.id)
    app.run()
    assert not app.exception
    assert app.button_group(key="steps_24")


def test_time_is_told_from_what_this_model_took_here():
    config = {"class_key": "protein", "count": 100, "seed": 0, "sampler": "standard", "weights": "generator"}
    job_id, _ = jobs.start("generate", config)
    start = jobs.get(job_id).created
    with engine().begin() as db:
        db.execute(job_table.update().values(paced_step=0, paced_from=start, stepped=start + 95))
    end(job_id, step=100, total=100)  # 19 steps an image, a twentieth of a second each
    app = opened("pages/synthesize.py")
    app.button_group(key="make_quality").set_value("preview")
    app.number_input(key="make_count").set_value(41).run()
    # 48 images' calls, as the last call is no quicker for being half empty: 24 s and the start.
    assert "41 images with 10 steps each: about 30 s" in said(app)


def test_model_is_the_same_on_both_pages_and_comes_by_link(own_model):
    app = opened("pages/synthesize.py", model=own_model)
    assert app.selectbox(key="model").value == own_model
    app.switch_page("pages/denoising.py").run()
    assert app.selectbox(key="model").value == own_model
    assert app.selectbox(key="model").label == "Model"
    assert app.button_group(key="film_classes").value == ["silicone_oil", "fat_droplet"]
    assert opened("pages/synthesize.py", model="gone").selectbox(key="model").value == "generator"


def test_own_reference_is_offered_beside_the_shipped_one(own_model):
    tiles = np.full((3, 64, 64), 170, np.uint8)
    tiles[:, 24:40, 24:40] = 60
    table = pd.DataFrame({"image": ["a", "b", "c"], "class": ["silicone_oil", "silicone_oil", "fat_droplet"]})
    kept = datasets.save_dataset("My <run>", "labelled", tiles, table, {})
    app = opened("pages/synthesize.py")
    assert app.selectbox(key="reference").options == ["Sample particles (simulated)", "My <run> (2)"]
    app.selectbox(key="reference").set_value(kept).run()
    assert "2 reference particles" in said(app)
    app.selectbox(key="model").set_value(own_model).run()
    app.button_group(key="make_class").set_value("fat_droplet").run()
    assert "1 reference particle." in said(app)
    assert not app.exception


def test_recording_of_500_steps_keeps_the_steps_of_the_paper():
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
    end(job_id, step=500, total=500)
    app = opened("pages/denoising.py", job=job_id)
    strip = app.button_group(key="steps_500")
    assert not app.exception
    assert [strip.options[at] for at in strip.value] == ["0", "200", "400", "450", "480", "500"]


def test_denoising_records_and_shows():
    app = opened("pages/denoising.py")
    app.number_input(key="film_count").set_value(1).run()
    app.button_group(key="film_classes").set_value([]).run()
    assert app.button(key="film_go").disabled
    assert "Choose a class" in said(app)
    assert "0 particles" not in said(app)
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


def test_classify_names_a_folder_given_by_its_path(tmp_path):
    folder = tmp_path / "*bold* <b>run</b>".replace("/", "")
    folder.mkdir()
    tile = np.full((64, 64), 170, np.uint8)
    tile[20:40, 20:40] = 60
    from svp_core.images import encode_png

    (folder / "a.png").write_bytes(encode_png(tile))
    (folder / "empty.png").write_bytes(b"")
    app = opened("pages/classify.py")
    app.text_input(key="path_text").set_value(str(folder))
    app.button(key="path_go").click().run()
    assert "2 items" in said(app)
    assert "\\*bold\\* \\<b\\>" in said(app)
    app.button(key="classify_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "classify"
    assert job.config["source"] == str(folder)
    assert job.config["um_per_px"] is None
    finish(job.id)
    app.run()
    results = pd.read_csv(jobs.job_folder(job.id) / "results.csv")
    assert not app.exception
    assert results["status"].tolist() == ["ok", "rejected"]
    summary = json.loads((jobs.job_folder(job.id) / "summary.json").read_text())
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Rejected"] == "1"
    assert sum(map(int, values.values())) == 2 == summary["offered"]


@pytest.mark.parametrize(
    ("text", "says"), [("run 12", "full path"), ("/no/such/folder", "no file or folder"), ("", "No path was entered")]
)
def test_classify_refuses_a_wrong_path_in_a_sentence(text, says):
    end(jobs.start("classify", {"source": "/data/run 1", "weights": "resnet18", "um_per_px": None})[0], step=1, total=1)
    app = opened("pages/classify.py")
    app.text_input(key="path_text").set_value(text)
    app.button(key="path_go").click().run()
    assert says in app.error[0].value
    assert not app.exception
    assert not jobs.active()
    # And the ways in are still there.
    assert app.text_input(key="path_text")
    assert app.button(key="use_sample")
    assert "Earlier" in said(app)


@pytest.mark.parametrize("page", ["synthesize", "denoising", "classify"])
@pytest.mark.parametrize("job_id", ["nonsense", "0" * 32, "../../etc"])
def test_link_to_a_job_that_is_not_there(page, job_id):
    app = opened(f"pages/{page}.py", job=job_id)
    assert not app.exception
    assert len(app.error) == 1
    assert "no job" in app.error[0].value.replace("\\", "")


def test_link_to_another_kind_of_job():
    job_id, _ = jobs.start("denoise", {"class_keys": ["protein"], "count": 1, "seed": 0, "sampler": "preview"})
    app = opened("pages/classify.py", job=job_id)
    assert not app.exception
    assert "does not point" in app.error[0].value


def test_failed_job_says_its_sentence():
    job_id, _ = jobs.start("classify", {"source": "/gone", "weights": "resnet18", "um_per_px": None})
    with engine().begin() as db:
        db.execute(job_table.update().values(state="failed", error="There is no file <b>gone</b>.", ended=1.0))
    app = opened("pages/classify.py", job=job_id)
    assert app.error[0].value == "There is no file \\<b\\>gone\\<\\/b\\>\\."
    assert not app.exception


def test_job_under_way_is_in_the_sidebar():
    job_id, _ = jobs.start("generate", {"class_key": "protein", "count": 5, "seed": 1, "sampler": "preview"})
    app = AppTest.from_file(ROOT / "app.py", default_timeout=60).run()
    assert "Under way" in [caption.value for caption in app.sidebar.caption]
    app.button(key=f"stop_{job_id}").click().run()
    assert jobs.get(job_id).state == "cancelled"
    assert not app.exception


@pytest.mark.parametrize(
    ("page", "query", "fields", "button"),
    [
        ("synthesize", {}, {"make_count": (0, -5, 2.5, 1001), "make_seed": (-5, 0.5, 2**31 + 1, 1e20)}, "make_go"),
        ("synthesize", {"mode": "Compare"}, {"compare_count": (49, 1001), "compare_seed": (-5,)}, "compare_go"),
        ("denoising", {}, {"film_count": (0, 7), "film_seed": (-5, 1e20)}, "film_go"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_a_sentence_and_the_one_before_is_not_taken(page, query, fields, button):
    app = opened(f"pages/{page}.py", **query)
    for key, wrong in fields.items():
        field = app.number_input(key=key)
        # With bounds of its own the browser would keep the number to itself.
        assert field.proto.data_type == field.proto.FLOAT
        assert not (field.proto.has_min)
        assert not (field.proto.has_max)
        right = field.value
        for typed in wrong:
            app.number_input(key=key).set_value(typed)
            app.button(key=button).click().run()
            assert "give a whole number from" in app.error[0].value
            assert not jobs.active()
            assert not app.exception
        app.number_input(key=key).set_value(right).run()
        assert not app.error
    app.button(key=button).click().run()
    assert len(jobs.active()) == 1
    assert not app.exception


@pytest.mark.parametrize("asked", ["Cancel", "Pause"])
def test_what_was_asked_of_a_job_is_said_at_once_and_not_asked_again(asked):
    config = {"name": "oil", "datasets": [], "classes": [], "base": "generator", "minutes": 2}
    job_id, _ = jobs.start("train", config)
    with engine().begin() as db:
        db.execute(job_table.update().values(state="running", started=jobs.get(job_id).created))
    app = opened("pages/train.py", job=job_id)
    app.button(key="cancel_job" if asked == "Cancel" else "pause_job").click().run()
    words, left = ("Pausing …", ["Cancel"]) if asked == "Pause" else ("Stopping …", [])  # who has paused may cancel
    assert jobs.get(job_id).state == "running"
    assert not app.exception
    assert f"**{words}**" in said(app)
    assert [button.label for button in app.button if button.label in ("Pause", "Cancel")] == left
    sidebar = AppTest.from_file(ROOT / "app.py", default_timeout=60).run().sidebar
    assert words in [caption.value for caption in sidebar.caption]
    assert [button.label for button in sidebar.button if button.label == "Cancel"] == left


def test_estimate_follows_the_settings():
    app = opened("pages/synthesize.py")
    app.number_input(key="make_count").set_value(1000).run()
    assert f"1,000 images with {SAMPLERS['standard'].steps} steps" in said(app)


@pytest.mark.parametrize(
    ("seconds", "reads"),
    [(0, "1 s"), (8.4, "8 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7800, "2 h 10 min")],
)
def test_duration(seconds, reads):
    assert format_duration(seconds) == reads


def test_plain_shows_exactly_the_text():
    assert escape_markdown("a_b <i>\nx") == "a\\_b \\<i\\> x"


def test_shortened_names_lose_only_what_all_share():
    assert without_common_prefix(["run/run.lst#1", "run/run.lst#12"]) == ["…#1", "…#12"]
    assert without_common_prefix(["a.png", "ab.png"]) == ["a.png", "ab.png"]
    assert without_common_prefix([]) == []


def open_compare(**query):
    return opened("pages/synthesize.py", mode="Compare", **query)


def test_compare_starts_the_job_that_was_asked_for(own_model):
    app = open_compare()
    assert app.selectbox(key="left_maker").value == "generator"
    assert app.selectbox(key="right_maker").value == "Classical augmentation"
    app.selectbox(key="right_maker").set_value(own_model).run()
    assert app.button_group(key="compare_class").options == ["Silicone oil"]
    assert "Your own model" in said(app)
    app.button_group(key="right_quality").set_value("preview")
    app.number_input(key="compare_count").set_value(100)
    app.number_input(key="compare_seed").set_value(4).run()
    assert "100 images of each, made and measured: about" in said(app)
    app.button(key="compare_go").click().run()
    (job,) = jobs.active()
    assert job.kind == "compare"
    assert job.config == {
        "class_key": "silicone_oil",
        "count": 100,
        "seed": 4,
        "reference": "samples",
        "left": {"weights": "generator", "sampler": "standard"},
        "right": {"weights": own_model, "sampler": "preview"},
    }
    assert not app.exception
    assert f"generator and {own_model}, seed 4" in said(app).replace("\\", "")


def test_two_sides_that_cannot_be_compared_are_a_sentence(own_model):
    app = open_compare()
    app.selectbox(key="right_maker").set_value("generator").run()
    assert "Both sides are the same" in app.error[0].value
    assert not app.exception
    described = {"generator": {"class_keys": ["fat_droplet"]}}
    model_files.save_model(models.new_model_folder("only fat"), config=described, tensors={}, card="", history=[])
    app.run().selectbox(key="right_maker").set_value("only fat").run()
    assert "no class in common" in app.error[0].value
    assert not app.exception
    app.selectbox(key="left_maker").set_value(own_model).run()
    assert not app.error
    assert "no data set here holds fat droplet" in said(app)
    assert app.button(key="compare_go").disabled


def test_comparison_is_shown_with_its_figures(own_model, short_two_sample_test):
    sides = {"left": {"weights": own_model, "sampler": "preview", "steps": 2}, "right": {"classical": True}}
    config = {"class_key": "silicone_oil", "count": 50, "seed": 0, "reference": "samples", **sides}
    job_id, _ = jobs.start("compare", config)
    finish(job_id)
    app = open_compare(comparison=job_id)
    assert not app.exception
    assert not app.error
    shown = said(app)
    assert f"{own_model} and classical augmentation" in shown
    assert "n = 50 a side, against as many particles of the simulated sample particles" in shown.replace("\\", "")
    assert "the intervals are wide" in shown
    report = json.loads((jobs.job_folder(job_id) / "report.json").read_text())
    assert report["n_real"] == report["n_seen"] == 160
    table, more = (element.proto.body for element in app.get("html"))
    kid = report["right"]["classes"]["silicone_oil"]["figures"]["kid"]
    assert f"{number(kid['low'])} to {number(kid['high'])}" in table
    assert "Recall" in table
    assert "Coverage, classifier" in more and METRICS["told_apart"].name not in more, (
        "each figure stands in one of the two"
    )
    assert "Most like one of the tiles it was made from" in shown


def test_link_of_a_comparison_to_another_kind_of_job():
    job_id, _ = jobs.start("denoise", {"class_keys": ["protein"], "count": 1, "seed": 0, "sampler": "preview"})
    app = open_compare(comparison=job_id)
    assert "does not point to a comparison" in app.error[0].value.replace("\\", "")
    assert app.button(key="compare_go")
