"""Shared by the tests of reviews: a small review, events as a browser sends them, PostgreSQL where there is one."""

import os
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from svp_core.review import decision_log, store

POSTGRES = os.environ.get("SVP_TEST_POSTGRES")  # e.g. postgresql+psycopg://me@localhost/trial; its rows are left
CLASSES = ("protein", "silicone_oil", "air_bubble")


def databases(tmp_path, monkeypatch, which):
    """For a fixture with params ("sqlite", "postgresql"): a fresh workspace on that database."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work space ä"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    if which == "postgresql":
        if not POSTGRES:
            pytest.skip("SVP_TEST_POSTGRES names no database")
        monkeypatch.setenv("SVP_DATABASE_URL", own_schema(POSTGRES))
    return tmp_path


def own_schema(url):
    """Address of a new, empty schema of this PostgreSQL database: a trail and its key belong to one workspace."""
    name = f"trial_{uuid4().hex[:12]}"
    engine = sa.create_engine(url)
    with engine.begin() as db:
        db.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return sa.make_url(url).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(False)


def new_review(count=20, *, names=None, given="protein", class_keys=CLASSES, **columns):
    """An open review of `count` particles p0, p1, ..., all labelled protein, all suggested air bubble."""
    names = names or [f"p{index}" for index in range(count)]
    known = {"suggested": "air_bubble"} | columns
    table = pd.DataFrame({"particle": pd.Series(names, dtype=object), "given": given, **known})
    tiles = np.zeros((len(table), 64, 64), np.uint8)
    made_of = {"kind": "folder", "source": {"path": "/lab/a"}, "class_keys": class_keys, "model": "resnet18"}
    return store.open_review(store.create_review("A <b>", table=table, tiles=tiles, **made_of))


def event(n, particle, kind="label", *, label="air_bubble", tab="tab1", reviewer="Anna", **more):
    """One decision as the browser sends it, 20 ms after the one before."""
    sent = {"tab": tab, "n": n, "particle": particle, "kind": kind, "reviewer": reviewer, "at": 1_800_000_000 + n / 50}
    return sent | ({"label": label} if kind == "label" else {}) | more


def record(review, *events, **options):
    """States of the outcomes of these events."""
    return [outcome.state for outcome in decision_log.record(review, list(events), **options)]


def current_labels(review):
    """The review's current labels."""
    return review.current_labels().add(decision_log.history(review.id))
