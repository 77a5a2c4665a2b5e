"""Sign-in in a browser, by a local provider with real tokens: who gets in, as whom, and what they may do."""

import socket

import pytest
from playwright.sync_api import expect

from svp_core.access.person import KEEPER, OIDC, Person, acting_as
from svp_core.report.signed_report import signed_reports
from svp_core.review.closing import closed_at, signed_states
from svp_core.review.decision_log import history
from svp_core.workspace import jobs
from svp_core.workspace.changes import list_entries, verify_trail
from svp_core.workspace.people import add_person, set_role
from svp_core.workspace.signatures import TWO_COMPONENTS
from tests.helpers.app_pages import mark_done
from tests.helpers.app_server import serving, settle, wait_until
from tests.helpers.finished_jobs import confident_probs, make_job
from tests.helpers.oidc_provider import running_provider
from tests.helpers.people import write_settings
from tests.helpers.review_browser import create_review, grid_of, press
from tests.helpers.stored_work import store_job

KIM = Person("kim@lab.example", "Kim Keeper", KEEPER, OIDC)


@pytest.fixture(scope="module")
def provider():
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def lab_with_sign_in(browser, provider, tmp_path_factory):
    """(address, settings) of a lab with sign-in and two people, a server of its own."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    settings = {
        "SVP_SIGN_IN": write_settings(folder / "lab.toml", issuer=provider.issuer, app=address),
        "SVP_DATA_ROOTS": str(folder),
        "SVP_AUDIT_KEY": str(folder / "audit.key"),
        "SVP_WORKSPACE": str(folder / "work"),
    }
    (folder / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        use(patch, settings)
        with acting_as(KIM):
            add_person("anna@lab.example", "Anna Müller", "reviewer")
            add_person("rita@lab.example", "Rita Reader", "reader")
        with serving(folder / "work", port=port):
            yield address, settings


def use(patch, settings):
    for name, value in settings.items():
        patch.setenv(name, value)
    patch.delenv("SVP_DATABASE_URL", raising=False)


@pytest.fixture
def lab(lab_with_sign_in, monkeypatch):
    """Address of the lab, whose workspace this process has open too."""
    address, settings = lab_with_sign_in
    use(monkeypatch, settings)
    return address


def sign_in(page, login, name="", button="sign_in"):
    page.locator(f".st-key-{button} button").click()
    send_to_provider(page, login, name)
    settle(page)


def send_to_provider(page, login, name):
    page.get_by_role("heading", name="Provider").wait_for()
    page.locator("[name=email]").fill(login)
    page.locator("[name=name]").fill(name)
    page.locator("#go").click()


def test_signing_out_ends_the_sign_in_in_other_tabs_too(visit, lab):
    with acting_as(KIM):
        review = create_review(40)
    anna = visit(lab)
    sign_in(anna, "anna@lab.example")
    anna.goto(f"{lab}/review?review={review}")
    settle(anna)
    grid_of(anna)
    other = anna.context.new_page()
    other.goto(lab)
    settle(other)
    other.locator(".st-key-sign_out button").click()
    expect(other.get_by_text("Sign in to see")).to_be_visible()
    press(anna, "3")
    expect(anna.get_by_text("Nobody is signed in")).to_be_visible()
    assert history(review) == []
    # What was decided waits in the browser for its owner.
    anna.reload()
    settle(anna)
    sign_in(anna, "anna@lab.example")
    anna.goto(f"{lab}/review?review={review}")
    wait_until(lambda: len(history(review)) == 1)


def test_reviewers_decide_and_sign_under_their_own_name_and_others_do_not(visit, lab, provider):
    with acting_as(KIM):
        review = create_review(40)
        job_id = store_job("classify", {"source": "/data/run", "weights": "resnet18", "um_per_px": None})
        make_job(jobs.job_folder(job_id), confident_probs("protein", "air_bubble"), [3.0, 12.0])
        mark_done(job_id, step=2, total=2)

    # Nobody sees anything before signing in, whatever address is opened.
    stranger = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(stranger.get_by_text("Sign in to see")).to_be_visible()
    expect(stranger.get_by_text("Run <7>")).to_have_count(0)
    sign_in(stranger, "mallory@other.example", "Anna Müller")
    expect(stranger.get_by_text("not on this lab's list of people")).to_be_visible()
    stranger.goto(f"{lab}/review?review={review}")
    settle(stranger)
    expect(stranger.get_by_text("Run <7>")).to_have_count(0)

    # A reader sees the history and decides nothing.
    reader = visit(lab)
    sign_in(reader, "rita@lab.example", "Anna Müller")
    expect(reader.get_by_text("Rita Reader, reader")).to_be_visible()
    reader.goto(f"{lab}/review?review={review}&reviewer=Anna+M%C3%BCller")
    settle(reader)
    expect(reader.get_by_text("which may not decide")).to_be_visible()
    expect(reader.locator(".tile")).to_have_count(0)

    # A reviewer decides at once, under the name of the sign-in; the address cannot give another one.
    anna = visit(lab)
    sign_in(anna, "Anna@lab.example")
    anna.goto(f"{lab}/review?review={review}&reviewer=Ben")
    settle(anna)
    grid_of(anna)
    expect(anna.locator(".st-key-reviewer_change")).to_have_count(0)
    press(anna, "33")
    wait_until(lambda: len(history(review)) == 2)
    assert {decision.reviewer for decision in history(review)} == {"Anna Müller"}
    assert {decision.evidence_dict["login"] for decision in history(review)} == {"anna@lab.example"}

    # The provider asked for the password again, so signatures have two components.
    assert set(provider.prompts) == {"login"}
    anna.goto(f"{lab}/review?review={review}&look=History")
    settle(anna)
    anna.get_by_text("Close and sign", exact=True).first.click()
    sign(anna, "Anna Müller", f".st-key-sign_review_{review}")
    wait_until(lambda: bool(closed_at(review)))
    wait_until(lambda: len(signed_states(review)) == 1)
    assert [(state.signature.components, state.problem) for state in signed_states(review)] == [(TWO_COMPONENTS, "")]

    anna.goto(f"{lab}/classify?job={job_id}&view=Report")
    settle(anna)
    anna.locator(".st-key-report_signatures summary").click()
    sign(anna, "Ben Other", f".st-key-sign_report_{job_id}")
    expect(anna.get_by_text("is not the name that you are signed in under")).to_be_visible()
    sign(anna, "Anna Müller", f".st-key-sign_report_{job_id}")
    wait_until(lambda: len(signed_reports(job_id)) == 1)
    (report,) = signed_reports(job_id)
    assert "Anna Müller" in report.path.read_text("utf-8")
    assert report.problem == ""

    # The trail, seen by a keeper only.
    anna.goto(f"{lab}/audit_trail")
    settle(anna)
    expect(anna.get_by_text("may not read the audit trail")).to_be_visible()
    keeper = visit(lab)
    sign_in(keeper, KIM.login, KIM.name)
    keeper.goto(f"{lab}/audit_trail")
    settle(keeper)
    keeper.get_by_role("button", name="Verify").click()
    expect(keeper.get_by_text(f"Intact: {len(list_entries())} entries")).to_be_visible()
    assert verify_trail().sound
    signer = {(entry.login, entry.via, entry.kind) for entry in list_entries(action="sign")}
    assert signer == {("anna@lab.example", "sign-in", "review"), ("anna@lab.example", "sign-in", "report")}

    # Without a role any more: out at the next click.
    with acting_as(KIM):
        set_role("anna@lab.example", "")
    anna.reload()
    settle(anna)
    expect(anna.get_by_text("not on this lab's list of people")).to_be_visible()


def sign(page, name, form):
    page.locator(f"{form}_name input").fill(name)
    page.locator(f"{form}_go button").click()
    page.locator("[data-test-script-state='notRunning']").first.wait_for(state="attached")
