"""Facts of the runs of a source: instrument, pixel size, imaged volume, dilution."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.shared.text import without_names
from svp_core.display import DASH, escape_markdown, format_percent
from svp_core.instruments.metadata import SOURCE_KINDS, RunFacts, format_volume

MAX_TABLE_PX, ROW_PX = 320, 36
WITH_VOLUME = ("flowcam", "mfi", "ifcb", "ecotaxa")  # kinds of run whose files can state the imaged volume


def stored_runs(summary: Mapping[str, Any]) -> list[RunFacts]:
    """Runs of a summary.json; keys that this version does not know are ignored."""
    names = {item.name for item in fields(RunFacts)}
    return [
        RunFacts(**{name: value for name, value in run.items() if name in names}) for run in summary.get("runs", [])
    ]


def pixel_sizes_of(runs: Iterable[RunFacts]) -> set[float]:
    """Known pixel sizes of these runs, µm per pixel."""
    return {run.um_per_px for run in runs if run.um_per_px is not None}


def describe_scale(um_per_px: float | None, source: str, runs: Sequence[RunFacts]) -> str:
    """Pixel size of a source and where it is stated, as text. source: "" to leave out where it is stated."""
    if um_per_px:
        source = without_names(source, [run.name for run in runs])
        return f"{um_per_px:.4g} µm per pixel" + (f" ({source})" if source else "")
    return "pixel size differs between runs" if pixel_sizes_of(runs) else "pixel size unknown"


def show_runs(runs: Sequence[RunFacts], *, key: str) -> None:
    """Draw one line for a single run, a table for several."""
    if len(runs) == 1:
        if facts := _facts(runs[0]):
            st.markdown(escape_markdown(" · ".join(facts)))
    elif runs:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Run": run.name,
                        "Items": run.count,
                        "µm/px": run.um_per_px,
                        "Imaged volume (mL)": run.volume_ml,
                        "Dilution": run.dilution,
                        "Instrument": run.instrument or SOURCE_KINDS[run.kind],
                    }
                    for run in runs
                ]
            ),
            hide_index=True,
            key=key,
            placeholder=DASH,
            alt="Runs of the source",
            height=min(MAX_TABLE_PX, ROW_PX * (len(runs) + 1)),
            column_config={
                "Run": st.column_config.TextColumn(width=230),
                "µm/px": st.column_config.NumberColumn(format="%.4f"),
                "Imaged volume (mL)": st.column_config.NumberColumn(format="%.5g"),
            },
        )


def _facts(run):
    facts = [run.instrument] if run.instrument else []
    if run.volume_ml is not None:
        facts.append(f"imaged volume {format_volume(run.volume_ml)} ({without_names(run.volume_from, [run.name])})")
    elif run.kind in WITH_VOLUME:
        facts.append("imaged volume not in the files; it can be entered later")
    if run.efficiency is not None:
        facts.append(f"{format_percent(run.efficiency)} of the sample imaged")
    if run.dilution not in (None, 1):
        facts.append(f"dilution {run.dilution:g}")
    return facts
