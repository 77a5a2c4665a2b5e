"""Reviews: particles whose labels are reviewed, ordered so that the most doubtful labels come first.

A review is a folder, workspace/reviews/ID: queue.csv (one row per particle, most doubtful first), tiles.npy in the same
order, colour.npy for colour images, review.json; and a row in the database, to which its decisions belong
(decision_log). The folder does not change afterwards. Deleting a review hides it; its folder and decisions stay.
"""

import json
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray

from svp_core.access.person import KEEPER, REVIEWER
from svp_core.errors import LabError
from svp_core.files import atomic_folder, write_json
from svp_core.review.current_labels import NOT_A_CLASS, CurrentLabels
from svp_core.review.hash_chain import canonical_json, first_hash
from svp_core.review.queue_file import clean_text, content_hash, particle_id, read_queue
from svp_core.review.seal import make_seal
from svp_core.workspace.changes import REVIEW, change
from svp_core.workspace.database import engine
from svp_core.workspace.database import review as review_row
from svp_core.workspace.paths import workspace_root

FORMAT = "svp-lab review 1"
EVIDENCE = ("score", "suggested", "margin", "rank", "confidence")  # columns stored as evidence with every decision
_HEADER = {"format", "review", "name", "kind", "source", "class_keys", "model", "created", "particles", "content"}
MAX_ID_BYTES = 2_000  # of a particle's id; the limit of a database index
MAX_NAME = 200  # characters of a review's name


@dataclass(frozen=True)
class Review:
    """An open review."""

    id: str
    header: dict[str, Any]  # format, review (id), name, kind, source, class_keys, model, created (ISO 8601), ...
    table: pd.DataFrame  # one row per particle in the queue's order: particle, given ("" for none), and more
    tiles: NDArray[np.uint8] | None  # (N, 64, 64), memory-mapped, in the same order; None for an imported history
    colour: NDArray[np.uint8] | None  # (N, 64, 64, 3); None for grey images
    name: str  # display name; header["name"] is the first one

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Classes that a particle can be given."""
        return tuple(self.header["class_keys"])

    @property
    def has_model_labels(self) -> bool:
        """Whether the labels before the review are a classifier's own predictions."""
        return self.header["kind"] == "classify" and self.header["source"].get("labels") == "label"

    @cached_property
    def positions(self) -> dict[str, int]:
        """Particle -> its position in the queue."""
        return {particle: position for position, particle in enumerate(self.table["particle"])}

    def given(self, particle: str) -> str:
        """Label before the review, "" for none."""
        return self._given[self.positions[particle]]

    def evidence(self, particle: str) -> dict[str, Any]:
        """What the queue says of this particle: the model, and those of EVIDENCE that the queue has."""
        position = self.positions[particle]
        return {"model": self.header["model"]} | {name: values[position] for name, values in self._evidence.items()}

    def current_labels(self) -> CurrentLabels:
        """CurrentLabels without decisions; add(decision_log.history(review.id)) brings them up to date."""
        return CurrentLabels(dict(zip(self.table["particle"], self._given, strict=True)))

    @cached_property
    def _given(self) -> list[str]:
        return self.table["given"].tolist()

    @cached_property
    def _evidence(self) -> dict[str, list[Any]]:
        # Lists: reading one value from a DataFrame takes longer than writing the decision.
        return {name: self.table[name].tolist() for name in EVIDENCE if name in self.table}


