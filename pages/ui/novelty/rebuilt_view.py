"""What an autoencoder of normal particles makes of a sample: reconstruction and residual, and how well it tells."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from plotly.graph_objects import Figure

from pages.ui.novelty.judged_sample import JudgedSample
from pages.ui.shared.chart_style import QUIET, REFERENCE
from svp_core.display import escape_markdown, format_percent
from svp_core.errors import LabError
from svp_core.images import contact_sheet
from svp_core.model_files import read_model_folder
from svp_core.novelty.calibration import LEVEL
from svp_core.tasks.novelty_rebuilt import REBUILT_TILES
from svp_core.tile_file import read_tiles
from svp_core.workspace.models import find_model

STRONGEST = 60  # grey levels of residual that are drawn white
FAILS = (
    "It explains and does not decide: particles smaller, fainter or smoother than normal ones are rebuilt well, "
    "whatever they are."
)


def show_rebuilt(sample: JudgedSample, positions: NDArray[np.intp]) -> None:
    """Draw, in an expander, these particles with their reconstructions and residuals; nothing without a filter."""
    name = sample.results.summary.get("autoencoder")
    if not name or not len(positions):
        return
    box = st.expander("What the autoencoder cannot rebuild", key="novelty_rebuilt", on_change="rerun")
    if not box.open:
        return
    with box:
        st.image(residual_sheet(sample, positions), width="content")
        numbers = [sample.numbers(column)[positions] for column in ("residual", "residual_p")]
        texts = [
            f"{number}: residual {residual:.0f}{f', p {p:.3f}' if np.isfinite(p) else ''}"
            for number, residual, p in zip(range(1, len(positions) + 1), *numbers, strict=True)
        ]
        st.caption(escape_markdown(f"From above: particle, reconstruction, residual. {'; '.join(texts)}. {FAILS}"))


def residual_sheet(sample: JudgedSample, positions: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Image of three rows: particles, their reconstructions, residuals (white: STRONGEST grey levels or more)."""
    folder = sample.results.folder
    tiles = np.asarray(read_tiles(folder / "tiles.npy")[positions])
    rebuilt = np.asarray(read_tiles(folder / REBUILT_TILES)[positions])
    residual = np.abs(tiles.astype(float) - rebuilt) * 255 / STRONGEST
    rows = np.concatenate([tiles, rebuilt, residual.clip(0, 255).astype(np.uint8)])
    return contact_sheet(rows, columns=len(positions))


def show_roc(model: str | None) -> None:
    """Draw the ROC of an autoencoder filter, where its training measured one."""
    if not model:
        return
    try:
        roc = read_model_folder(find_model(model)).config.get("roc")
    except LabError:
        return
    if not roc:
        return
    st.markdown("**Autoencoder: ROC**")
    alt = "ROC curve of the autoencoder filter with Youden's threshold and the conformal one"
    st.plotly_chart(draw_roc(roc), config=QUIET, key="novelty_roc", alt=alt)
    st.caption(roc_caption(roc))


def roc_caption(roc: Mapping[str, Any]) -> str:
    """What the marks of draw_roc are, and what each threshold does."""
    used, youden = roc["conformal"], roc["youden"]
    return (
        f"On {roc['strangers']:,} labelled strangers: AUC {roc['auc']:.2f}. ● p ≤ {LEVEL:g} (conformal, used) finds "
        f"{format_percent(used['found'])} at {format_percent(used['false_alarms'])} false alarms; ◆ Youden's "
        f"threshold, chosen with these strangers and shown only, {format_percent(youden['found'])} at "
        f"{format_percent(youden['false_alarms'])}. Dashed: a guess."
    )


def draw_roc(roc: Mapping[str, Any]) -> Figure:
    """ROC curve with that of a guess and both thresholds."""
    figure = Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": REFERENCE, "dash": "dash"}, hoverinfo="skip")
    hover = "%{y:.0%} found at %{x:.0%} false alarms<extra></extra>"
    line = {"color": "#0E8AA0", "width": 2}
    figure.add_scatter(x=roc["false_alarms"], y=roc["found"], mode="lines", line=line, hovertemplate=hover)
    for key, symbol, name in (("conformal", "circle", "p ≤ 0.05, used"), ("youden", "diamond", "Youden, shown only")):
        point = roc[key]
        marker = {"size": 10, "symbol": symbol, "color": "#BD8118"}
        figure.add_scatter(
            x=[point["false_alarms"]], y=[point["found"]], mode="markers", marker=marker, name=name, hovertemplate=hover
        )
    figure.update_layout(height=240, margin={"t": 8, "b": 8, "l": 8, "r": 8}, showlegend=False)
    figure.update_xaxes(title_text="False alarms", tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(title_text="Found", tickformat=".0%", range=[-0.02, 1.05])
    return figure
