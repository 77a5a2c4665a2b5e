"""Count tables of a report: raw and corrected counts, counts by size range and by run, positive predictive values."""

from collections.abc import Sequence
from dataclasses import dataclass

from svp_core.classification.counted import CountResult
from svp_core.classification.results import measure_label
from svp_core.classification.settings import CountSettings
from svp_core.display import DASH, format_interval, format_number, format_percent, format_percent_interval
from svp_core.stats.counts import Count

SHAPE_LIMIT_UM = 5  # below it shape descriptors fail (Baxter group 2013, 10.1002/jps.23554)
MAX_COLUMNS = 5  # size ranges side by side
LABEL_LIMIT_UM = 8  # below it experts disagree on labels (J. Pharm. Sci. 2023, classification and label consistency)


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval, as text."""

    value: str
    interval: str

    @property
    def available(self) -> bool:
        """Whether there is a number."""
        return self.value != DASH


@dataclass(frozen=True)
class CumulativeRow:
    """Counts of one class from one size upwards."""

    size: str
    counted: Figure
    per_ml: Figure | None
    corrected: Figure | None


@dataclass(frozen=True)
class CumulativeTable:
    """Raw and corrected cumulative counts: one group of rows per class."""

    caption: str
    size_heading: str
    corrected_heading: str  # "" without a confusion reference
    per_ml: bool
    groups: dict[str, list[CumulativeRow]]  # class key -> rows


@dataclass(frozen=True)
class SizeCell:
    """Raw count of one class in one size bin."""

    counted: Figure
    per_ml: Figure | None


@dataclass(frozen=True)
class SizeTable:
    """Raw counts, classes x sizes; the rows are (class key, cells)."""

    caption: str
    sizes: list[str]
    rows: list[tuple[str, list[SizeCell]]]


@dataclass(frozen=True)
class RunTables:
    """Counts of one run; no tables where none of its particles has a size, then `empty` says so."""

    tables: list[SizeTable]
    empty: str


@dataclass(frozen=True)
class PpvRow:
    """Positive predictive value of one class, as text."""

    class_key: str
    assigned: str
    value: str
    interval: str


def cumulative_table(counted: CountResult, settings: CountSettings) -> CumulativeTable:
    """Counts from each size upwards, raw and corrected side by side."""
    corrected = {(entry.class_key, entry.at_least_um): entry for entry in counted.corrected}
    per_ml, groups = counted.volume_ml is not None, {}
    for entry in counted.raw:
        row = CumulativeRow(
            size_text(entry),
            _figure(entry, per_ml=False),
            _figure(entry, per_ml=True) if per_ml else None,
            _figure(corrected.get((entry.class_key, entry.at_least_um)), per_ml=per_ml) if corrected else None,
        )
        groups.setdefault(entry.class_key, []).append(row)
    return CumulativeTable(
        caption=_caption("Cumulative counts", settings),
        size_heading=diameter_heading(settings),
        corrected_heading=("Corrected per mL" if per_ml else "Corrected") if corrected else "",
        per_ml=per_ml,
        groups=groups,
    )


def size_range_tables(counted: CountResult, settings: CountSettings) -> list[SizeTable]:
    """Counts by size range, as classified; none where there is a single bin."""
    if len(settings.bins) < 2:
        return []
    return _size_tables(counted.bands, settings, "Counts by size range, as classified")


def run_tables(counted: CountResult, settings: CountSettings) -> list[RunTables]:
    """Cumulative counts of each run by its own volume; none for a single run."""
    return [
        RunTables(
            _size_tables(entries, settings, f"Run {name}: cumulative counts, as classified, by its own volume"),
            "" if entries else f"Run {name}: none of its particles has a value for {measure_label(settings.diameter)}.",
        )
        for name, entries in counted.by_run.items()
    ]


def ppv_rows(counted: CountResult) -> list[PpvRow]:
    """Positive predictive value of every class; none without a confusion reference."""
    return [
        PpvRow(
            entry.class_key,
            format_number(entry.n),
            format_percent(entry.known_value),
            format_percent_interval(entry.low, entry.high),
        )
        for entry in counted.ppv
    ]


def small_size_notes(settings: CountSettings) -> list[str]:
    """Explanations of the marks at small sizes: sentences, none where no bin is small."""
    if not settings.in_um:
        return []
    notes = []
    if min(settings.bins) < SHAPE_LIMIT_UM:
        notes.append(
            f"† Includes particles below {SHAPE_LIMIT_UM} µm, which are too small to classify reliably by shape "
            "(doi:10.1002/jps.23554)."
        )
    if any(SHAPE_LIMIT_UM <= edge < LABEL_LIMIT_UM for edge in settings.bins):
        notes.append(f"* Includes particles below {LABEL_LIMIT_UM} µm, on whose class even experts disagree.")
    return notes


def size_text(entry: Count) -> str:
    """ "≥ 10 µm", "10 to 25 µm", with a mark for small sizes; "any" where particles are not counted by size."""
    if entry.at_least_um <= 0 and entry.below_um is None:
        return "any"
    if entry.below_um is None:
        text = f"≥ {entry.at_least_um:g} µm"
    else:
        text = f"{entry.at_least_um:g} to {entry.below_um:g} µm"
    mark = " †" if entry.at_least_um < SHAPE_LIMIT_UM else " *" if entry.at_least_um < LABEL_LIMIT_UM else ""
    return text + mark


def diameter_heading(settings: CountSettings) -> str:
    """Heading of the size column: the diameter without its unit; "Size" where particles are not counted by size."""
    return measure_label(settings.diameter).replace(" (µm)", "") if settings.in_um else "Size"


def _figure(entry: Count | None, *, per_ml: bool) -> Figure:
    if entry is None:
        return Figure(DASH, DASH)
    if per_ml:
        return Figure(format_number(entry.per_ml), format_interval(entry.per_ml_low, entry.per_ml_high))
    return Figure(format_number(entry.count), format_interval(entry.low, entry.high))


def _size_tables(entries: Sequence[Count], settings: CountSettings, title: str) -> list[SizeTable]:
    """Classes x sizes; several tables where the sizes do not fit the page's width."""
    sizes = list(dict.fromkeys((entry.at_least_um, entry.below_um) for entry in entries))
    parts = [sizes[start : start + MAX_COLUMNS] for start in range(0, len(sizes), MAX_COLUMNS)]
    return [_size_table(entries, settings, title, part) for part in parts]


def _size_table(
    entries: Sequence[Count], settings: CountSettings, title: str, sizes: Sequence[tuple[float, float | None]]
) -> SizeTable:
    by_cell = {(entry.class_key, entry.at_least_um, entry.below_um): entry for entry in entries}
    keys = list(dict.fromkeys(entry.class_key for entry in entries))
    per_ml = any(entry.per_ml is not None for entry in entries)
    explanation = "; below each number its 95 % interval" + (", then per mL with its own" if per_ml else "")
    return SizeTable(
        caption=_caption(title, settings) + explanation,
        sizes=[size_text(by_cell[keys[0], low, high]) for low, high in sizes],
        rows=[(key, [_cell(by_cell[key, low, high], per_ml) for low, high in sizes]) for key in keys],
    )


def _cell(entry: Count, per_ml: bool) -> SizeCell:
    return SizeCell(_figure(entry, per_ml=False), _figure(entry, per_ml=True) if per_ml else None)


def _caption(title: str, settings: CountSettings) -> str:
    return f"{title}, by {measure_label(settings.diameter)}" if settings.in_um else title