def create_review(
    name: str,
    *,
    kind: str,
    source: Mapping[str, Any],
    class_keys: Sequence[str],
    table: pd.DataFrame,
    tiles: NDArray[np.uint8],
    colour: NDArray[np.uint8] | None = None,
    model: str = "",
    review_id: str | None = None,
) -> str:
    """Create a review of these particles; returns its id.

    kind: "folder", "dataset" or "classify". source: JSON-ready dict that says where they come from. class_keys: classes
    that a particle can be given. table: in the queue's order, with a unique "particle", "given" (class key, or empty)
    and what the screen shows (score, suggested, rank, reason, ecd_um, ...). tiles: (N, 64, 64), colour:
    (N, 64, 64, 3), both in the table's order. model: name of what suggested other labels. review_id: reserved for it
    (files.reserve_id); where that review exists already, it is kept as it is.
    Raises LabError for particles that cannot be reviewed.
    """
    table, class_keys = _checked_table(name, table, class_keys), list(dict.fromkeys(class_keys))
    if len(table) != len(tiles) or (colour is not None and len(colour) != len(tiles)):
        raise ValueError(f"{len(table)} rows need as many tiles; got {len(tiles)}")
    review_id = review_id or uuid4().hex[:12]
    if review_exists(review_id):
        return review_id
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
        "content": content_hash(table),
    }
    facts = {"particles": len(table), "content": header["content"]}
    with change(REVIEWER, "create", REVIEW, review_id, header["name"], **facts):
        save_review(json.loads(canonical_json(header)), table, tiles, colour)
    return review_id


def save_review(
    header: Mapping[str, Any],
    table: pd.DataFrame,
    tiles: NDArray[np.uint8] | None = None,
    colour: NDArray[np.uint8] | None = None,
) -> None:
    """Store a review with this header: first its folder, then the row that makes it known."""
    folder = _folder(header["review"])
    shutil.rmtree(folder, ignore_errors=True)  # what a process has left that was killed before it wrote the row
    with atomic_folder(folder) as unfinished:
        table.to_csv(unfinished / "queue.csv", index=False, lineterminator="\n")
        for file, pixels in (("tiles.npy", tiles), ("colour.npy", colour)):
            if pixels is not None:
                np.save(unfinished / file, np.ascontiguousarray(pixels, np.uint8))
        write_json(unfinished / "review.json", dict(header))
    row = {
        "id": header["review"],
        "header": canonical_json(header),
        "created": time.time(),
        "count": 0,
        "head": first_hash(header),
        "seal": make_seal(header["review"], 0, first_hash(header)),
    }
    with engine().begin() as db:
        db.execute(review_row.insert().values(**row))


def review_exists(review_id: str) -> bool:
    """Whether the workspace has a review with this id, a deleted one included."""
    with engine().connect() as db:
        return db.scalar(sa.select(review_row.c.id).where(review_row.c.id == review_id)) is not None


def list_reviews(*, deleted: bool = False) -> list[dict[str, Any]]:
    """Header of every review, newest first, with its display name and "decisions": how many there are.

    deleted: those that were deleted, instead of the others.
    """
    is_listed = review_row.c.deleted.is_not(None) if deleted else review_row.c.deleted.is_(None)
    with engine().connect() as db:
        rows = db.execute(sa.select(review_row).where(is_listed).order_by(review_row.c.created.desc())).all()
    return [_named_header(row) | {"decisions": row.count} for row in rows if is_header(json.loads(row.header))]


def open_review(review_id: str) -> Review:
    """The Review with this id; takes a second for 200,000 particles, so keep it.

    Raises LabError where there is none, or where it is deleted or damaged.
    """
    with engine().connect() as db:
        row = db.execute(sa.select(review_row).where(review_row.c.id == str(review_id))).one_or_none()
    if row is None:
        raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")
    header, name, folder = json.loads(row.header), _named_header(row)["name"], _folder(review_id)
    if row.deleted is not None:
        raise LabError(f"The review {name!r} was deleted; restore it from the list of deleted reviews to open it.")
    table = load_queue(header)
    tiles, colour = _load_pixels(folder / "tiles.npy"), _load_pixels(folder / "colour.npy")
    if any(pixels is not None and pixels.shape[:1] != (len(table),) for pixels in (tiles, colour)):
        raise _damaged(header)
    return Review(str(review_id), header, table, tiles, colour, name)


