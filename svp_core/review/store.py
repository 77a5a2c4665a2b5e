"""Reviews: particles whose labels somebody goes through, in the order in which that is worth most.

A review is a folder, workspace/reviews/ID: queue.csv (a row a particle, worst first), tiles.npy in the same order,
colour.npy where there is colour, review.json; and a row in the database, which its decisions hang on
(workspace.decisions). What lies in the folder does not change afterwards.
"""

import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from uuid import uuid4

import numpy as np
import pandas as pd
import sqlalchemy as sa

from svp_core.errors import LabError
from svp_core.review.current_labels import NOT_A_CLASS, CurrentLabels
from svp_core.review.decision_rules import clean
from svp_core.review.hash_chain import canonical_json, first_hash
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root

FORMAT = "svp-lab review 1"
TEXTS = ("particle", "image", "given", "label", "suggested", "reason", "run", "status")  # in which "NA" is a word
EVIDENCE = ("score", "suggested", "margin", "rank", "confidence")  # columns that go into every decision's evidence
_HEADER = {"format", "review", "name", "kind", "source", "class_keys", "model", "created", "particles", "content"}
MAX_ID_BYTES = 2_000  # of a particle's id; a database can index no more


@dataclass(frozen=True)
class Review:
    """An open review."""

    id: str
    header: dict  # format, review (id), name, kind, source, class_keys, model, created (ISO 8601), particles, content
    table: pd.DataFrame  # a row a particle in the queue's order: particle, given ("" for none), and what is known of it
    tiles: np.ndarray | None  # uint8 (N, 64, 64), memory-mapped, in the same order; None where none came along
    colour: np.ndarray | None  # uint8 (N, 64, 64, 3); None for grey ones

    @property
    def name(self):
        """What the review is called on screens."""
        return self.header["name"]

    @property
    def class_keys(self):
        """Classes that a particle can be given."""
        return tuple(self.header["class_keys"])

    @property
    def by_machine(self):
        """Whether its labels before the review are what a classifier said itself."""
        return self.header["kind"] == "classify" and self.header["source"].get("labels") == "label"

    @cached_property
    def place(self):
        """Particle -> its position in the queue."""
        return {particle: position for position, particle in enumerate(self.table["particle"])}

    def given(self, particle):
        """Its label before the review, "" for none."""
        return self._given[self.place[particle]]

    def evidence(self, particle):
        """What the queue says of it: a dict with those of EVIDENCE that there are, and the model."""
        position = self.place[particle]
        return {"model": self.header["model"]} | {name: values[position] for name, values in self._evidence.items()}

    def standing(self):
        """A Standing without decisions yet; take(decisions.history(review.id)) brings it up to date."""
        return CurrentLabels(dict(zip(self.table["particle"], self._given, strict=True)))

    @cached_property
    def _given(self):
        return self.table["given"].tolist()

    @cached_property
    def _evidence(self):
        # Lists: picking one value out of a DataFrame takes longer than writing the decision.
        return {name: self.table[name].tolist() for name in EVIDENCE if name in self.table}


def create_review(name, *, kind, source, class_keys, table, tiles, colour=None, model=""):
    """Begin a review of these particles; returns its id.

    kind: "folder", "dataset" or "classify". source: JSON-ready dict that says where they lie. class_keys: classes a
    particle can be given. table: DataFrame in the queue's order with a unique "particle", "given" (class key, or empty)
    and whatever the screen shows (score, suggested, rank, reason, ecd_um, ...). tiles: uint8 (N, 64, 64), colour:
    uint8 (N, 64, 64, 3), both in the table's order. model: what suggested labels, in words.
    Raises LabError for what cannot be reviewed.
    """
    table, class_keys = _checked(name, table, class_keys), list(dict.fromkeys(class_keys))
    if len(table) != len(tiles) or (colour is not None and len(colour) != len(tiles)):
        raise ValueError(f"{len(table)} rows need as many tiles; got {len(tiles)}")
    review_id = uuid4().hex[:12]
    header = {
        "format": FORMAT,
        "review": review_id,
        "name": name.strip(),
        "kind": kind,
        "source": source,
        "class_keys": class_keys,
        "model": model,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "particles": len(table),
        "content": content_of(table),
    }
    save_review(json.loads(canonical_json(header)), table, tiles, colour)
    return review_id


