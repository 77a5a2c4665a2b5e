"""Bookmarks: where each reviewer stopped, so that the next visit resumes there, on any machine."""

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svp_core.workspace.database import bookmark, engine


def save_bookmark(review_id: str, reviewer: str, position: Mapping[str, Any]) -> None:
    """Store where this reviewer is. position: JSON-ready dict that brings the screen back (filter, batches, holder)."""
    row = sa.and_(bookmark.c.review == review_id, bookmark.c.reviewer == reviewer)
    values = {"place": position, "at": time.time()}
    with engine().begin() as db:
        if not db.execute(bookmark.update().where(row).values(**values)).rowcount:
            try:
                with db.begin_nested():
                    db.execute(bookmark.insert().values(review=review_id, reviewer=reviewer, **values))
            except IntegrityError:  # another tab of the same reviewer was first
                db.execute(bookmark.update().where(row).values(**values))


def load_bookmark(review_id: str, reviewer: str) -> dict[str, Any] | None:
    """The dict that was stored for this reviewer, or None on the first visit."""
    row = sa.and_(bookmark.c.review == review_id, bookmark.c.reviewer == reviewer)
    with engine().connect() as db:
        return db.scalar(sa.select(bookmark.c.place).where(row))
