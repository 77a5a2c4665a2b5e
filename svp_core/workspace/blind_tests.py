"""Results of blind tests, one file each; appended, never changed."""

import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from svp_core.access.person import REVIEWER, require_own_name
from svp_core.files import write_json
from svp_core.workspace.changes import BLIND_TEST, change
from svp_core.workspace.paths import workspace_root

COLUMNS = (
    "finished", "reviewer", "class", "real", "generated", "seed", "tiles", "right", "share", "low", "high", "p",
    "real_taken_for_generated", "generated_taken_for_generated",
)  # fmt: skip


def save_blind_test(result: Mapping[str, Any]) -> str:
    """Keep a result with the time of now: JSON-ready, with COLUMNS but "finished", and answers; returns its id.

    Raises LabError where the person who is signed in has another name than the result, or may not take one.
    """
    require_own_name(str(result["reviewer"]), "take a blind test")
    test_id, finished = uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
    facts = {name: result[name] for name in ("reviewer", "tiles", "right") if name in result}
    with change(REVIEWER, "finish", BLIND_TEST, test_id, str(result["class"]), **facts):
        write_json(_folder() / f"{test_id}.json", {**result, "finished": finished})
    return test_id


def list_blind_tests() -> list[dict[str, Any]]:
    """All results, newest first; damaged files are left out."""
    results = []
    for path in _folder().glob("*.json"):
        with suppress(OSError, ValueError):
            result = json.loads(path.read_text("utf-8"))
            results += [result] if "finished" in result else []
    return sorted(results, key=lambda result: result["finished"], reverse=True)


def blind_tests_csv() -> bytes:
    """All results as CSV, UTF-8, with COLUMNS and one column per answer: r or g for the truth, then the answer."""
    text, results = StringIO(), list_blind_tests()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "answers"])
    for result in results:
        answers = " ".join(result.get("answers", ()))
        writer.writerow([*(result.get(column, "") for column in COLUMNS), answers])
    return text.getvalue().encode()


def _folder() -> Path:
    folder = workspace_root() / "blind_tests"
    folder.mkdir(exist_ok=True)
    return folder
