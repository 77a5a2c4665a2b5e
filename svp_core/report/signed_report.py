"""Signed reports: the report as it was signed, kept with the classification, and the check of a file against it.

A signed report is the file itself: its SHA-256 stands in the audit trail, so that any changed byte is found. A further
signature is set under a report that has signatures already, and makes a new file that prints all of them.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svp_core.access.person import REVIEWER, require
from svp_core.display import format_utc
from svp_core.errors import LabError
from svp_core.files import atomic_write, file_sha256
from svp_core.report.document import report_html
from svp_core.workspace import jobs
from svp_core.workspace.changes import REPORT, list_entries
from svp_core.workspace.signatures import SIGN, Signature, new_signature, signatures_of, store_signature

_ID = re.compile(r'data-signature="([0-9a-f]{12})"')
_FOLDER = "signed"


@dataclass(frozen=True)
class SignedReport:
    """One signed report of a classification."""

    signature: Signature  # the last one in it
    path: Path
    problem: str  # one sentence; "" where the file is as it was signed


@dataclass(frozen=True)
class ReportState:
    """Result of checking a file."""

    lines: list[str]  # a line per signature
    problem: str  # one sentence; "" where the file is as it was signed


def sign_report(
    job_id: str, settings: Mapping[str, Any], typed_name: str, meaning: str, *, under: str = ""
) -> SignedReport:
    """Sign the report of a classification with these settings; returns where the signed file lies.

    under: id of the last signature of a signed report that this one is set under, with the settings of that; "": a
    report without signatures. Raises LabError where the person may not sign, see workspace.signatures.
    """
    require(REVIEWER, "sign a report")
    job, folder = jobs.get(job_id), jobs.job_folder(job_id)
    earlier: list[Signature] = []
    if under:
        before = next((signed for signed in signed_reports(job_id) if signed.signature.id == under), None)
        if before is None or before.problem:
            raise LabError(before.problem if before else f"There is no signed report {under[:12]!r}; choose another.")
        settings = json.loads(str(before.signature.facts["settings"]))
        earlier = _chain(job_id, before.signature)
    unsigned = report_html(folder, settings=settings)
    content = hashlib.sha256(unsigned.encode()).hexdigest()
    if earlier and earlier[0].content != content:
        raise LabError("The results have changed since that report was signed; sign a new report instead.")
    signature = new_signature(typed_name, meaning, content, under=under)
    html = report_html(folder, settings=settings, signatures=[*earlier, signature])
    path = folder / _FOLDER / f"{signature.id}.html"
    path.parent.mkdir(exist_ok=True)
    atomic_write(path, lambda temporary: temporary.write_bytes(html.encode()))
    title = str(settings.get("title") or job.config.get("title") or "")
    stored = store_signature(
        signature, REPORT, job_id, title, file=file_sha256(path), settings=json.dumps(dict(settings), sort_keys=True)
    )
    return SignedReport(stored, path, "")


def signed_reports(job_id: str) -> list[SignedReport]:
    """Signed reports of a classification, newest first."""
    folder = jobs.job_folder(job_id) / _FOLDER
    return [
        SignedReport(signature, folder / f"{signature.id}.html", _problem(folder / f"{signature.id}.html", signature))
        for signature in reversed(signatures_of(REPORT, job_id))
    ]


def verify_report(path: Path) -> ReportState:
    """Check a report's file against the signatures that it names. Raises LabError where it cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        raise LabError(f"{path} cannot be read as a report; choose a signed report (.html).") from None
    ids = _ID.findall(text)
    if not ids:
        raise LabError(f"{path.name} is not a signed report; a report is signed on the page Classify, under Report.")
    signatures = {
        str(entry.facts.get("signature")): (entry.subject, entry)
        for entry in list_entries(kinds=(REPORT,), action=SIGN)
    }
    if ids[-1] not in signatures:
        return ReportState([], f"{path.name}: its signature {ids[-1]} is not in the audit trail of this workspace.")
    subject, _ = signatures[ids[-1]]
    last = next(signature for signature in signatures_of(REPORT, subject) if signature.id == ids[-1])
    problem = _problem(path, last)
    return ReportState(
        [signature_line(one) for one in _chain(subject, last)], f"{path.name}: {problem}" if problem else ""
    )


def signature_line(signature: Signature) -> str:
    """A signature in one line."""
    return f"{signature.meaning}: {signature.name}, {format_utc(signature.time)} UTC ({signature.components})"


def _chain(job_id: str, last: Signature) -> list[Signature]:
    """The signatures in a report whose last one this is, oldest first."""
    known = {signature.id: signature for signature in signatures_of(REPORT, job_id)}
    chain: Sequence[Signature] = [last]
    while under := known.get(str(chain[0].facts.get("under", ""))):
        chain = [under, *chain]
    return list(chain)


def _problem(path: Path, signature: Signature) -> str:
    try:
        same = file_sha256(path) == signature.facts.get("file")
    except OSError:
        return "The signed file is gone; restore it from a backup."
    return "" if same else "The report was changed after it was signed."
