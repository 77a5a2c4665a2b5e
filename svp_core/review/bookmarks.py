"""Where each reviewer stopped, so that the next visit goes on there, on whatever machine."""

import time

import sqlalchemy as sa

from svp_core.workspace.database import bookmark, engine


def put_bookmark(review_id, reviewer, place):
    """Keep where this reviewer is. place: JSON-ready dict of what brings the screen back (filter, order, particle)."""
    this = sa.and_(bookmark.c.review == review_id, bookmark.c.reviewer == reviewer)
    values = {"place": place, "at": time.time()}
    with engine().begin() as db:
        if not db.execute(bookmark.update().where(this).values(**values)).rowcount:
            try:
                with db.begin_nested():
                    db.execute(bookmark.insert().values(review=review_id, reviewer=reviewer, **values))
            except sa.exc.IntegrityError:  # another tab of theirs was there first
                db.execute(bookmark.update().where(this).values(**values))


def bookmark_of(review_id, reviewer):
    """Where this reviewer stopped: the dict that was put there, or None on the first visit."""
    this = sa.and_(bookmark.c.review == review_id, bookmark.c.reviewer == reviewer)
    with engine().connect() as db:
        return db.scalar(sa.select(bookmark.c.place).where(this))
