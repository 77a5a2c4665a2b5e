"""What a confidence is worth on simulated instruments like the one of these results: shares named right, by size."""

import streamlit as st

from pages.ui.classify.counts_html import Cell, cell_table
from svp_core.display import escape_markdown
from svp_core.report.confidence_table import ConfidenceTable, WorthCell, confidence_table
from svp_core.stats.confusion import ConfusionReference


def show_confidence_table(reference: ConfusionReference) -> None:
    """Draw it in an expander; nothing where the reference does not tell instruments apart."""
    table = confidence_table(reference)
    if table is None:
        return
    with st.expander("What a confidence is worth here"):
        st.caption(escape_markdown(table.pooled))
        st.html(confidence_html(table))
        st.caption(table.note)


def confidence_html(table: ConfidenceTable) -> str:
    """HTML of shares named right: one row per confidence, one column per size."""
    return cell_table(table.headings, 1, [[Cell(band), *map(_cell, cells)] for band, cells in table.rows])


def _cell(cell: WorthCell) -> Cell:
    small = " · ".join(text for text in (cell.interval, cell.confidence) if text)
    return Cell(cell.share, small, strong=bool(small))
