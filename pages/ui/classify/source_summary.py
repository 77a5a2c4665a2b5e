"""What lies in a chosen source: runs, counts, scale, volume; what only the person knows; and the button that starts."""

from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.text import DASH, count_noun, escape_markdown, without_names
from svp_core.classification.results import scale_warning
from svp_core.errors import LabError
from svp_core.images import to_colour_tile
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.metadata import SOURCE_KINDS, format_volume
from svp_core.tasks.classify import ClassifyRequest
from svp_core.workspace.models import list_models

LOOKED_AT = 24  # particles cut out before anything starts, to see that they are
RUNS_SHOWN_PX = 320  # of the table of runs, at most


@st.cache_data(max_entries=8, ttl=120, show_spinner="Looking at the source")
def _recognised(path, changed, choices):
    return detect_source(path, dict(choices))


@st.cache_data(max_entries=8, ttl=120, show_spinner=False)
def _first_tiles(path, changed, choices):
    """Tiles of the first particles that can be read, and a reason of one that cannot."""
    records = list(islice(read_particles(path, dict(choices)), LOOKED_AT))
    tiles = [(to_colour_tile(record.pixels), record.name) for record in records if not record.rejected]
    return tiles, next((record.reason for record in records if record.rejected), "")


def show_source_summary(path):
    """Draw the card; return the ClassifyRequest once the button is pressed, else None.

    Raises LabError when there is nothing in the source that could be read.
    """
    path = Path(path)
    changed = path.stat().st_mtime_ns if path.exists() else 0
    found = _recognised(str(path), changed, ())
    with st.container(border=True, key="recognised"):
        st.markdown(f"**{escape_markdown(found.title)}**")
        count = count_noun(found.count, "item") if found.count is not None else "not counted yet"
        st.markdown(escape_markdown(f"{count} · {_scale(found)}"))
        _show_runs(found.runs)
        for note in found.notes:
            st.caption(escape_markdown(note))
        choices = {question.key: _put(question) for question in found.questions}
        if choices:
            found = _recognised(str(path), changed, tuple(choices.items()))
        _look(str(path), changed, choices)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            model = _choose_model()
            um_per_px = st.number_input(
                "µm per pixel",
                0.01,
                100.0,
                None,
                format="%.4f",
                key="um_per_px",
                width=180,
                placeholder="as in the files" if found.um_per_px or _scales(found) else "unknown",
                help="Leave empty to keep what the files say; otherwise it is taken for every particle.",
            )
            pressed = st.button("Classify", type="primary", key="classify_go")
        if warning := scale_warning(model.name, model.config, {um_per_px} if um_per_px else _scales(found)):
            st.warning(escape_markdown(warning))
    show_model(model.name, origin(model))
    return ClassifyRequest(str(path), model.name, um_per_px, choices=choices or None) if pressed else None


def _scale(found):
    if found.um_per_px:
        source = without_names(found.um_per_px_from, [run.name for run in found.runs])
        return f"{found.um_per_px:.4g} µm per pixel ({source})"
    return "pixel size differs from run to run" if _scales(found) else "no pixel size"


def _scales(found):
    return {run.um_per_px for run in found.runs} - {None}


def _show_runs(runs):
    if len(runs) == 1:
        (run,) = runs
        said = [run.instrument] if run.instrument else []
        if run.volume_ml is not None:
            where = without_names(run.volume_from, [run.name])
            said.append(f"volume imaged {format_volume(run.volume_ml)} ({where})")
        elif run.kind in ("flowcam", "mfi", "ifcb"):
            said.append("volume imaged not in the files; it can be typed in later")
        if run.efficiency is not None:
            said.append(f"{run.efficiency:.1%} of the sample imaged")
        if run.dilution not in (None, 1):
            said.append(f"dilution {run.dilution:g}")
        if said:
            st.markdown(escape_markdown(" · ".join(said)))
        return
    if runs:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Run": run.name,
                        "Items": run.count,
                        "µm/px": run.um_per_px,
                        "Volume imaged (mL)": run.volume_ml,
                        "Dilution": run.dilution,
                        "Made by": run.instrument or SOURCE_KINDS[run.kind],
                    }
                    for run in runs
                ]
            ),
            hide_index=True,
            key="recognised_runs",
            placeholder=DASH,
            alt="Runs that were found",
            height=min(RUNS_SHOWN_PX, 36 * (len(runs) + 1)),
            column_config={
                "Run": st.column_config.TextColumn(width=230),
                "µm/px": st.column_config.NumberColumn(format="%.4f"),
                "Volume imaged (mL)": st.column_config.NumberColumn(format="%.5g"),
            },
        )


def _put(question):
    return st.segmented_control(
        question.text, question.options, default=question.default, required=True, key=f"choice_{question.key}"
    )


def _look(path, changed, choices):
    try:
        tiles, reason = _first_tiles(path, changed, tuple(choices.items()))
    except LabError as error:
        st.caption(escape_markdown(error))
        return
    if tiles:
        show_gallery(
            np.stack([tile for tile, _ in tiles]),
            key="first_look",
            alt="The first particles",
            lines=1,
            words=[[name] for _, name in tiles],
        )
    elif reason:
        st.caption(escape_markdown(f"The first items cannot be read: {reason}."))


def _choose_model():
    found = {model.name: model for model in list_models("classifier")}
    if not found:
        raise LabError("There is no classifier here; the shipped one is missing from this copy, install it again.")
    if st.session_state.get("classifier") not in found:
        st.session_state.pop("classifier", None)
    names = list(found)
    first = names.index("resnet18") if "resnet18" in names else 0
    return found[st.selectbox("Model", names, index=first, key="classifier", persist_state="session", width=220)]
