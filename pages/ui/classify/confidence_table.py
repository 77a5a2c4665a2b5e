"""What a confidence is worth on simulated instruments like the one of these results: shares named right, by size."""

import streamlit as st

from pages.ui.classify.counts_html import Cell, cell_table
from svp_core.display import DASH, escape_markdown, format_percent, format_percent_interval
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.report.correction_text import expected_accuracy_sentence
from svp_core.stats.calibration import MIN_PARTICLES, RightShare, right_shares
from svp_core.stats.confusion import ConfusionReference


def show_confidence_table(reference: ConfusionReference) -> None:
    """Draw it in an expander; nothing where the reference does not tell instruments apart."""
    if reference.instruments is None:
        return
    with st.expander("What a confidence is worth here"):
        st.caption(escape_markdown(expected_accuracy_sentence(reference)))
        st.html(confidence_html(right_shares(reference, edges_um=(0.0, *SIZE_BINS_UM[1:]))))
        st.caption(
            f"Share of simulated particles named right, below it its 95 % interval over instruments; {DASH}: fewer "
            f"than {MIN_PARTICLES} particles."
        )


def confidence_html(rows: list[RightShare]) -> str:
    """HTML of shares named right: one row per confidence, one column per size."""
    sizes = {row.low_um: _size_text(row) for row in rows}
    shares = {(row.low_confidence, row.low_um): row for row in rows}
    table = []
    for low, high in dict.fromkeys((row.low_confidence, row.high_confidence) for row in rows):
        cells = [_share_cell(shares[low, size]) for size in sizes]
        table.append([Cell(f"{format_percent(low)} to {format_percent(high)}"), *cells])
    return cell_table(["Confidence", *sizes.values()], 1, table)


def _size_text(row: RightShare) -> str:
    if row.high_um is None:
        return f"≥ {row.low_um:g} µm"
    return f"< {row.high_um:g} µm" if not row.low_um else f"{row.low_um:g} to {row.high_um:g} µm"


def _share_cell(row: RightShare) -> Cell:
    if row.right is None:
        return Cell(DASH)
    return Cell(format_percent(row.right.value), format_percent_interval(row.right.low, row.right.high), strong=True)
