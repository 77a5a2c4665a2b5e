"""Seal of a review's decisions: an HMAC of their number and last hash with the key of the audit trail.

The hash chain alone could be rebuilt by someone who can write the database; the seal cannot without the key. An earlier
state has its seal too. So the audit trail notes number and last hash at the first decision and at every NOTED_EACH-th,
and those of the last decision are kept in a file beside the key, outside the database.
"""

import hashlib
import hmac
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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


def keep_head(key: AuditKey, review_id: str, count: int, head: str) -> None:
    """Keep number and hash of a review's last decision beside the key."""
    file = _kept_heads(key.file) / review_id
    # Always of one length, written at once: a process that is killed leaves the old line or the new one. A line that is
    # late finds less; it never makes a sound log look altered. So writing may fail.
    line = f"{count:>12} {head} {key.sign(f'last of {review_id} {count} {head}')}\n"
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def kept_head(review_id: str, key: AuditKey | None = None) -> tuple[int, str] | None:
    """(number, hash) of the review's last decision as kept beside the key; None where nothing is, or by another key."""
    key = key or read_key(key_file(workspace_root()))
    try:
        count, head, mac = (_kept_heads(key.file) / review_id).read_text("ascii").split() if key else ("", "", "")
        signed = key is not None and hmac.compare_digest(key.sign(f"last of {review_id} {count} {head}"), mac)
        return (int(count), head) if signed else None
    except (OSError, ValueError):
        return None


def kept_problem(kept: tuple[int, str] | None, hashes: Mapping[int, str]) -> str:
    """Why these decisions are not those whose last one is kept beside the key, in one sentence; "" where they are.

    kept: of kept_head, asked for before the decisions were read. hashes: number of a decision -> its hash.
    """
    if kept and hashes.get(kept[0]) != kept[1]:
        return (
            f"Beside the key, {kept[0]:,} decisions were noted: some were removed or rewritten since, or the database "
            "was put back to an earlier state."
        )
    return ""


def forget_heads() -> None:
    """Remove what is kept of this workspace: a backup that is restored deliberately may be older."""
    shutil.rmtree(_kept_heads(key_file(workspace_root())), ignore_errors=True)


def _kept_heads(key: Path) -> Path:
    # By workspace: one on the same machine, restored from a backup to be tried, may have the same key.
    workspace = hashlib.sha256(os.fsencode(workspace_root().resolve())).hexdigest()[:12]
    return key.with_name(f"{key.name}.heads") / workspace
