"""The page Instrument without a browser: list, open, rename, move, delete, import."""

import json

import pytest

from svp_core.classification.own_instrument import OUTDATED
from svp_core.errors import LabError
from svp_core.tasks.instrument_runs import assign_profile, classifications_of
from svp_core.workspace import instrument_profiles, jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import open_page, page_text
from tests.helpers.classified_page import write_job

PAGE = "pages/instrument.py"
CONDITIONS = {
    "um_per_px": 0.5,
    "magnification": "10x",
    "background": 0.7,
    "gradient_x": 0.01,
    "gradient_y": -0.02,
    "noise": 0.008,
    "n_crops": 400,
}


def instrument():
    job_id, _ = write_job()
    return assign_profile(job_id), job_id


def test_without_an_instrument_the_page_says_how_to_get_one():
    app = open_page(PAGE)
    assert not app.exception
    assert "No instrument yet" in app.info[0].value


def test_instruments_of_earlier_classifications_are_added_and_opened():
    job_id, _ = write_job()
    app = open_page(PAGE)
    app.button(key="add_instruments").click().run()
    (profile,) = instrument_profiles.list_profiles()
    assert [job.id for job, _ in classifications_of(profile.id)] == [job_id]
    app.button(key=f"open_{profile.id}").click().run()
    assert app.session_state["instrument_profile"] == profile.id
    assert "flowcam" in app.title[0].value.casefold()
    assert not app.exception


def test_conditions_are_in_grey_levels():
    profile, _ = instrument()
    instrument_profiles.update_profile(profile.id, conditions=CONDITIONS)
    text = page_text(open_page(PAGE, profile=profile.id))
    for fact in ("about 10x", "background 178", "gradient 2.0 %", "noise 2.0", "from 400 crops"):
        assert fact in text
    instrument_profiles.update_profile(profile.id, conditions={"background": "bright"})
    app = open_page(PAGE, profile=profile.id)
    assert not app.exception


def test_rename_and_delete():
    profile, job_id = instrument()
    app = open_page(PAGE, profile=profile.id)
    app.text_input(key=f"profile_{profile.id}_name").set_value("*Left* <b>FlowCam</b>").run()
    assert instrument_profiles.find_profile(profile.id).name == "*Left* <b>FlowCam</b>"
    assert app.title[0].value == "\\*Left\\* \\<b\\>FlowCam\\<\\/b\\>"
    app.text_input(key=f"profile_{profile.id}_name").set_value(" ").run()
    assert len(app.error) == 1
    assert app.button(key=f"profile_{profile.id}_delete").disabled
    app.checkbox(key=f"profile_{profile.id}_sure").check().run()
    app.button(key=f"profile_{profile.id}_delete").click().run()
    assert instrument_profiles.list_profiles() == []
    assert not app.exception
    assert jobs.get(job_id)


def test_a_classification_is_moved_to_a_new_instrument():
    profile, job_id = instrument()
    app = open_page(PAGE, profile=profile.id)
    app.text_input(key="move_name").set_value("Right").run()
    app.button(key="move_go").click().run()
    assert not app.exception
    assert classifications_of(profile.id) == []
    (other,) = [other for other in instrument_profiles.list_profiles() if other.id != profile.id]
    assert other.name == "Right"
    assert [job.id for job, _ in classifications_of(other.id)] == [job_id]


def test_a_profile_is_imported_and_another_file_refused():
    profile, _ = instrument()
    exported = instrument_profiles.export_profile(profile.id)
    instrument_profiles.delete_profile(profile.id)
    app = open_page(PAGE)
    app.file_uploader(key="profile_file_0").upload("a.json", b"{}").run()
    assert len(app.error) == 1
    app.file_uploader(key="profile_file_1").upload("a.json", exported.encode()).run()
    assert [again.id for again in instrument_profiles.list_profiles()] == [profile.id]
    assert not app.exception
    assert json.loads(exported)["name"] in page_text(app) + app.title[0].value.replace("\\", "")


def test_a_link_to_an_instrument_that_is_not_there():
    app = open_page(PAGE, profile="nothing")
    assert not app.exception
    assert "There is no instrument" in app.error[0].value.replace("\\", "")


def test_an_export_that_fails_is_logged(monkeypatch):
    """Streamlit answers a failed download in its own words; why it failed stands in app.log."""
    profile, _ = instrument()
    made = []
    monkeypatch.setattr("streamlit.download_button", lambda label, make, *rest, **more: made.append(make))
    open_page(PAGE, profile=profile.id)
    (make,) = made
    assert json.loads(make())["id"] == profile.id
    instrument_profiles.delete_profile(profile.id)
    with pytest.raises(LabError):
        make()
    assert "LabError" in (workspace_root() / "app.log").read_text("utf-8")


def test_a_run_of_known_particles_is_named_and_forgotten(monkeypatch):
    profile, job_id = instrument()
    named = []
    record = {"title": "Clean *run*", "weights": "resnet18", "particles": 150, "by_class": {"protein": 150}}
    record |= {"created": "2026-11-26T10:00:00+00:00", "unlike_before": 0.12}

    def name(profile_id, job):
        named.append(job)
        instrument_profiles.update_known_run(profile_id, "ab" * 32, record)

    monkeypatch.setattr("pages.ui.instrument.known_run.name_known_run", name)
    app = open_page(PAGE, profile=profile.id, part="Novelty")
    assert not app.exception
    app.button(key="known_run_go").click().run()
    assert named == [job_id]
    text = page_text(app).replace("\\", "")
    assert "Clean *run*" in text
    assert "12.0 % of them were unlike simulated ones" in text
    assert any(block.value == r"resnet18: **Clean \*run\***" for block in app.markdown)
    assert [block.value for block in app.warning] == [OUTDATED]  # of other weights than resnet18 has
    app.button(key="known_run_forget_abababab").click().run()
    assert instrument_profiles.find_profile(profile.id).novelty is None
    assert not app.exception


def test_a_run_that_cannot_be_named_is_one_sentence():
    profile, _ = instrument()
    app = open_page(PAGE, profile=profile.id, part="Novelty")
    app.button(key="known_run_go").click().run()
    assert len(app.error) == 1
    assert not app.exception