def rename_review(review_id: str, name: str) -> None:
    """Change the display name. The header, and with it the hash chain of the decisions, stays as it is."""
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise LabError(f"A review needs a name of 1 to {MAX_NAME} characters; got {len(name):,}.")
    with change(REVIEWER, "rename", REVIEW, review_id, name):
        _update(review_id, name=name)


def delete_review(review_id: str) -> None:
    """Hide the review: it is neither listed nor opened any more. Its files and decisions stay; see restore_review."""
    with change(KEEPER, "delete", REVIEW, review_id):
        _update(review_id, deleted=time.time())


def restore_review(review_id: str) -> None:
    """List a deleted review again, with all of its decisions."""
    with change(KEEPER, "restore", REVIEW, review_id):
        _update(review_id, deleted=None)


def load_queue(header: Mapping[str, Any]) -> pd.DataFrame:
    """Table of a review's particles. Raises LabError where they are not those that it was created with."""
    try:
        table = read_queue(_folder(header["review"]) / "queue.csv")
        if content_hash(table) == header["content"]:
            return table
    except (OSError, ValueError, KeyError):
        pass
    raise _damaged(header)


def is_header(content: Mapping[str, Any]) -> bool:
    """Whether this dict, which may come from any file, is the header of a review."""
    return (
        content.get("format") == FORMAT
        and set(content) == _HEADER
        and isinstance(content["review"], str)
        and bool(re.fullmatch("[0-9a-f]{12}", content["review"]))
    )


def _checked_table(name: str, table: pd.DataFrame, class_keys: Sequence[str]) -> pd.DataFrame:
    """The table with clean texts. Raises LabError for what cannot be reviewed."""
    if not name.strip():
        raise LabError("Enter a name for the review.")
    if not len(table):
        raise LabError(f"There are no particles to review in {name.strip()!r}; choose a source with particles.")
    invalid = [key for key in class_keys if key in NOT_A_CLASS or not str(key).strip()]
    if invalid or not class_keys:
        raise LabError(
            f"A review needs at least one class, none of them named {' or '.join(map(repr, NOT_A_CLASS))}; "
            f"got {', '.join(map(repr, class_keys)) or 'none'}."
        )
    table = table.assign(
        particle=[particle_id(particle) for particle in table["particle"]],
        given=[clean_text(given) if isinstance(given, str) else "" for given in table["given"]],
    )
    too_long = next((particle for particle in table["particle"] if len(particle.encode()) > MAX_ID_BYTES), None)
    if too_long:
        raise LabError(
            f"The name {too_long[:60]!r}... is longer than {MAX_ID_BYTES:,} bytes; shorten the names of its folders."
        )
    if not table["particle"].is_unique:
        duplicate = str(table.loc[table["particle"].duplicated(), "particle"].tolist()[0])
        raise LabError(f"The name {duplicate[:80]!r} occurs twice; give each particle its own name.")
    return table


def _update(review_id: str, **values: Any) -> None:
    with engine().begin() as db:
        if not db.execute(review_row.update().where(review_row.c.id == str(review_id)).values(**values)).rowcount:
            raise LabError(f"There is no review {str(review_id)[:40]!r} in this workspace; choose one from the list.")


def _named_header(row: sa.Row[Any]) -> dict[str, Any]:
    """The header with the display name in place of the first one."""
    header = json.loads(row.header)
    return header | {"name": row.name or header["name"]}


def _load_pixels(path: Path) -> NDArray[np.uint8] | None:
    """The array in this file, memory-mapped, read-only; None without a file, an empty one where it is damaged."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError):
        return np.zeros(0, np.uint8)


def _damaged(header: Mapping[str, Any]) -> LabError:
    return LabError(
        f"The review {header['name']!r} is damaged: the files in {_folder(header['review'])} are not those that it was "
        "created with; restore them from a backup."
    )


def _folder(review_id: str) -> Path:
    return workspace_root() / "reviews" / str(review_id)
