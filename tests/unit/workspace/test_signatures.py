"""Signatures: whose, which components, and what they are bound to."""

import time
from dataclasses import replace

import pytest

from svp_core.access.person import acting_as
from svp_core.errors import LabError
from svp_core.workspace.changes import REPORT
from svp_core.workspace.signatures import (
    NAME_ONLY,
    PASSWORD_S,
    SESSION,
    TWO_COMPONENTS,
    needs_password,
    new_signature,
    signatures_of,
    store_signature,
)
from tests.helpers.people import REVIEWS, write_settings


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.setenv("SVP_SIGN_IN", write_settings(tmp_path / "lab.toml"))


def test_with_a_password_just_entered_it_has_two_components():
    with acting_as(replace(REVIEWS, password_at=time.time() - PASSWORD_S + 60)):
        signature = new_signature(" anna ", "Approved", "c" * 64)
        assert (signature.name, signature.login, signature.meaning) == ("Anna", REVIEWS.login, "Approved")
        assert signature.components == TWO_COMPONENTS
        store_signature(signature, REPORT, "job", "Title", file="f" * 64)
    (stored,) = signatures_of(REPORT, "job")
    assert replace(stored, facts={}) == replace(signature, facts={})
    assert stored.facts["file"] == "f" * 64


@pytest.mark.parametrize("ago", [None, PASSWORD_S + 60])
def test_an_old_sign_in_has_to_be_renewed(ago):
    person = replace(REVIEWS, password_at=None if ago is None else time.time() - ago)
    assert needs_password(person)
    with acting_as(person), pytest.raises(LabError, match="sign in again"):
        new_signature("Anna", "Approved", "c")


def test_a_session_alone_is_not_called_two_components(tmp_path):
    write_settings(tmp_path / "lab.toml", prompt="select_account")
    with acting_as(replace(REVIEWS, password_at=time.time())):
        assert new_signature("Anna", "Author", "c").components == SESSION


@pytest.mark.parametrize(("name", "meaning"), [("Ben", "Author"), ("", "Author"), ("Anna", "Witnessed")])
def test_another_name_or_meaning_is_refused(name, meaning):
    with acting_as(replace(REVIEWS, password_at=time.time())), pytest.raises(LabError):
        new_signature(name, meaning, "c")


def test_without_sign_in_it_says_that_it_is_a_typed_name(monkeypatch):
    monkeypatch.delenv("SVP_SIGN_IN")
    signature = new_signature("Anna  Müller", "Author", "c")
    assert (signature.name, signature.components) == ("Anna Müller", NAME_ONLY)
    with pytest.raises(LabError, match="full name"):
        new_signature(" ", "Author", "c")
