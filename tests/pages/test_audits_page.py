"""The page Audits without a browser: what can be audited, a finished audit, the verdict beside the card."""

import numpy as np
import pandas as pd
import pytest

from svp_core.audit import two_sample
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.model_files import save_model
from svp_core.tasks import audit as audit_task
from svp_core.tasks.job_kinds import run_task, start
from svp_core.workspace import jobs
from svp_core.workspace.blind_tests import blind_tests_csv, list_blind_tests
from svp_core.workspace.datasets import save_dataset
from svp_core.workspace.models import delete_model, models_folder, new_model_folder
from svp_core.workspace.paths import remove_folder
from tests.helpers.app_pages import finish_job, mark_done, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_generator import CONFIG


def save_tiles(name, count, seed, kind="imported"):
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(count)], "class": ["silicone_oil"] * count})
    return save_dataset(name, kind, draw_blocks(count, seed=seed), table, {})


def save_own_model(**facts):
    network = unet.build_unet(CONFIG)
    config = {**unet.config_as_dict(CONFIG), **facts}
    save_model(new_model_folder("own"), config=config, tensors=network.state_dict(), card="# own", history=[])


def test_an_audit_is_started_with_chosen_data_sets():
    save_own_model()
    training, held_out = save_tiles("Trained", 10, 0), save_tiles("Kept", 10, 1)
    app = open_page("pages/audits.py", model="own")
    assert app.button(key="audit_go").disabled
    assert "is not recorded here" in page_text(app)
    app.selectbox(key="audit_training").set_value(training)
    app.selectbox(key="audit_held_out").set_value(training).run()
    assert "The same data set was chosen twice" in app.error[0].value
    app.selectbox(key="audit_held_out").set_value(held_out).run()
    assert "calibrated by the shipped generator" in page_text(app)
    app.number_input(key="audit_images").set_value(0).run()
    assert "must be a whole number from 1" in app.error[0].value
    app.number_input(key="audit_images").set_value(3).run()
    app.button(key="audit_go").click().run()
    (job,) = jobs.active()
    assert job.config == {"generator": "own", "training": training, "held_out": held_out, "images": 3, "seed": 0}


def test_a_model_trained_here_knows_its_images_and_gets_its_verdict(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 2)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    monkeypatch.setattr(audit_task, "find_reference", lambda model, wanted=None: (None, ""))
    dataset = save_tiles("Oil", 30, 2)
    held_out = [f"{dataset}/{k}.png" for k in range(10)]
    save_own_model(held_out=held_out, trained_on={"silicone_oil": 20})
    app = open_page("pages/audits.py", model="own")
    assert "training and held-out images are known: Oil" in page_text(app)
    app.number_input(key="audit_images").set_value(2)
    app.button(key="audit_go").click().run()
    (job,) = jobs.active()
    finish_job(job.id)
    app = open_page("pages/audits.py", job=job.id)
    assert not app.exception
    text = page_text(app)
    assert "20 training and 10 held-out tiles" in text
    assert len(app.dataframe[0].value) == 3
    assert np.load(jobs.job_folder(job.id) / "exposed.npy").shape == (10, 64, 64)
    verdict = next(box.value for box in (*app.info, *app.warning, *app.error))
    synthesize = page_text(open_page("pages/synthesize.py", model="own"))
    assert verdict.strip("*").replace("\\", "") in synthesize


def test_a_model_is_not_deleted_during_its_audit_and_one_that_vanishes_leaves_the_report(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 2)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    save_own_model()
    training, held_out = save_tiles("Trained", 12, 7), save_tiles("Kept", 12, 8)
    request = audit_task.AuditRequest("own", training, held_out, audit_task.NO_REFERENCE, images=2)
    job_id, _ = start(request)
    for progress in run_task("audit", jobs.get(job_id).config, jobs.job_folder(job_id)):
        if progress.message == "Searching for copies":
            with pytest.raises(LabError, match="'own' is in use by a job"):
                delete_model("own")
            remove_folder(models_folder() / "own")
    mark_done(job_id, step=1, total=1)
    app = open_page("pages/audits.py", job=job_id)
    assert not app.exception
    assert "12 training and 12 held-out tiles" in page_text(app)
    assert not (models_folder() / "own").exists()


def test_a_blind_test_is_done_kept_and_exported():
    real, made = save_tiles("Real", 22, 3), save_tiles("Made", 25, 4, kind="synthetic")
    app = open_page("pages/audits.py", mode="Blind test")
    app.selectbox(key="blind_real").set_value(real)
    app.text_input(key="blind_name").set_value("Ada")
    app.button(key="blind_go").click().run()
    assert not app.exception
    assert not app.error, page_text(app)
    boxes = [box for box in app.checkbox if str(box.key).startswith("blind_answer_")]
    assert len(boxes) == 40
    for box in boxes[:10]:
        box.check()
    app.button(key="blind_finish").click().run()
    assert not app.exception
    (result,) = list_blind_tests()
    assert (result["reviewer"], result["tiles"], result["generated"]) == ("Ada", 40, "Made")
    right = sum(mark in ("rr", "gg") for mark in result["answers"])
    assert result["right"] == right
    assert result["real_taken_for_generated"] + result["generated_taken_for_generated"] == 10
    assert f"{right} of 40 right" in app.info[0].value
    assert app.dataframe[0].value["Right"].tolist() == [f"{right} of 40"]
    assert b"Ada" in blind_tests_csv()
    assert app.number_input(key="blind_seed").value == result["seed"] + 1
    assert made != real


def test_a_blind_test_needs_both_kinds():
    app = open_page("pages/audits.py", mode="Blind test")
    assert "needs a data set of real particles and one of generated" in page_text(app)


def test_two_data_sets_are_compared_with_a_verdict(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 2)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    first, second = save_tiles("Lab A", 50, 5), save_tiles("Lab B", 50, 6)
    app = open_page("pages/audits.py", mode="Two sets")
    assert app.button(key="sets_go").disabled
    app.selectbox(key="sets_first").set_value(first)
    app.selectbox(key="sets_second").set_value(first).run()
    app.button(key="sets_go").click().run()
    assert "The same set was chosen twice" in app.error[0].value
    app.selectbox(key="sets_second").set_value(second).run()
    app.button(key="sets_go").click().run()
    (job,) = jobs.active()
    assert job.config == {"real": first, "synthetic": second, "seed": 0}
    finish_job(job.id)
    app = open_page("pages/audits.py", mode="Two sets", sets=job.id)
    assert not app.exception
    assert "Lab B" in app.info[0].value
    assert len(app.dataframe) == 2
    assert all(" to " in ratio for ratio in app.dataframe[1].value.iloc[:, -1] if ratio != "–")
