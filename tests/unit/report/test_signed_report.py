"""Signed reports: printed, stored, and found where they were changed."""

import re
import time
from dataclasses import replace

import pytest

from svp_core.access.person import acting_as
from svp_core.errors import LabError
from svp_core.report import report_html
from svp_core.report.signed_report import sign_report, signed_reports, verify_report
from svp_core.review.closing import sign_review
from svp_core.review.sources import review_of_classification, start_review
from svp_core.review.store import open_review
from svp_core.tasks.stored_classifications import delete_classification
from svp_core.workspace import jobs
from svp_core.workspace.signatures import NAME_ONLY, TWO_COMPONENTS
from tests.helpers.finished_jobs import confident_probs, make_job
from tests.helpers.people import KEEPS, REVIEWS, write_settings
from tests.helpers.report_page import ReportPage
from tests.helpers.review_fixture import event, record
from tests.helpers.stored_work import store_job

SETTINGS = {"date": "2026-04-09", "author": "R. Person", "title": "Syringe 7"}


@pytest.fixture
def job_id():
    job_id = store_job("classify", {"source": "/data/run", "weights": "resnet18", "um_per_px": None})
    make_job(jobs.job_folder(job_id), confident_probs("protein", "air_bubble"), [3.0, 12.0])
    return job_id


def test_name_meaning_and_time_are_printed_and_the_file_verifies(job_id, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_SIGN_IN", write_settings(tmp_path / "lab.toml"))
    with acting_as(replace(REVIEWS, password_at=time.time())):
        signed = sign_report(job_id, SETTINGS, "Anna", "Reviewed")
    page = ReportPage(signed.path.read_text("utf-8"))
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(signed.signature.time))
    assert f"Anna · Reviewed · {at} UTC" in page.text
    assert TWO_COMPONENTS in page.text
    assert signed.signature.content in page.text
    state = verify_report(signed.path)
    assert state.problem == ""
    assert state.lines == [f"Reviewed: Anna, {at} UTC ({TWO_COMPONENTS})"]
    with acting_as(replace(KEEPS, password_at=time.time())):
        second = sign_report(job_id, SETTINGS, KEEPS.name, "Approved", under=signed.signature.id)
    page = ReportPage(second.path.read_text("utf-8"))
    assert page.text.index("Anna · Reviewed") < page.text.index("Kim Keeper · Approved")
    assert second.signature.content == signed.signature.content
    assert [report.signature.id for report in signed_reports(job_id)] == [second.signature.id, signed.signature.id]
    assert len(verify_report(second.path).lines) == 2


@pytest.mark.parametrize("change", ["a number", "the name of the signer", "one space", "another signature's file"])
def test_a_changed_report_is_found(job_id, tmp_path, change):
    signed = sign_report(job_id, SETTINGS, "Anna Müller", "Author")
    other = sign_report(job_id, {**SETTINGS, "title": "Syringe 8"}, "Anna Müller", "Author")
    assert signed.signature.components == NAME_ONLY
    text = signed.path.read_text("utf-8")
    changed = {
        "a number": lambda: text.replace("Syringe 7", "Syringe 9"),
        "the name of the signer": lambda: text.replace("Anna Müller", "Ben Other"),
        "one space": lambda: text + " ",
        "another signature's file": lambda: re.sub(
            'data-signature="[0-9a-f]+"', f'data-signature="{other.signature.id}"', text
        ),
    }[change]()
    assert changed != text
    copy = tmp_path / "copy.html"
    copy.write_text(text, "utf-8")
    assert verify_report(copy).problem == ""
    copy.write_text(changed, "utf-8")
    assert "changed after it was signed" in verify_report(copy).problem
    signed.path.write_text(changed, "utf-8")
    assert [report.problem for report in signed_reports(job_id)] == ["", "The report was changed after it was signed."]
    with pytest.raises(LabError, match="changed after it was signed"):
        sign_report(job_id, SETTINGS, "Ben", "Approved", under=signed.signature.id)


def test_a_file_without_signature_or_of_another_lab_is_a_sentence(job_id, tmp_path):
    (tmp_path / "a.html").write_text("<p>no</p>")
    with pytest.raises(LabError, match="not a signed report"):
        verify_report(tmp_path / "a.html")
    (tmp_path / "a.html").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabError, match="cannot be read"):
        verify_report(tmp_path / "a.html")
    (tmp_path / "a.html").write_text('<div data-signature="0123456789ab">')
    assert "not in the audit trail" in verify_report(tmp_path / "a.html").problem


def test_the_signature_of_a_closed_review_is_printed(job_id):
    review = open_review(start_review(review_of_classification(job_id)))
    record(review, event(1, review.table["particle"].iloc[0]))
    sign_review(review.id, review.name, "Anna Müller", "Reviewed")
    text = ReportPage(report_html(jobs.job_folder(job_id), settings=SETTINGS)).text
    assert "Reviewed: Anna Müller" in text
    assert NAME_ONLY in text


def test_changed_results_take_no_second_signature(job_id):
    signed = sign_report(job_id, SETTINGS, "Anna", "Author")
    make_job(jobs.job_folder(job_id), confident_probs("protein", "protein"), [3.0, 12.0])
    with pytest.raises(LabError, match="have changed since"):
        sign_report(job_id, SETTINGS, "Ben", "Approved", under=signed.signature.id)


def test_a_classification_with_a_signed_report_is_kept(job_id):
    signed = sign_report(job_id, SETTINGS, "Anna", "Author")
    with pytest.raises(LabError, match="signed report, which is kept"):
        delete_classification(job_id)
    assert signed.path.is_file()
