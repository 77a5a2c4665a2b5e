"""A finished audit: verdict, figures beside what chance gives, ROC, images told most surely, report to hand on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.ui.shared.chart_style import QUIET, REFERENCE
from svp_core.display import escape_markdown
from svp_core.generator_audit.verdict import RED, WARNING
from svp_core.images import contact_sheet
from svp_core.report.generator_audit import contest_rows, copy_rows, interval_text, membership_rows, told_apart_text
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job

MEMBERSHIP_COLUMNS = ("Figure", "Training, held out", "Value (95 %)", "Chance (95 %)")
COPY_COLUMNS = (
    "Class",
    "Images",
    "CT Z (unseen)",
    "Near one training tile; held-out tiles",
    "Authentic (held out)",
)
CONTEST_COLUMNS = ("Tool", "Figure", "Constant answer and chance", "Result")
ROC_PX = 460
LOWEST = 1e-3  # where the axes of the ROC curve begin
EXPLAINED = """
- **AUC**: how often an attacker with the weights scores a training tile higher than a held-out one; 0.5 is a guess.
- **Caught**: share of training tiles told for sure, where so many held-out tiles are falsely taken for training tiles.
- **Chance**: the same figure between random halves of the held-out tiles, 95 % of 200 splits.
- **CT Z**: −2 or less, and clearly less than against unseen tiles: nearer to training tiles than held-out tiles are.
- **Near one training tile**: less than a third as far from the nearest training tile as from the second nearest.
"""


def heading(job: Job) -> str:
    """Which generator was audited, in Markdown."""
    return f"Audit of {escape_markdown(Path(job.config['generator']).name)}"


def show(job: Job) -> None:
    """Everything of a finished audit."""
    folder = jobs.job_folder(job.id)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    _show_verdict(report)
    membership = report["membership"]
    if membership is not None:
        st.markdown("**Membership**")
        # Beside each other where there is room for the whole table, else below.
        with st.container(horizontal=True, gap="large"):
            _table(membership_rows(membership), MEMBERSHIP_COLUMNS, "audit_membership", width=ROC_PX + 200)
            figure = draw_roc(membership["roc"])
            st.plotly_chart(figure, config=QUIET, key="audit_roc", alt="ROC curve on logarithmic axes", width=ROC_PX)
    if report["copies"]:
        st.markdown("**Copies, and told apart from real**")
        _table(copy_rows(report), COPY_COLUMNS, "audit_copies")
        st.caption(escape_markdown(told_apart_text(report)))
    if report["contest"]:
        st.markdown("**Tools of the contest ImageCLEFmedical GANs 2023**, which see images only")
        _table(contest_rows(report["contest"]), CONTEST_COLUMNS, "audit_contest")
    if report["exposed"]:
        _show_exposed(folder, report)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        name = report["generator"]
        for file, label, mime in (("report.html", "Report", "text/html"), ("scores.csv", "Scores", "text/csv")):
            data = (folder / file).read_bytes()
            st.download_button(label, data, f"audit {name} {file}", mime, key=f"audit_{file.partition('.')[0]}")
        with st.popover("How to read this", type="tertiary"):
            st.markdown(EXPLAINED)


def _show_verdict(report: Mapping[str, Any]) -> None:
    verdict = report["verdict"]
    box = {RED: st.error, WARNING: st.warning}.get(verdict["level"], st.info)
    box(f"**{escape_markdown(verdict['headline'])}**")
    st.markdown("\n\n".join(escape_markdown(sentence) for sentence in verdict["sentences"]))
    network = report["data_shift"]["network"]
    facts = [
        f"{report['n_members']:,} training and {report['n_held_out']:,} held-out tiles",
        f"reference: {report['reference'] or 'none'}",
        f"told apart without the generator: AUC {interval_text(network)}",
        f"seed {report['seed']}",
    ]
    st.caption(escape_markdown("; ".join(facts) + "."))
    for note in report["notes"]:
        st.caption(escape_markdown(note))


def _table(rows: list[Any], columns: tuple[str, ...], key: str, *, width: int | Literal["stretch"] = "stretch") -> None:
    config = {name: st.column_config.TextColumn(alignment="right") for name in columns[1:]}
    table = pd.DataFrame(rows, columns=list(columns))
    st.dataframe(table, hide_index=True, key=key, column_config=config, width=width)


def _show_exposed(folder: Path, report: Mapping[str, Any]) -> None:
    st.markdown("**Training tiles told most surely**")
    exposed, nearest = (np.load(folder / f"{name}.npy") for name in ("exposed", "nearest"))
    has_nearest = any(row["distance"] is not None for row in report["exposed"])
    tiles = np.concatenate([exposed, nearest]) if has_nearest else exposed
    st.image(contact_sheet(tiles, columns=len(exposed), scale=1, gap_px=4, gap_level=200), width=84 * len(exposed))
    below = "; below each, the generated tile of its class nearest to it" if has_nearest else ""
    names = ", ".join(f"{row['image']} ({row['score']:.1f})" for row in report["exposed"])
    st.caption(escape_markdown(f"In the order of their scores{below}: {names}."))


def draw_roc(roc: Mapping[str, list[float]]) -> Figure:
    """ROC curve, both axes logarithmic from 0.1 %, with that of a guess."""
    figure = Figure()
    ends = [LOWEST, 1]
    x, y = (np.clip(roc[name], LOWEST, 1) for name in ("false_alarms", "caught"))
    figure.add_scatter(x=ends, y=ends, mode="lines", name="A guess", line={"color": REFERENCE, "dash": "dash"})
    hover = "%{y:.1%} caught at %{x:.1%} false alarms"
    line = {"color": "#0E8AA0", "width": 2, "shape": "hv"}
    figure.add_scatter(x=x, y=y, mode="lines", name="Attack", line=line, hovertemplate=hover)
    ticks = {"type": "log", "range": [-3, 0], "tickvals": [1e-3, 1e-2, 0.1, 1], "ticktext": ["0.1", "1", "10", "100"]}
    figure.update_xaxes(title_text="Held-out tiles taken for training tiles (%)", **ticks)
    figure.update_yaxes(title_text="Training tiles caught (%)", **ticks)
    figure.update_layout(height=320, margin={"t": 30, "b": 24, "l": 8, "r": 8})
    figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0})
    return figure
