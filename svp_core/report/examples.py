"""Example tiles by class and size, and the lists of what is unsure and what was rejected."""

import base64

import numpy as np

from svp_core.classification.counted import band_of
from svp_core.classification.results import measure_label
from svp_core.display import class_name, count_noun, format_number, format_percent, shared_prefix
from svp_core.images import encode_png
from svp_core.report.count_tables import size_words
from svp_core.report.markup import Html, class_cell, join, table, tag
from svp_core.stats.counts import UNSURE

EXAMPLES = 8  # tiles of a class and size band
LISTED = 50  # unsure, and rejected ones
SEED = 0  # by which examples are drawn
_MM_PX = 0.25  # one pixel of a tile on paper


def example_tables(found, counted, settings, order):
    """Html: of every class, a row a size band with tiles drawn by chance. order: class keys, UNSURE among them."""
    bands = _bands(counted)
    band = band_of(counted.sizes, settings.bins) if settings.in_um else np.zeros(len(counted.labels), int)
    rng, tables = np.random.default_rng(SEED), []
    for key in order:
        rows = []
        for place, entry in enumerate(bands):
            mine = np.flatnonzero((counted.labels == key) & (band == place))
            if len(mine):
                drawn = np.sort(rng.choice(mine, min(EXAMPLES, len(mine)), replace=False))
                words = join(size_words(entry), tag("small", count_noun(len(mine), "particle")))
                rows.append([words, join(*(_tile(found, counted, at) for at in drawn))])
        if rows:
            tables.append(table([class_cell(key), ""], [[row] for row in rows], class_="tiles", texts=(0, 1)))
    return join(*tables)


def scale_bar(um_per_px):
    """Html of a line as long as so many µm of a tile are, with its length in words."""
    length = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if step / um_per_px >= 16)
    return join(tag("span", "", class_="bar", style=f"width:{length / um_per_px * _MM_PX:.2f}mm"), f" {length} µm")


def unsure_list(found, counted, settings):
    """Html of the first unsure particles, the least probable first, with what they might be."""
    mine = np.flatnonzero(counted.labels == UNSURE)
    if not len(mine):
        return tag("p", "None: every particle is at least as probable of its class as asked for.")
    mine = mine[np.argsort(found.probs[mine].max(1), kind="stable")]
    shown, names = mine[:LISTED], shorten(found.table["image"].tolist())
    size = measure_label(settings.diameter)
    cards = [_card(found, counted, at, names[at], size) for at in shown]
    return join(
        tag("p", _how_many(len(shown), len(mine), "the least probable first")), tag("div", *cards, class_="cards")
    )


def rejected_list(found):
    """Html of the first rejected items with their reasons."""
    if not len(found.rejected):
        return tag("p", "None: every item that was offered could be read.")
    shown = found.rejected[:LISTED]
    rows = [[[image, "" if reason is None else reason]] for image, reason in shown.itertuples(index=False)]
    said = tag("p", _how_many(len(shown), len(found.rejected), "in their order"))
    return join(said, table(["Item", "Why it could not be read"], rows, class_="list", texts=(0, 1)))


def shorten(names):
    """These names without the folders and the list that all of them share: "#12" for "run 7/run 7.lst#12".

    Of several runs, each named by its list, without folders, where they are still told apart: "run 7#12".
    """
    shared = shared_prefix(names) if len(names) > 1 else ""
    cut = max(shared.rfind("/") + 1, shared.rfind("#"), 0)
    kept = [name[cut:] for name in names]
    last = [name.rpartition("/")[2] for name in kept]
    return last if all("#" in name for name in last) and len(set(last)) == len(last) else kept


def _bands(counted):
    return list({(entry.at_least_um, entry.below_um): entry for entry in counted.bands}.values())


def _tile(found, counted, at):
    pixels = found.tiles[at]
    data = base64.b64encode(encode_png(np.ascontiguousarray(pixels))).decode()
    width = f"width:{pixels.shape[1] * _MM_PX:.0f}mm"
    words = f"{class_name(counted.labels[at])} {found.table['image'].iat[at]}"
    return tag("img", src=Html(f"data:image/png;base64,{data}"), alt=words, title=words, style=width)


def _card(found, counted, at, name, size):
    first, *others = np.argsort(-found.probs[at], kind="stable")
    lines = [
        f"{class_name(found.class_keys[k])} {format_percent(float(found.probs[at, k]))}" for k in (first, *others[:1])
    ]
    if np.isfinite(counted.sizes[at]):
        lines.append(f"{size} {format_number(float(counted.sizes[at]))}")
    text = [tag("div", name, class_="name"), *(tag("div", line) for line in lines)]
    return tag("div", _tile(found, counted, at), tag("div", *text), class_="card")


def _how_many(shown, all_of_them, order):
    if shown == all_of_them:
        return f"{count_noun(all_of_them, 'item')}, {order}."
    return f"The first {shown} of {all_of_them:,}, {order}; all of them stand in results.csv."
