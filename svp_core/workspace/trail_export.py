"""The audit trail as a file: CSV for a spreadsheet, JSON lines with every column."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from svp_core.access.person import KEEPER, require
from svp_core.audit_trail.trail import COLUMNS
from svp_core.workspace.changes import list_entries


def entries_as_csv(conditions: Mapping[str, Any]) -> bytes:
    """Entries that fit the conditions of list_entries, oldest first. A text never becomes a spreadsheet's formula."""
    require(KEEPER, "export the audit trail")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in reversed(list_entries(**conditions)):
        values = asdict(entry)
        writer.writerow([_plain(values[name]) for name in COLUMNS])
    return text.getvalue().encode("utf-8-sig")


def entries_as_jsonl(conditions: Mapping[str, Any]) -> bytes:
    """As entries_as_csv, one JSON object per line."""
    require(KEEPER, "export the audit trail")
    rows = (asdict(entry) for entry in reversed(list_entries(**conditions)))
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows).encode()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
