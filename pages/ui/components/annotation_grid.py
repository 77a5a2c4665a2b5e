"""Labelling particles with keys, a page of similar ones at a time; the browser keeps decisions until they are on disk.

The browser sends a list of events: (tab, n) names an event for good, so it may be sent twice; particle is an id, never
a position; kind is "label", "keep", "unsure", "not_a_particle", "skip" or "undo" (with undoes = "tab/n"; empty for the
last decision of this reviewer); from is the label shown on the screen, label the new one; purpose, again and shown
(whether the suggestion was shown) are those of the item; reviewer, at (seconds since 1970, the browser's clock; the
same for all particles that one key decided) and batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.gallery import SHEET_COLUMNS, encode_sheet, side_by_side
from pages.ui.components.image_cache import send_image
from pages.ui.components.register import register_component
from svp_core.access.person import names_are_checked
from svp_core.display import class_name, label_text
from svp_core.particle_classes import class_by_key

LABEL_NAMES = {label: label_text(label) for label in ("unsure", "not_a_particle", "")}  # labels that are not a class
SKIPPED = "Skipped"
ANSWERS = {
    "keep": "Keep",
    "unsure": LABEL_NAMES["unsure"],
    "not_a_particle": LABEL_NAMES["not_a_particle"],
    "skip": "Skip",
    "undo": "Undo",
    "accept_rest": "Accept the rest, next page",
}
END = "No particles are left here. Change what is shown above, or open the history."
EXAMPLES = 6  # typical tiles per class

SCRIPTS = (
    "lib/shared_cache.js",
    "lib/page_keys.js",
    "lib/decision_outbox.js",
    "lib/tile_sheet.js",
    "lib/annotation_keys.js",
    "lib/annotation_panel.js",
    "lib/annotation_view.js",
)
_mount = register_component("svp_annotation_grid", __file__, after=SCRIPTS)


def take_events(key: str, save: Callable[[list[dict]], Mapping[str, str]]) -> set[str]:
    """Save the events that the browser has sent since the last run; returns the ids of the batches finished there.

    save(events) gets the events that are not written yet, in order, and returns {particle: note to show on its tile, ""
    for none}. If it raises, the browser keeps the events and sends them again.
    """
    state, saved = st.session_state.get(key, {}), _last_written(key)
    new = [event for event in state.get("unsaved") or () if event["n"] > saved.get(event["tab"], 0)]
    if new:
        # The browser's storage has no order.
        new.sort(key=lambda event: (event["at"], event["tab"], event["n"]))
        _notes(key).update(save(new))
        for event in new:
            saved[event["tab"]] = max(event["n"], saved.get(event["tab"], 0))
    return set(state.get("finished") or ())


def show_annotation_grid(
    batches: Sequence[Mapping[str, Any]],
    *,
    key: str,
    review: str,
    reviewer: str,
    class_keys: Sequence[str],
    more: bool,
    filter_id: str = "",
    examples: NDArray[np.uint8] | None = None,
    answers: Mapping[str, str] = ANSWERS,
    end: str = END,
) -> None:
    """Draw the grid, inside a fragment, after take_events of the same key.

    batches: the current and the next ones, from batch_data. more: whether further batches follow. filter_id: changes
    with what is shown. examples: tiles, (classes * EXAMPLES, N, N) or (..., 3), class by class. answers: names of the
    answers beside the classes, as in ANSWERS; without "accept_rest", labels cannot be kept or accepted. end: shown
    where no batch is left.
    """
    sheet = f"{review}/examples"
    shown = None if examples is None else {"sheet": sheet, "class_keys": list(class_keys), "per_class": EXAMPLES}
    _mount(
        key=key,
        data={
            "review": review,
            "reviewer": reviewer,
            "own_only": names_are_checked(),  # another person's unsaved decisions wait for them
            "saved": dict(_last_written(key)),
            "notes": {particle: note for particle, note in _notes(key).items() if note},
            "label_names": LABEL_NAMES | {"unsure": answers["unsure"]},
            "answers": dict(answers),
            "skipped": SKIPPED,
            "end": end,
            "more": more,
            "filter": filter_id,
            "examples": shown,
            "classes": [_class_data(class_key) for class_key in class_keys],
            "batches": [{name: value for name, value in batch.items() if name != "images"} for batch in batches],
        },
        default={"unsaved": [], "finished": []},
        on_unsaved_change=lambda: None,
        on_finished_change=lambda: None,
    )
    # Below the grid, since each takes a little room.
    for batch in batches:
        for name, tiles in batch["images"].items():
            _send_tiles(name, tiles, key)
    if examples is not None:
        _send_tiles(sheet, examples, key, columns=EXAMPLES, pinned=True)


def batch_data(
    batch_id: str,
    title: str,
    items: list[dict[str, Any]],
    tiles: NDArray[np.uint8],
    *,
    neighbours: NDArray[np.uint8] | None = None,
) -> dict[str, Any]:
    """A batch as the grid takes it.

    items: one dict per particle: id, given and suggested (class keys or ""), probabilities (list of (key, p)), lines
    (text), hidden (bool: the suggestion must not be shown), decided ({"kind", "label"} or None), purpose, again,
    neighbours (list of (index in `neighbours`, label)). tiles: (n, N, N) or (n, N, N, 3). neighbours: tiles of all
    neighbours of these particles.
    """
    images, columns = {f"{batch_id}/tiles": tiles}, min(SHEET_COLUMNS, len(tiles))
    sheet = None
    if neighbours is not None and len(neighbours):
        images[f"{batch_id}/neighbours"] = neighbours
        across = min(SHEET_COLUMNS, len(neighbours))
        sheet = {"sheet": f"{batch_id}/neighbours", "columns": across, "rows": -(-len(neighbours) // across)}
    return {
        "id": batch_id,
        "title": title,
        "items": items,
        "sheet": f"{batch_id}/tiles",
        "columns": columns,
        "px": tiles.shape[1],
        "neighbours": sheet,
        "images": images,
    }


def _last_written(key: str) -> dict[str, int]:
    """Browser tab -> n of its last event that is written."""
    return st.session_state.setdefault(f"{key}_saved", {})


def _notes(key: str) -> dict[str, str]:
    return st.session_state.setdefault(f"{key}_notes", {})


def _class_data(key: str) -> dict[str, str | None]:
    try:
        colour = class_by_key(key).colour
    except KeyError:
        colour = None
    return {"key": key, "name": class_name(key), "colour": colour}


def _send_tiles(
    name: str, tiles: NDArray[np.uint8], key: str, *, columns: int | None = None, pinned: bool = False
) -> None:
    sheet = _encoded(tiles.tobytes(), tiles.shape, columns or min(SHEET_COLUMNS, len(tiles)))
    send_image(name, sheet, key=f"{key}_{name}".replace("/", "_"), pinned=pinned)


@st.cache_data(max_entries=64, show_spinner=False)
def _encoded(pixels: bytes, shape: tuple[int, ...], columns: int) -> str:
    return encode_sheet(side_by_side(np.frombuffer(pixels, np.uint8).reshape(shape), columns))
