"""The queue of a review as a CSV file: texts stay texts, and its content has a hash."""

import hashlib
import json
from pathlib import Path

import pandas as pd

# Text columns, in which "NA" is a text.
TEXT_COLUMNS = ("particle", "image", "given", "label", "suggested", "reason", "run", "status")


def read_queue(path: str | Path) -> pd.DataFrame:
    """Table of a queue.csv, or of another CSV with these text columns; an empty text is "" and not NaN."""
    with Path(path).open("rb") as file:
        names = pd.read_csv(file, nrows=0).columns
        file.seek(0)
        return pd.read_csv(
            file,
            dtype={name: str for name in TEXT_COLUMNS if name in names},
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in TEXT_COLUMNS},
        )


def content_hash(table: pd.DataFrame) -> str:
    """SHA-256 of the particles and their labels before the review, in the queue's order."""
    pairs = list(zip(table["particle"].tolist(), table["given"].tolist(), strict=True))
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()


def particle_id(name: object) -> str:
    """A particle's id as every database and table takes it: lone surrogates of a broken file name are escaped."""
    return str(name).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def clean_text(text: object) -> str:
    """Text without lone surrogates and NUL, which are text in a browser and in Python but not in every database."""
    return str(text).encode("utf-8", "replace").decode().replace("\0", "�")
