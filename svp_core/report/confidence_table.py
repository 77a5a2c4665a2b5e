"""What a confidence is worth: shares named right beside the mean confidence, by confidence and size.

Computed on the reference of the counts, at the run's magnification; the same table stands on page and in report.
"""

from dataclasses import dataclass

from svp_core.display import DASH, format_percent, format_percent_interval
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.report.correction_text import expected_accuracy_sentence
from svp_core.stats.calibration import MIN_PARTICLES, RightShare, right_shares
from svp_core.stats.confusion import ConfusionReference


@dataclass(frozen=True)
class WorthCell:
    """Share named right, its interval and the mean confidence, as texts; only DASH where too few particles tell."""

    share: str
    interval: str = ""
    confidence: str = ""


@dataclass(frozen=True)
class ConfidenceTable:
    """One row per range of confidence, one column per range of sizes."""

    pooled: str  # sentence: which particles these are
    note: str  # sentences: what the numbers of a cell are
    headings: list[str]
    rows: list[tuple[str, list[WorthCell]]]


def confidence_table(reference: ConfusionReference | None) -> ConfidenceTable | None:
    """The table of a reference; None without one, and where it does not tell its instruments apart."""
    if reference is None or reference.instruments is None:
        return None
    shares = right_shares(reference, edges_um=(0.0, *SIZE_BINS_UM[1:]))
    sizes = {row.low_um: _size_text(row) for row in shares}
    by_cell = {(row.low_confidence, row.low_um): row for row in shares}
    bands = dict.fromkeys((row.low_confidence, row.high_confidence) for row in shares)
    return ConfidenceTable(
        expected_accuracy_sentence(reference),
        f"Share of these particles whose most likely class is right; below it its 95 % interval over instruments, then "
        f"their mean confidence, to which it would be equal were the confidences calibrated. {DASH}: fewer than "
        f"{MIN_PARTICLES} particles.",
        ["Confidence", *sizes.values()],
        [
            (f"{100 * low:.0f} to {100 * high:.0f} %", [_cell(by_cell[low, size]) for size in sizes])
            for low, high in bands
        ],
    )


def _size_text(row: RightShare) -> str:
    if row.high_um is None:
        return f"≥ {row.low_um:g} µm"
    return f"< {row.high_um:g} µm" if not row.low_um else f"{row.low_um:g} to {row.high_um:g} µm"


def _cell(row: RightShare) -> WorthCell:
    if row.right is None:
        return WorthCell(DASH)
    interval = format_percent_interval(row.right.low, row.right.high)
    return WorthCell(format_percent(row.right.value), interval, f"confidence {format_percent(row.confidence)}")
