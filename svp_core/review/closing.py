"""A review that is closed with a signature: no decision is added any more, and a changed log no longer matches it."""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from svp_core.access.person import KEEPER, REVIEWER
from svp_core.errors import LabError
from svp_core.review.history_file import verify
from svp_core.workspace.changes import REVIEW, change
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as row
from svp_core.workspace.signatures import Signature, new_signature, signatures_of, store_signature


@dataclass(frozen=True)
class SignedState:
    """A signature of a review, and whether the decisions are still those that were signed."""

    signature: Signature
    problem: str  # one sentence; "" where they are


def closed_at(review_id: str) -> float | None:
    """When the review was closed, s since 1970 UTC; None while it is open."""
    with engine().connect() as db:
        return db.scalar(sa.select(row.c.closed).where(row.c.id == review_id))


def sign_review(review_id: str, title: str, typed_name: str, meaning: str) -> Signature:
    """Close a review, where it is open, and sign its decisions; returns the signature.

    Raises LabError where its decisions do not verify, or the signature is not complete.
    """
    new_signature(typed_name, meaning, "")  # refuses before anything is closed
    was_open = closed_at(review_id) is None
    if was_open:
        with change(REVIEWER, "close", REVIEW, review_id, title):
            _set_closed(review_id, time.time())
    check = verify(review_id)
    if not check.sound:
        if was_open:
            _set_closed(review_id, None)
        raise LabError(f"The decisions were not signed: {check.problem}")
    signature = new_signature(typed_name, meaning, check.head, decisions=check.count)
    return store_signature(signature, REVIEW, review_id, title)


def reopen_review(review_id: str, title: str) -> None:
    """Let decisions be added again; the signatures stay, and no longer match once there is another decision."""
    with change(KEEPER, "reopen", REVIEW, review_id, title):
        _set_closed(review_id, None)


def signed_states(review_id: str) -> list[SignedState]:
    """The review's signatures, oldest first, each with what has changed since."""
    signatures = signatures_of(REVIEW, review_id)
    if not signatures:
        return []
    check = verify(review_id)
    return [
        SignedState(signature, _problem(signature, check.count, check.head, check.problem)) for signature in signatures
    ]


def _problem(signature: Signature, count: int, head: str, problem: str) -> str:
    if problem:
        return problem
    signed = int(signature.facts.get("decisions", 0))
    if count > signed:
        return f"{count - signed:,} decisions were added after this signature."
    return "" if head == signature.content else "The decisions are not those that were signed."


def _set_closed(review_id: str, at: float | None) -> None:
    with engine().begin() as db:
        if not db.execute(row.update().where(row.c.id == review_id).values(closed=at)).rowcount:
            raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")
