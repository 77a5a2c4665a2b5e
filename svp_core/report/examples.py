"""Example tiles by class and size, and the lists of unsure particles and rejected items."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from svp_core.classification.counted import CountResult, band_of
from svp_core.classification.results import ClassificationResults, measure_label
from svp_core.classification.settings import CountSettings
from svp_core.display import class_name, count_noun, format_number, format_percent, shared_prefix
from svp_core.images import encode_png
from svp_core.report.count_tables import size_text
from svp_core.stats.counts import UNSURE

EXAMPLES = 8  # tiles per class and size range
LISTED = 50  # unsure particles, and rejected items
SEED = 0  # of the random choice of examples
_MM_PER_PX = 0.25  # size of a tile's pixel on paper
_BAR_LENGTHS_UM = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
_MIN_BAR_PX = 16


@dataclass(frozen=True)
class Tile:
    """An image of a particle."""

    png: str  # base64
    title: str
    width_mm: str


@dataclass(frozen=True)
class ExampleRow:
    """Examples of one class in one size range."""

    size: str
    count: str
    tiles: list[Tile]


@dataclass(frozen=True)
class ScaleBar:
    """A line as long as so many µm of a tile."""

    length_um: int
    width_mm: str


@dataclass(frozen=True)
class Examples:
    """Examples of every class by size range; no tables without particles."""

    introduction: str
    scale_bar: ScaleBar | None = None
    tables: dict[str, list[ExampleRow]] = field(default_factory=dict)  # class key -> rows


@dataclass(frozen=True)
class Card:
    """An unsure particle with its most likely classes."""

    tile: Tile
    name: str
    lines: list[str]


@dataclass(frozen=True)
class UnsureList:
    """The first unsure particles, the least probable ones first."""

    introduction: str
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True)
class RejectedList:
    """The first rejected items as (name, reason)."""

    introduction: str
    rows: list[tuple[str, str]] = field(default_factory=list)


def example_tables(
    results: ClassificationResults, counted: CountResult, settings: CountSettings, order: Sequence[str]
) -> Examples:
    """Randomly drawn tiles of every class by size range. order: class keys, UNSURE included."""
    if not len(counted.labels):
        return Examples("")
    scales, side = results.table["um_per_px"].dropna().unique(), results.tiles.shape[1]
    introduction = (
        f"Up to {EXAMPLES} particles of each class and size range, drawn at random. An image is {side} x {side} px"
    )
    tables = _tables(results, counted, settings, order)
    if len(scales) == 1:
        introduction += f" or {side * scales[0]:.3g} µm across; larger particles are cropped. "
        return Examples(introduction, scale_bar(float(scales[0])), tables)
    introduction += "; the particles differ in pixel size." if len(scales) else "; the pixel size is not known."
    return Examples(introduction, None, tables)


def scale_bar(um_per_px: float) -> ScaleBar:
    """Scale bar of a round length for tiles of this pixel size."""
    length = next(step for step in _BAR_LENGTHS_UM if step / um_per_px >= _MIN_BAR_PX)
    return ScaleBar(length, f"{length / um_per_px * _MM_PER_PX:.2f}")


def unsure_list(results: ClassificationResults, counted: CountResult, settings: CountSettings) -> UnsureList:
    """The first LISTED unsure particles with their two most likely classes."""
    positions = np.flatnonzero(counted.labels == UNSURE)
    if not len(positions):
        return UnsureList("None: every particle reaches the confidence threshold of its class.")
    positions = positions[np.argsort(results.probs[positions].max(1), kind="stable")]
    names = shorten(results.table["image"].tolist())
    size_label = measure_label(settings.diameter)
    cards = [_card(results, counted, position, names[position], size_label) for position in positions[:LISTED]]
    return UnsureList(_how_many(len(cards), len(positions), "the least probable first"), cards)


def rejected_list(results: ClassificationResults) -> RejectedList:
    """The first LISTED rejected items with their reasons."""
    if not len(results.rejected):
        return RejectedList("None: every item could be read.")
    shown = results.rejected[:LISTED]
    rows = [(image, reason or "") for image, reason in zip(shown["image"], shown["reason"], strict=True)]
    return RejectedList(_how_many(len(rows), len(results.rejected), "in their order"), rows)


def shorten(names: Sequence[str]) -> list[str]:
    """These names without the folders and the list file that all of them share: "#12" for "run 7/run 7.lst#12".

    With several runs, each named by its list file, without folders where that is unambiguous: "run 7#12".
    """
    shared = shared_prefix(names) if len(names) > 1 else ""
    cut = max(shared.rfind("/") + 1, shared.rfind("#"), 0)
    short = [name[cut:] for name in names]
    last = [name.rpartition("/")[2] for name in short]
    return last if all("#" in name for name in last) and len(set(last)) == len(last) else short


def _tables(
    results: ClassificationResults, counted: CountResult, settings: CountSettings, order: Sequence[str]
) -> dict[str, list[ExampleRow]]:
    size_ranges = list({(entry.at_least_um, entry.below_um): entry for entry in counted.bands}.values())
    bands = band_of(counted.sizes, settings.bins) if settings.in_um else np.zeros(len(counted.labels), int)
    rng, tables = np.random.default_rng(SEED), {}
    for key in order:
        rows = []
        for index, entry in enumerate(size_ranges):
            positions = np.flatnonzero((counted.labels == key) & (bands == index))
            if len(positions):
                drawn = np.sort(rng.choice(positions, min(EXAMPLES, len(positions)), replace=False))
                tiles = [_tile(results, counted, position) for position in drawn]
                rows.append(ExampleRow(size_text(entry), count_noun(len(positions), "particle"), tiles))
        if rows:
            tables[key] = rows
    return tables


def _tile(results: ClassificationResults, counted: CountResult, position: int) -> Tile:
    pixels = results.tiles[position]
    png = base64.b64encode(encode_png(np.ascontiguousarray(pixels))).decode()
    title = f"{class_name(counted.labels[position])} {results.table['image'].iat[position]}"
    return Tile(png, title, f"{pixels.shape[1] * _MM_PER_PX:.0f}")


def _card(results: ClassificationResults, counted: CountResult, position: int, name: str, size_label: str) -> Card:
    probs = results.probs[position]
    lines = [
        f"{class_name(results.class_keys[k])} {format_percent(float(probs[k]))}"
        for k in np.argsort(-probs, kind="stable")[:2]
    ]
    if np.isfinite(counted.sizes[position]):
        lines.append(f"{size_label} {format_number(float(counted.sizes[position]))}")
    return Card(_tile(results, counted, position), name, lines)


def _how_many(shown: int, total: int, order: str) -> str:
    if shown == total:
        return f"{count_noun(total, 'item')}, {order}."
    return f"The first {shown} of {total:,}, {order}; all of them are in results.csv."
