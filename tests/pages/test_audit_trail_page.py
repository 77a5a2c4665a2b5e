"""The page Audit trail, and pages for people who are signed in, without a browser."""

from unittest.mock import patch

import pytest

from pages.ui.shared import reason_form
from pages.ui.shared.reason_form import with_reason
from svp_core.access import person
from svp_core.access.person import KEEPER, OIDC, Person, acting_as
from svp_core.errors import LabError
from svp_core.review.closing import closed_at, signed_states
from svp_core.review.store import delete_review
from svp_core.workspace.changes import MODEL, because, change, list_entries
from svp_core.workspace.people import list_people
from svp_core.workspace.trail_export import entries_as_csv, entries_as_jsonl
from tests.helpers.app_pages import open_page, page_text
from tests.helpers.people import KEEPS, READS, REVIEWS
from tests.helpers.review_fixture import event, new_review, record
from tests.helpers.review_page import batches_of, reviewing

PAGE = "pages/audit_trail.py"


@pytest.fixture
def signed_in(monkeypatch):
    """signed_in(person): they are the visitor of every page from now on."""

    def as_person(who):
        monkeypatch.setattr("app.identify", lambda: who, raising=False)
        monkeypatch.setattr("pages.ui.shared.sign_in.identify", lambda: who)

    yield as_person
    person.identify_by(person.account)


def test_it_shows_filters_verifies_and_exports(lab):
    with because("too few particles"), change(KEEPER, "delete", MODEL, "oil", "=1+1"):
        pass
    new_review(3)
    app = open_page(PAGE)
    table = app.dataframe[0].value
    assert table["Of"].tolist() == ["review", "model"]
    assert table["Reason"].tolist() == ["", "too few particles"]
    app.button(key="trail_verify").click().run()
    assert "Intact: 2 entries." in app.success[0].value
    app.multiselect(key="trail_kinds").set_value(["model"]).run()
    assert app.dataframe[0].value["Name"].tolist() == ["=1+1"]
    assert not app.exception
    assert len(entries_as_jsonl({}).splitlines()) == 2
    assert ",'=1+1," in entries_as_csv({"kinds": ("model",)}).decode("utf-8-sig"), "no formula in a spreadsheet"


def test_only_a_keeper_sees_it_and_gives_roles(lab, signed_in):
    for who in (READS, REVIEWS):
        signed_in(who)
        app = open_page(PAGE)
        assert "may not read the audit trail" in app.error[0].value
        assert not app.dataframe
    signed_in(KEEPS)
    app = open_page(PAGE, trail_part="People")
    app.text_input(key="person_login").set_value("ben@lab.example")
    app.text_input(key="person_name").set_value("Ben Reviewer")
    next(button for button in app.button if button.label == "Add").click().run()
    assert [(one.name, one.role) for one in list_people()] == [("Ben Reviewer", "reviewer")]
    app.selectbox(key="role_ben@lab.example").set_value("reader").run()
    assert list_people()[0].role == "reader"
    assert list_entries(kinds=("person",))[0].login == KEEPS.login


def test_a_reviewer_who_is_signed_in_is_never_asked_for_a_name(lab, signed_in):
    review = new_review(5)
    signed_in(REVIEWS)
    app = open_page("pages/review.py", review=review.id, desk="d1", reviewer="Somebody Else")
    assert app.session_state[f"annotation_{review.id}_state"].reviewer == "Anna"
    assert not [button for button in app.button if button.key == "reviewer_change"]
    signed_in(READS)
    app = open_page("pages/review.py", review=review.id, desk="d1", reviewer="Anna")
    assert "may not decide" in page_text(app)
    assert f"annotation_{review.id}_state" not in app.session_state


def test_without_sign_in_nothing_is_asked_for(lab):
    review = new_review(5)
    app = reviewing(review)
    assert batches_of(app, review)
    assert not [button for button in app.button if button.key in ("sign_in", "sign_out")]
    assert [button.key for button in app.button].count("reviewer_change") == 1


def test_a_deletion_asks_those_who_are_signed_in_for_its_reason(lab, signed_in):
    review = new_review(3)
    app = open_page("pages/review.py")
    assert "why" not in " ".join(str(field.key) for field in app.text_input)
    signed_in(KEEPS)
    with pytest.raises(LabError, match="needs a reason"), acting_as(KEEPS):
        with_reason("none", delete_review, review.id)
    monkey = {f"{review.id}_why": "  wrong run "}
    with acting_as(KEEPS), patch.object(reason_form.st, "session_state", monkey):
        with_reason(review.id, delete_review, review.id)
    assert (list_entries()[0].action, list_entries()[0].why) == ("delete", "wrong run")


def test_a_review_is_closed_with_a_name_and_a_meaning(lab):
    review = new_review(5)
    record(review, event(1, "p0"))
    app = reviewing(review, look="History")
    key = f"sign_review_{review.id}"
    assert "not an electronic signature in the sense of 21 CFR Part 11" in page_text(app)
    app.text_input(key=f"{key}_name").set_value("Anna Müller")
    next(button for button in app.button if button.label == "Close and sign").click().run()
    assert closed_at(review.id)
    app = reviewing(review, look="History")
    assert "Anna Müller" in page_text(app)
    app.button(key="review_reopen").click().run()
    assert closed_at(review.id) is None
    assert not app.exception


def test_why_a_signature_was_refused_stays_until_the_next_one(lab):
    review = new_review(5)
    record(review, event(1, "p0"))
    app = reviewing(review, look="History")
    key = f"sign_review_{review.id}"
    app.text_input(key=f"{key}_name").set_value(" ")
    next(button for button in app.button if button.label == "Close and sign").click().run()
    refusal = [error.value for error in app.error]
    assert len(refusal) == 1
    assert [error.value for error in app.run().error] == refusal  # as after a gap in the connection
    assert closed_at(review.id) is None
    app.text_input(key=f"{key}_name").set_value("Anna Müller")
    next(button for button in app.button if button.label == "Close and sign").click().run()
    assert not app.error
    assert closed_at(review.id)
    app.run()
    assert len(signed_states(review.id)) == 1


def test_the_role_of_a_visitor_is_looked_up_at_each_run(lab, signed_in):
    signed_in(Person("x@lab.example", "X", "reader", OIDC))
    app = open_page("pages/train.py")
    assert not app.exception