def save_review(header, table, tiles=None, colour=None):
    """Put a review of this header in place: its folder first, then the row that makes it known."""
    folder = _folder(header["review"])
    unfinished = folder.with_name(f".unfinished-{uuid4().hex}")
    unfinished.mkdir(parents=True)
    table.to_csv(unfinished / "queue.csv", index=False, lineterminator="\n")
    for file, pixels in (("tiles.npy", tiles), ("colour.npy", colour)):
        if pixels is not None:
            np.save(unfinished / file, np.ascontiguousarray(pixels, np.uint8))
    (unfinished / "review.json").write_text(json.dumps(header, indent=2) + "\n", "utf-8")
    os.replace(unfinished, folder)
    with engine().begin() as db:
        row = {
            "id": header["review"],
            "header": canonical_json(header),
            "created": time.time(),
            "head": first_hash(header),
        }
        db.execute(review_row.insert().values(count=0, **row))


def list_reviews():
    """The header dict of every review, newest first, with "decisions": how many there are."""
    with engine().connect() as db:
        rows = db.execute(sa.select(review_row).order_by(review_row.c.created.desc())).all()
    return [{**json.loads(row.header), "decisions": row.count} for row in rows]


def open_review(review_id):
    """The Review with this id; takes a second for 200,000 particles, so keep it. Raises LabError where it cannot be."""
    with engine().connect() as db:
        header = db.scalar(sa.select(review_row.c.header).where(review_row.c.id == str(review_id)))
    if header is None:
        raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")
    header, folder = json.loads(header), _folder(review_id)
    table = queue_of(header)
    tiles, colour = _pixels(folder / "tiles.npy"), _pixels(folder / "colour.npy")
    if any(pixels is not None and pixels.shape[:1] != (len(table),) for pixels in (tiles, colour)):
        raise _damaged(header)
    return Review(str(review_id), header, table, tiles, colour)


def queue_of(header):
    """The DataFrame of a review's particles. Raises LabError where they are not those that it was begun with."""
    try:
        table = read_queue(_folder(header["review"]) / "queue.csv")
        if content_of(table) == header["content"]:
            return table
    except (OSError, ValueError, KeyError):
        pass
    raise _damaged(header)


def read_queue(path):
    """DataFrame of a queue.csv or of any table with texts like those; an empty text is "" and no NaN."""
    with open(path, "rb") as file:
        names = pd.read_csv(file, nrows=0).columns
        file.seek(0)
        return pd.read_csv(
            file,
            dtype={name: str for name in TEXTS if name in names},
            keep_default_na=False,
            na_values={name: [""] for name in names if name not in TEXTS},
        )


def is_header(content):
    """Whether this dict is the header of a review; it may come from anybody's file."""
    return (
        content.get("format") == FORMAT
        and set(content) == _HEADER
        and isinstance(content["review"], str)
        and bool(re.fullmatch("[0-9a-f]{12}", content["review"]))
    )


def content_of(table):
    """SHA-256 over the particles and their labels before the review, in the queue's order."""
    pairs = list(zip(table["particle"].tolist(), table["given"].tolist(), strict=True))
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()


def _checked(name, table, class_keys):
    """The table with clean texts. Raises LabError with a sentence for what cannot be reviewed."""
    if not name.strip():
        raise LabError("The review has no name; give it one.")
    if not len(table):
        raise LabError(f"There are no particles to go through in {name.strip()!r}; choose a source that holds some.")
    taken = [key for key in class_keys if key in NOT_A_CLASS or not str(key).strip()]
    if taken or not class_keys:
        raise LabError(
            f"A review needs classes to choose from, and none may be called {' or '.join(map(repr, NOT_A_CLASS))}; "
            f"given are {', '.join(map(repr, class_keys)) or 'none'}."
        )
    table = table.assign(
        particle=[particle_id(particle) for particle in table["particle"]],
        given=[clean(given) if isinstance(given, str) else "" for given in table["given"]],
    )
    too_long = next((particle for particle in table["particle"] if len(particle.encode()) > MAX_ID_BYTES), None)
    if too_long:
        raise LabError(
            f"The name {too_long[:60]!r}... has more than {MAX_ID_BYTES:,} bytes; shorten the folders it lies in."
        )
    if not table["particle"].is_unique:
        twice = table["particle"][table["particle"].duplicated()].iloc[0]
        raise LabError(f"The name {twice[:80]!r} stands for two particles; give each its own.")
    return table


def _pixels(path):
    """The array in this file, memory-mapped, read-only; None where there is none, an empty one where it is damaged."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError):
        return np.zeros(0, np.uint8)


def _damaged(header):
    return LabError(
        f"The review {header['name']!r} is damaged: the files in {_folder(header['review'])} are not those it began "
        "with; put them back from a copy."
    )


def particle_id(name):
    """A particle's id as every database and table takes it: lone surrogates of a broken file name written out."""
    return str(name).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _folder(review_id):
    return workspace_root() / "reviews" / str(review_id)
