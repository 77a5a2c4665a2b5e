"""Deciding on particles, a page of look-alikes at a time: keys in the browser, every decision kept until it is on disk.

What travels is a list of events: tab and n name an event for good, so that it may come twice; particle is an id, never
a position; kind is "label", "keep", "unsure", "not_a_particle", "skip" or "undo" (with undoes, "tab/n"; empty for the
last one of this reviewer); from is the label it had on the screen, label the one it is given; purpose, again and shown
(whether the suggestion was) are those of the item; reviewer, at (s since 1970, the browser's clock) and batch.
"""

import numpy as np
import streamlit as st

from pages.ui.components.gallery import SHEET_COLUMNS, encode_sheet, side_by_side
from pages.ui.components.image_cache import send_image
from pages.ui.components.register import register_component
from svp_core.display import class_name
from svp_core.particle_classes import class_by_key

WORDS = {
    "unsure": "Unsure",
    "not_a_particle": "No particle",
    "": "Unlabelled",
    "end": "Nothing is left here. Choose something else above, or look at the history.",
}
EXAMPLES = 6  # typical tiles of a class

_mount = register_component("svp_deciding", __file__, after=("lib/shared_cache.js",))


def take_events(key, save):
    """Save what the desk has sent since the last look; returns the ids of the batches that were finished on it.

    save(events) gets those that are not written yet, in order, and returns {particle: words to show on it, "" for
    none}. What it raises leaves the events with the browser, which sends them again.
    """
    state, saved = st.session_state.get(key, {}), _saved(key)
    came = [event for event in state.get("unsaved") or () if event["n"] > saved.get(event["tab"], 0)]
    if came:
        # The browser's storage has no order.
        came.sort(key=lambda event: (event["at"], event["tab"], event["n"]))
        _notes(key).update(save(came))
        for event in came:
            saved[event["tab"]] = max(event["n"], saved.get(event["tab"], 0))
    return set(state.get("finished") or ())


def show_annotation_grid(batches, *, key, review, reviewer, class_keys, more, examples=None):
    """The desk, in a fragment, after take_events of the same key; batches are those to do now and next, from batch_of.

    more: whether further batches follow. examples: tiles uint8 (classes * EXAMPLES, N, N), class after class.
    """
    shown = {"sheet": f"{review}/examples", "of": list(class_keys), "each": EXAMPLES} if examples is not None else None
    _mount(
        key=key,
        data={
            "review": review,
            "reviewer": reviewer,
            "saved": dict(_saved(key)),
            "notes": {particle: words for particle, words in _notes(key).items() if words},
            "words": WORDS,
            "more": more,
            "examples": shown,
            "classes": [_class(one) for one in class_keys],
            "batches": [{name: value for name, value in batch.items() if name != "pictures"} for batch in batches],
        },
        default={"unsaved": [], "finished": []},
        on_unsaved_change=lambda: None,
        on_finished_change=lambda: None,
    )
    # Below the desk, since each takes a little room.
    for batch in batches:
        for name, tiles in batch["pictures"].items():
            _send(name, tiles, key)
    if shown:
        _send(shown["sheet"], examples, key, columns=EXAMPLES, pinned=True)


def batch_of(batch_id, title, items, tiles, *, around=None):
    """A batch for the desk. items: a dict a particle: id, given and suggested (class keys or ""), probabilities (list
    of (key, p)), words (lines), hidden (bool: the suggestion is not to be seen), decided ({"kind", "label"} or None),
    purpose, again, neighbours (list of (place in `around`, label)). tiles: uint8 (n, N, N) or (n, N, N, 3). around:
    tiles of all neighbours."""
    pictures, columns = {f"{batch_id}/tiles": tiles}, min(SHEET_COLUMNS, len(tiles))
    beside = None
    if around is not None and len(around):
        pictures[f"{batch_id}/around"] = around
        across = min(SHEET_COLUMNS, len(around))
        beside = {"sheet": f"{batch_id}/around", "columns": across, "rows": -(-len(around) // across)}
    return {
        "id": batch_id,
        "title": title,
        "items": items,
        "sheet": f"{batch_id}/tiles",
        "columns": columns,
        "px": tiles.shape[1],
        "around": beside,
        "pictures": pictures,
    }


def _saved(key):
    """Browser tab -> n of its last event that is written."""
    return st.session_state.setdefault(f"{key}_saved", {})


def _notes(key):
    return st.session_state.setdefault(f"{key}_notes", {})


def _class(key):
    try:
        colour = class_by_key(key).colour
    except KeyError:
        colour = None
    return {"key": key, "name": class_name(key), "colour": colour}


def _send(name, tiles, key, *, columns=None, pinned=False):
    sheet = _encoded(name, tiles.tobytes(), tiles.shape, columns or min(SHEET_COLUMNS, len(tiles)))
    send_image(name, sheet, key=f"{key}_{name}".replace("/", "_"), pinned=pinned)


@st.cache_data(max_entries=64, show_spinner=False)
def _encoded(name, pixels, shape, columns):
    return encode_sheet(side_by_side(np.frombuffer(pixels, np.uint8).reshape(shape), columns))
