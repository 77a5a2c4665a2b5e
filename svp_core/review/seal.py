"""Seal of a review's decisions: an HMAC of their number and last hash with the key of the audit trail.

The hash chain alone could be rebuilt by someone who can write the database; the seal cannot without the key. An earlier
state has its seal too: so the audit trail notes number and last hash at the first decision and at every NOTED_EACH-th.
"""

import hmac
from collections.abc import Mapping

from svp_core.audit_trail.key import AuditKey, key_file, read_key
from svp_core.workspace.changes import REVIEW, list_entries, trail_key
from svp_core.workspace.paths import workspace_root

SEALED = ("create", "import", "seal")  # actions of the trail after which a review has a seal
NOTED = "note decisions of"  # action of the trail
NOTED_EACH = 100  # decisions


def make_seal(review_id: str, count: int, head: str, key: AuditKey | None = None) -> str:
    """Seal of a review with this many decisions and this last hash. Raises LabError where the key is gone."""
    key = key or trail_key()
    return f"{key.id[:8]}{key.sign(f'review {review_id} {count} {head}')[:56]}"


def seal_problem(review_id: str, count: int, head: str, seal: str | None) -> str:
    """Why the stored seal is not that of these decisions, in one sentence; "" where it is, or there never was one."""
    if seal is None:
        if any(entry.action in SEALED for entry in list_entries(kinds=(REVIEW,), subject=review_id)):
            return "The seal of the decisions was removed: they may have been rewritten."
        return ""
    key = read_key(key_file(workspace_root()))
    if key is None or not seal.startswith(key.id[:8]):
        return "The decisions were sealed with another key than that of this audit trail, so they cannot be verified."
    if not hmac.compare_digest(make_seal(review_id, count, head, key), seal):
        return "The decisions do not match their seal: the whole log was rewritten."
    return ""


def is_noted(before: int, after: int) -> bool:
    """Whether the trail notes a log that goes from `before` to `after` decisions."""
    return after > before and (before == 0 or after // NOTED_EACH > before // NOTED_EACH)


def noted_heads(review_id: str) -> dict[int, tuple[int, str]]:
    """Number of an entry of the trail -> (number of decisions, hash of the last one) that it has noted."""
    entries = list_entries(kinds=(REVIEW,), subject=review_id, action=NOTED)
    return {entry.number: (entry.facts["decisions"], entry.facts["head"]) for entry in entries}


def noted_problem(noted: Mapping[int, tuple[int, str]], hashes: Mapping[int, str]) -> str:
    """Why these decisions are not those that the trail has noted, in one sentence; "" where they are.

    noted: of noted_heads, asked for before the decisions were read. hashes: number of a decision -> its hash.
    """
    for entry, (count, head) in noted.items():
        if hashes.get(count) != head:
            return f"Entry {entry} of the audit trail has noted other decisions: some were removed or rewritten."
    return ""


def noted_reviews() -> set[str]:
    """Ids of all reviews whose decisions the trail has noted."""
    return {entry.subject for entry in list_entries(kinds=(REVIEW,), action=NOTED)}
