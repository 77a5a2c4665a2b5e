"""The hash chain of a review's decisions: each carries the hash of the one before it, the first that of the header.

A row that was altered, taken out or moved breaks the chain at that place. A tail that was cut off, or a chain that was
computed anew, shows only where the count and the last hash (the head) are known from elsewhere: they stand in every
export.
"""

import hashlib
import json
import math
from dataclasses import dataclass

UNCHAINED = ("review", "hash")  # the chain begins with the header, which names the review


@dataclass(frozen=True)
class ChainCheck:
    """Whether a history is what was written."""

    count: int  # decisions that are as they were written, from the first on
    head: str  # hash of the last of those
    problem: str = ""  # one sentence; "" when the whole history is sound

    @property
    def sound(self):
        """True when nothing was found."""
        return not self.problem


def canonical_json(content):
    """One text for one content, whoever writes it: JSON with sorted keys, no spaces, floats to six decimals.

    content: dicts with text keys, lists, texts, numbers (numpy's too), bools and None; NaN becomes None. Raises
    ValueError for anything else.
    """
    return as_text(_plain(content))


def as_text(plain):
    """The canonical text of what came out of one before, or holds nothing that canonical would change."""
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(text):
    """The content of one line of JSON. Raises ValueError for what is none, NaN and infinity included."""
    return json.loads(text, parse_constant=_refused)


def first_hash(header):
    """What the first decision names as the hash before it. header: dict of the review."""
    return _sha256(canonical_json(header))


def next_hash(previous, row):
    """Hash of a decision. previous: hash of the one before; row: dict of its columns, times in ms at the finest."""
    return _sha256(previous + as_text({name: value for name, value in row.items() if name not in UNCHAINED}))


def check_chain(header, rows, *, count=None, head=None):
    """Verdict on a history. rows: dicts of the decisions' columns, in order; count and head as known elsewhere."""
    last, seen = first_hash(header), 0
    for number, row in enumerate(rows, 1):
        if row["number"] != number:
            found = f"Decision {number} is missing or not in its place: number {row['number']} stands there."
        elif row["previous"] != last:
            before = f"the one before it ({number - 1})" if number > 1 else "the header"
            found = f"Decision {number} does not follow on {before}: one of the two was altered or put in."
        elif next_hash(last, row) != row["hash"]:
            found = f"Decision {number} ({row['particle'][:80]!r}) was altered: its hash does not fit its content."
        else:
            last, seen = row["hash"], number
            continue
        return ChainCheck(seen, last, found)
    if count is not None and count != seen:
        return ChainCheck(seen, last, f"The history ends after decision {seen}; there were {count}.")
    if head not in (None, last):
        return ChainCheck(
            seen, last, f"The last hash is {last}, not {head}: this is another history, or was made anew."
        )
    return ChainCheck(seen, last)


def _sha256(text):
    # A file name that is no valid Unicode comes with lone surrogates, which plain UTF-8 refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(constant):
    raise ValueError(f"{constant} is no JSON")


def _plain(value):
    if hasattr(value, "item") and not isinstance(value, dict | list | tuple | str):
        value = value.item()  # of numpy
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} cannot go into a history: {str(value)[:80]!r}")
