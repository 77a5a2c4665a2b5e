"""Open browser tabs and the particles leased to them: an open tab keeps its leases, a closed one returns them.

The server sees a tab close when its connection ends. Other servers on the same database only see that the leases are
no longer renewed, and take the particles over after leases.LEASE_S.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.shared.url_state import open_as, opened
from svp_core.errors import LabError
from svp_core.review.batches import decode_position
from svp_core.review.bookmarks import load_bookmark
from svp_core.review.leases import LEASE_S, release, renew

HEARTBEAT_S = LEASE_S / 3  # between two renewals by an open tab


@dataclass
class OpenTab:
    """A browser tab that reviews, as its server knows it."""

    session: str  # Streamlit's id of its connection
    last_seen: float  # time.monotonic() of its last run
    holders: set[tuple[str, str]] = field(default_factory=set)  # (review, holder) of its leases

    @property
    def is_open(self) -> bool:
        """Whether the browser is still connected."""
        return runtime.exists() and bool(runtime.get_instance().is_active_session(self.session))


def holder_of(review_id: str, reviewer: str) -> str:
    """Name under which this tab leases particles: the same after a reload, and after a break that of the closed tab.

    Without the reviewer's name in it, a copied address would give two reviewers the same leases.
    """
    tab = opened("review", "desk")
    if tab is None:
        _, _, last_holder = decode_position(load_bookmark(review_id, reviewer))
        last_tab = last_holder.partition(" ")[0]
        known = _open_tabs().get(last_tab)
        tab = uuid4().hex[:8] if not last_tab or (known and known.is_open) else last_tab
        open_as("review", tab, "desk")
    holder = f"{tab} {reviewer}"
    keep_open(review_id, holder)
    return holder


def keep_open(review_id: str, holder: str) -> None:
    """Note that this tab is in use and holds leases under this name."""
    context = get_script_run_ctx()
    session = context.session_id if context else ""
    tab = _open_tabs().setdefault(holder.partition(" ")[0], OpenTab(session, 0.0))
    tab.session, tab.last_seen = session, time.monotonic()
    tab.holders.add((review_id, holder))


def end_leases(review_id: str) -> None:
    """Return the particles leased to this tab: its review is closed, or its reviewer changes."""
    tab = _open_tabs().get(opened("review", "desk") or "")
    if tab is None:
        return
    for holder in [holder for review, holder in tab.holders if review == review_id]:
        release(review_id, holder)
        tab.holders.discard((review_id, holder))


def sync_leases(review_id: str) -> None:
    """Renew the leases of all open tabs on this review, and end those of closed ones. Call before leasing."""
    to_renew = []
    for name, tab in list(_open_tabs().items()):
        holders = [holder for review, holder in tab.holders if review == review_id]
        if tab.is_open:
            to_renew += holders
            continue
        for holder in holders:
            release(review_id, holder)
            tab.holders.discard((review_id, holder))
        if not tab.holders:
            _open_tabs().pop(name, None)
    renew(review_id, to_renew)


@st.fragment(run_every=HEARTBEAT_S)
def send_heartbeat(review_id: str, holder: str) -> None:
    """Renew this tab's leases from time to time, as long as the page is open; draws nothing."""
    keep_open(review_id, holder)
    with suppress(LabError):  # the next heartbeat tries again
        renew(review_id, [holder])


@st.cache_resource(show_spinner=False)
def _open_tabs() -> dict[str, OpenTab]:
    """Tab's id in the address -> OpenTab."""
    return {}
