"""Shared by the browser tests of the page Review: a review, its grid, keys, and what was written."""

import json
import time

import numpy as np
import pandas as pd
from playwright.sync_api import expect

from svp_core.review import decision_log, store
from svp_core.review.blind_repeats import hides_suggestion

CLASSES = ("protein", "silicone_oil", "air_bubble")
SPACING_S = 0.02
DELIVERY_S = 10  # for one key to reach the page
KEYS_SEEN = """() => {
  if (window.keysSeen === undefined) {
    window.keysSeen = 0;
    window.addEventListener('keydown', () => { window.keysSeen += 1; }, { capture: true });
  }
  return window.keysSeen;
}"""
STATE = """() => ({
  connection: document.querySelector('[data-test-connection-state]')?.dataset.testConnectionState,
  script: document.querySelector('[data-test-script-state]')?.dataset.testScriptState,
  messages: [...document.querySelectorAll('[role=dialog], [role=alert]')].map(one => one.textContent),
  stored: Object.keys(localStorage),
  focus: document.activeElement?.outerHTML.slice(0, 80),
  hasFocus: document.hasFocus(),
  tiles: document.querySelectorAll('.tile').length,
  owner: (({ box, client, held, abort } = {}) => box && ({ isOnPage: box.isConnected,
    areas: box.getClientRects().length, batch: client.batch?.id, position: client.position,
    painted: client.painted.size, held: held.length,
    batches: client.data.batches.map(one => one.id), isDeaf: abort.signal.aborted }))(window.svpKeyOwner ?? undefined),
})"""


def create_review(count, **columns):
    """A review of `count` particles, all labelled protein, each with a tile of its own grey value."""
    names = columns.pop("names", None) or [f"run 7.lst#{index}" for index in range(count)]
    table = pd.DataFrame(
        {
            "particle": names,
            "given": "protein",
            "suggested": "air_bubble",
            "score": np.linspace(0, 1, count),
            "ecd_um": np.linspace(2, 30, count),
            "reason": "8 of 9 look-alikes are air bubbles",
            **columns,
        }
    )
    greys = (np.arange(count) % 200 + 20).astype(np.uint8)
    tiles = np.broadcast_to(greys[:, None, None], (count, 64, 64))
    while True:
        review = store.create_review(
            "Run <7>", kind="folder", source={"path": "/lab"}, class_keys=CLASSES, table=table, tiles=tiles
        )
        # If the first one's suggestion happens to be hidden, the first page holds only such particles: shorter.
        if not hides_suggestion(review, names[0]):
            return review


def grid_of(page):
    """Wait for the first page of the grid; nothing is clicked, since keys work wherever the focus is."""
    expect(page.locator(".tile").first).to_be_visible()


def chips_on(page):
    """[text, classes] of the chip on each tile of the page, in order."""
    return page.locator(".tile .chip").evaluate_all("all => all.map(one => [one.textContent, one.className])")


def state_of(page):
    """What may have kept keys from counting, for the message of a failure."""
    return json.dumps(page.evaluate(STATE))  # a text is not shortened


def ids_on(page):
    """Particles on the page, in the order of the tiles."""
    titles = page.locator(".tile").evaluate_all("all => all.map(one => one.title)")
    return [title.rpartition("\n")[2].rpartition(" · ")[2] for title in titles]


def press(page, keys):
    """Press the keys one after another; one that the browser has not given to the page is pressed once more."""
    for key in keys:
        seen = page.evaluate(KEYS_SEEN)
        page.keyboard.press(key)
        end = time.monotonic() + DELIVERY_S
        while page.evaluate(KEYS_SEEN) == seen and time.monotonic() < end:
            time.sleep(SPACING_S)
        if page.evaluate(KEYS_SEEN) == seen:
            page.keyboard.press(key)
            assert page.evaluate(KEYS_SEEN) > seen, state_of(page)
        time.sleep(SPACING_S)


def written(review):
    return [(d.particle, d.to_label) for d in decision_log.history(review)]


def start_reviewing(page, name):
    """Enter a name and start, as a new visitor does; nothing is clicked afterwards."""
    page.get_by_role("textbox").first.fill(name)
    page.get_by_role("button", name="Start reviewing").click()
    expect(page.locator(".tile").first).to_be_visible()
