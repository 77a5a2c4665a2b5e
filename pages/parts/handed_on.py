"""What leaves the lab: results as files."""

from pathlib import Path

import streamlit as st


def show_handed_on(found, labels, shown, chosen, thresholds):
    """The files."""
    table = found.folder / "results.csv"
    st.download_button(
        "results.csv", table.read_bytes, f"{_file_name(found)}.csv", "text/csv", key="csv", on_click="ignore"
    )


def _file_name(found):
    """What the files are called: as the source, with nothing in it that a system refuses."""
    stem = Path(found.summary["source"]).stem
    return "".join(letter if letter.isalnum() or letter in " .-_" else "_" for letter in stem)[:80] or "results"
