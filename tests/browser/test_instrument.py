"""The page Instrument in a browser: particles are labelled with keys, the result appears and is kept."""

from playwright.sync_api import expect

from svp_core.tasks.validation import standing_of
from svp_core.workspace import instrument_profiles, jobs
from svp_core.workspace.validations import list_validations, open_validation
from tests.helpers.app_server import settle, wait_until
from tests.helpers.review_browser import press
from tests.helpers.validated_instrument import SHA256, classified_instrument

KEYS = {"protein": "1", "silicone_oil": "2", "air_bubble": "3"}


def test_a_hundred_particles_are_labelled_with_keys(visit, lab, monkeypatch):
    monkeypatch.setattr(jobs, "STALE_S", 3600)
    profile, truth = classified_instrument(300, right=0.9)
    page = visit(f"{lab}/instrument?profile={profile.id}&part=Validate")
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("textbox", name="Your name").fill("Anna")
    page.get_by_role("button", name="Start labelling").click()
    expect(page.locator(".tile").first).to_be_visible()
    ((validation_id, _),) = list_validations(profile.id)
    validation = open_validation(profile.id, validation_id)
    (labels,) = truth.values()
    correct = [str(labels[int(image.rpartition("#")[2]) - 1]) for image in validation.table["image"]]
    assert len(correct) == 100
    # Nothing of the classifier is on the page while a person labels.
    assert page.locator(".probability").count() == 0
    press(page, ["2", "u", "z", "z"])
    wait_until(lambda: standing_of(validation).by_reviewer == {})
    for start in range(0, 100, 30):
        expect(page.locator(".title")).to_contain_text(f"Particles {start + 1} to")
        press(page, [KEYS[label] for label in correct[start : start + 30]])
    wait_until(lambda: standing_of(validation).is_complete)
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    settle(page)
    standing = standing_of(validation)
    assert [standing.settled.truth[particle] for particle in validation.table["id"]] == correct
    figures = instrument_profiles.find_profile(profile.id).validation_of(SHA256)["figures"]
    assert figures["n"] == 100
    # Which hundred are drawn is random: the interval misses 0.9 in one run of twenty, five standard deviations do not.
    accuracy = figures["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert abs(accuracy["value"] - 0.9) < 0.15
    for width in (1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
