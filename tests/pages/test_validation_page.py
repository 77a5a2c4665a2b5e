"""Validation on the page Instrument without a browser: draw, label blind, finish, settle; its figures in the report."""

from svp_core.report.document import report_html
from svp_core.tasks.validation import standing_of
from svp_core.workspace import instrument_profiles, jobs
from svp_core.workspace.validations import list_validations, open_validation
from tests.helpers.app_pages import open_page, page_text
from tests.helpers.validated_instrument import SHA256, answer, answer_all, classified_instrument, validation_of

PAGE = "pages/instrument.py"


def labelling(profile, validation, reviewer="Anna"):
    return open_page(PAGE, profile=profile.id, part="Validate", validation=validation.id, reviewer=reviewer)


def send(app, validation, *events, purpose="label"):
    """Send these events as the browser does."""
    app.session_state[f"validation_{validation.id}_{purpose}"] = {"unsaved": list(events), "finished": []}
    return app.run()


def test_without_classifications_the_page_says_what_is_missing():
    profile = instrument_profiles.profile_for_run("mfi", 0.25)
    app = open_page(PAGE, profile=profile.id, part="Validate")
    assert not app.exception
    assert len(app.info) == 1
    assert "validation_draw" not in [button.key for button in app.button]


def test_particles_are_drawn_and_the_name_is_asked():
    profile, _ = classified_instrument()
    app = open_page(PAGE, profile=profile.id, part="Validate")
    app.number_input(key="validation_count").set_value(12).run()
    app.button(key="validation_draw").click().run()
    assert len(app.error) == 1
    app.number_input(key="validation_count").set_value(70).run()
    app.button(key="validation_draw").click().run()
    ((validation_id, facts),) = list_validations(profile.id)
    assert facts["weights_sha256"] == SHA256
    assert len(open_validation(profile.id, validation_id).table) == 70
    assert not app.exception
    app.text_input(key="validation_name").set_value("  ")
    next(button for button in app.button if button.label == "Start labelling").click().run()
    assert "name" in app.error[0].value
    app.text_input(key="validation_name").set_value("Anna")
    next(button for button in app.button if button.label == "Start labelling").click().run()
    assert not app.exception
    assert "**0** of 70 labelled" in page_text(app)


def test_labels_are_written_and_the_last_one_brings_the_result():
    profile, truth = classified_instrument(right=0.8)
    validation, correct = validation_of(profile, truth)
    app = labelling(profile, validation)
    events = [answer(n, particle, label) for n, (particle, label) in enumerate(correct.items(), 1)]
    app = send(app, validation, *events[:20])
    assert standing_of(validation).answered == 20
    assert "**20** of 60 labelled" in page_text(app)
    assert "Result" not in [heading.value for heading in app.subheader]
    app = send(app, validation, *events)
    app = labelling(profile, validation)
    assert not app.exception
    assert "Result" in [heading.value for heading in app.subheader]
    record = instrument_profiles.find_profile(profile.id).validation_of(SHA256)
    assert record["figures"]["n"] == 60
    assert f"{100 * record['figures']['accuracy']['value']:.0f} % (" in page_text(app)
    assert len(app.dataframe) == 3
    overview = page_text(open_page(PAGE, profile=profile.id))
    assert "60" in overview
    (job_id,) = truth
    report = report_html(jobs.job_folder(job_id))
    assert f"{100 * record['figures']['accuracy']['value']:.0f} % (" in report
    assert "Validation on its particles" in report
    assert "Anna" in report


def test_a_part_can_be_finished():
    profile, truth = classified_instrument()
    validation, correct = validation_of(profile, truth, count=100)
    answer_all(validation, dict(list(correct.items())[:59]))
    assert "validation_finish" not in [button.key for button in labelling(profile, validation).button]
    answer_all(validation, dict(list(correct.items())[:70]))
    app = labelling(profile, validation)
    app.button(key="validation_finish").click().run()
    assert not app.exception
    assert instrument_profiles.find_profile(profile.id).validation_of(SHA256)["figures"]["n"] == 70


def test_a_second_person_labels_blind_and_a_third_is_refused():
    profile, truth = classified_instrument()
    validation, correct = validation_of(profile, truth)
    answer_all(validation, correct)
    app = labelling(profile, validation, reviewer="Ben")
    assert "**0** of 60 labelled" in page_text(app)
    answer_all(validation, correct | {"7": "unsure"}, reviewer="Ben")
    app = labelling(profile, validation, reviewer="Ben")
    assert "1 particle" in page_text(app)
    app = send(app, validation, answer(1, "7", "protein", purpose="settle", tab="s", reviewer="Ben"), purpose="settle")
    assert standing_of(validation).is_complete
    app = labelling(profile, validation, reviewer="Carla")
    assert not app.exception
    app.text_input(key="validation_name").set_value("Carla")
    next(button for button in app.button if button.label == "Start labelling").click().run()
    assert len(app.error) == 1
    assert "Carla" not in standing_of(validation).by_reviewer


def test_nothing_of_the_classifier_reaches_the_labelling_grid():
    profile, truth = classified_instrument()
    validation, _ = validation_of(profile, truth)
    from pages.ui.instrument.labelling import _batches

    batches = _batches(validation, standing_of(validation), "Anna", "label")
    assert sum(len(batch["items"]) for batch in batches) == 60
    for batch in batches:
        for item in batch["items"]:
            assert (item["given"], item["suggested"], item["probabilities"], item["hidden"]) == ("", "", [], True)
            assert not any(word in " ".join(item["lines"]).casefold() for word in ("protein", "oil", "bubble", "0.92"))


def test_a_report_without_a_validation_says_so():
    _, truth = classified_instrument()
    (job_id,) = truth
    assert "was not validated" in report_html(jobs.job_folder(job_id))
