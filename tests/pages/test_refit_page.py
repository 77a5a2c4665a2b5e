"""Refit on the page Instrument: started, before and after, the model only where it gains."""

import numpy as np
import pytest

from svp_core.training import adapted_layer
from svp_core.workspace import jobs, models
from tests.helpers.app_pages import finish_job, open_page, page_text
from tests.helpers.finished_jobs import KEYS
from tests.helpers.refit_fixture import validated_untrained
from tests.helpers.validated_instrument import classified_instrument

PAGE = "pages/instrument.py"


@pytest.fixture(autouse=True)
def quick(lab, monkeypatch):
    monkeypatch.setattr(adapted_layer, "PULLS", (1e5, 30.0))
    monkeypatch.setattr(adapted_layer, "FOLDS", 4)


def refitted(profile):
    app = open_page(PAGE, profile=profile.id, part="Refit")
    app.button(key="refit_go").click().run()
    (job,) = jobs.active()
    finish_job(job.id)
    return open_page(PAGE, profile=profile.id, part="Refit")


def test_without_a_validation_nothing_can_be_refitted():
    profile, _ = classified_instrument()
    app = open_page(PAGE, profile=profile.id, part="Refit")
    assert not app.exception
    assert len(app.info) == 1
    assert "refit_go" not in [button.key for button in app.button]


def test_a_gain_is_shown_and_the_model_added():
    profile, _ = validated_untrained()
    app = refitted(profile)
    assert not app.exception
    assert "Gain: +" in page_text(app)
    app.text_input(key="refit_name").set_value("Ours").run()
    app.button(key="refit_add").click().run()
    assert not app.exception
    assert not app.error
    assert models.find_model("Ours").is_dir()
    app = open_page(PAGE, profile=profile.id, part="Refit")
    assert "refit_add" not in [button.key for button in app.button]
    assert app.selectbox(key="refit_weights").options == ["untrained, 90 labels"]
    text = page_text(open_page(PAGE, profile=profile.id))
    assert "Ours: on 90 particles of your own" in text


def test_without_a_gain_nothing_is_offered():
    rng = np.random.default_rng(3)
    profile, _ = validated_untrained(answers=lambda _: str(rng.choice(KEYS)))
    app = refitted(profile)
    assert not app.exception
    assert "refit_add" not in [button.key for button in app.button]
    assert "not offered" in page_text(app)
