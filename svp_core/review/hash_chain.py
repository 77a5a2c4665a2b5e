"""Hash chain of a review's decisions: each carries the hash of the one before it, the first that of the header.

A row that was altered, removed or moved breaks the chain there. A tail that was cut off, or a chain that was rebuilt,
shows only where the count and the last hash (the head) are known from elsewhere: they are in every export.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

UNCHAINED = ("review", "hash")  # columns that are not hashed; the chain begins with the header, which names the review


@dataclass(frozen=True)
class ChainCheck:
    """Result of checking a decision log against its hash chain."""

    count: int  # decisions from the first on that are as they were written
    head: str  # hash of the last of those
    problem: str = ""  # one sentence; "" when the whole chain is intact

    @property
    def sound(self) -> bool:
        """True when no problem was found."""
        return not self.problem


def canonical_json(content: Any) -> str:
    """Canonical JSON, the same text for the same content: sorted keys, no spaces, floats rounded to six decimals.

    content: dicts with text keys, lists, texts, numbers (numpy's too), bools and None; NaN becomes None. Raises
    ValueError for anything else.
    """
    return dump_plain(_plain(content))


def dump_plain(plain: Any) -> str:
    """Canonical JSON of content that canonical_json would not change, e.g. because it was parsed from it."""
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def parse_json(text: str) -> Any:
    """Content of one line of JSON. Raises ValueError for invalid JSON, NaN and infinity included."""
    return json.loads(text, parse_constant=_refuse_constant)


def first_hash(header: Mapping[str, Any]) -> str:
    """The hash that the first decision names as the one before it. header: of the review."""
    return _sha256(canonical_json(header))


def next_hash(previous: str, row: Mapping[str, Any]) -> str:
    """Hash of a decision. previous: hash of the one before; row: its columns, times rounded to ms."""
    return _sha256(previous + dump_plain({name: value for name, value in row.items() if name not in UNCHAINED}))


def check_chain(
    header: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    *,
    count: int | None = None,
    head: str | None = None,
) -> ChainCheck:
    """Check a decision log. rows: the decisions' columns, in order; count and head: as known from elsewhere."""
    last, checked = first_hash(header), 0
    for number, row in enumerate(rows, 1):
        if row["number"] != number:
            problem = f"Decision {number} is missing or out of place: number {row['number']} follows."
        elif row["previous"] != last:
            before = f"decision {number - 1}" if number > 1 else "the header"
            problem = f"Decision {number} does not follow {before}: one of the two was altered or inserted."
        elif next_hash(last, row) != row["hash"]:
            problem = f"Decision {number} ({row['particle'][:80]!r}) was altered: its hash does not match its content."
        else:
            last, checked = row["hash"], number
            continue
        return ChainCheck(checked, last, problem)
    if count is not None and count != checked:
        return ChainCheck(checked, last, f"The log ends after decision {checked}; there were {count}.")
    if head not in (None, last):
        problem = f"The last hash is {last}, not {head}: this is another log, or it was rebuilt."
        return ChainCheck(checked, last, problem)
    return ChainCheck(checked, last)


def _sha256(text: str) -> str:
    # A file name that is not valid Unicode comes with lone surrogates, which plain UTF-8 refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and not isinstance(value, dict | list | tuple | str):
        value = value.item()  # a numpy scalar
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} cannot be stored in a decision log: {str(value)[:80]!r}")
