"""Class counts as bars, the target balance, and a preview of what an arm would add; saved as a data set on request."""

import numpy as np
import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from pages.ui.components.gallery import show_gallery
from pages.ui.experiment.source_choice import Chosen
from pages.ui.shared.chart_style import QUIET
from svp_core.display import class_name, count_noun, escape_markdown
from svp_core.errors import LabError
from svp_core.experiment import additions
from svp_core.experiment.additions import possible_sources
from svp_core.experiment.design import (
    CLASSICAL,
    MAX_DOSE,
    SHIPPED,
    SIMULATOR,
    SOURCE_TITLES,
    Design,
    with_minority,
)
from svp_core.experiment.leak_guard import SyntheticTiles
from svp_core.model_files import find_model_folder
from svp_core.particle_classes import class_by_key
from svp_core.progress import run_to_end
from svp_core.workspace.datasets import MAX_NAME, save_dataset

PREVIEWED = 12  # tiles of each class
MAX_SAVED_HERE = 200  # tiles of a generator that a page waits for
PREVIEW_SOURCES = (CLASSICAL, SHIPPED, SIMULATOR)  # those that need no training first


def show_balance(chosen: Chosen) -> tuple[int, tuple[str, ...]]:
    """(tiles to be added to each minority class, keys of those classes)."""
    counts = chosen.counts
    default = with_minority(Design(), counts).minority
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        minority = st.pills(
            "Add to",
            list(counts),
            selection_mode="multi",
            default=list(default),
            format_func=class_name,
            key=f"experiment_minority_{chosen.source}",
            persist_state="session",
        )
        largest = max(counts.values())
        short = max((largest - counts[key] for key in minority), default=0)
        dose = st.number_input(
            "Tiles added to each",
            min_value=1,
            max_value=MAX_DOSE,
            value=min(500, max(1, short)) if short else 500,
            step=100,
            key=f"experiment_dose_{chosen.source}",
            persist_state="session",
            width=180,
            help=f"{short:,} would make the smallest of them as frequent as the largest class.",
        )
    if not minority:
        raise LabError("No class is chosen to be added to; choose one or more.")
    st.plotly_chart(_bars(counts, minority, int(dose)), config=QUIET, key="experiment_bars")
    with st.expander("Preview what would be added"):
        _show_preview(chosen, tuple(minority), int(dose))
    return int(dose), tuple(key for key in counts if key in minority)


def _bars(counts: dict[str, int], minority: list[str], dose: int) -> Figure:
    figure = Figure()
    names = [class_name(key) for key in counts]
    colours = [class_by_key(key).colour for key in counts]
    added = [dose if key in minority else 0 for key in counts]
    figure.add_bar(
        y=names,
        x=list(counts.values()),
        orientation="h",
        marker_color=colours,
        name="Real",
        text=list(counts.values()),
        textposition="inside",
        insidetextanchor="end",
        hovertemplate="%{y}: %{x:,} real<extra></extra>",
    )
    figure.add_bar(
        y=names,
        x=added,
        orientation="h",
        marker={"color": colours, "opacity": 0.35, "pattern": {"shape": "/"}},
        name="Added",
        hovertemplate="%{y}: %{x:,} added<extra></extra>",
    )
    figure.add_scatter(
        y=names,
        x=[count + more for count, more in zip(counts.values(), added, strict=True)],
        mode="text",
        text=[f" +{more:,}" if more else "" for more in added],
        textposition="middle right",
        hoverinfo="skip",
    )
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title_text="Particles")
    figure.update_layout(
        barmode="stack",
        height=90 + 34 * len(counts),
        margin={"t": 8, "b": 40, "l": 8, "r": 8},
        showlegend=False,
    )
    return figure


def _show_preview(chosen: Chosen, minority: tuple[str, ...], dose: int) -> None:
    possible = possible_sources(minority)
    source = st.segmented_control(
        "From",
        [one for one in PREVIEW_SOURCES if one in possible],
        default=CLASSICAL,
        required=True,
        format_func=lambda one: SOURCE_TITLES[one][:1].upper() + SOURCE_TITLES[one][1:],
        key="experiment_preview",
        persist_state="session",
    )
    st.caption("Diffusion within the training fold is trained first; its tiles are shown with the results.")
    made = _preview(chosen.source, source, minority, PREVIEWED, _chosen=chosen)
    keys = [chosen.class_keys[label] for label in made.labels]
    show_gallery(
        made.tiles,
        key="experiment_preview_tiles",
        alt=f"Tiles of {SOURCE_TITLES[source]}",
        words=[[class_name(key)] for key in keys],
        captions=[class_name(key) for key in keys],
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input(
            "Save real and added tiles as a data set",
            f"{chosen.name} + {SOURCE_TITLES[source]}"[:MAX_NAME],
            key=f"experiment_save_name_{chosen.source}_{source}",
            width=320,
        )
        too_many = source == SHIPPED and dose * len(minority) > MAX_SAVED_HERE
        pressed = st.button(f"Save with {dose:,} of each class", key="experiment_save", disabled=too_many)
    if too_many:
        st.caption(f"More than {MAX_SAVED_HERE:,} tiles of a generator take minutes; Synthesize makes them as a job.")
    if pressed:
        with st.spinner("Making the tiles"):
            saved = save_balanced(chosen, source, minority, dose, name)
        st.session_state["experiment_saved"] = saved
    if saved := st.session_state.get("experiment_saved"):
        st.success(escape_markdown(saved))


def save_balanced(chosen: Chosen, source: str, minority: tuple[str, ...], dose: int, name: str) -> str:
    """Save real and added tiles as one data set with the parents of every added tile; returns what was saved.

    Its kind is synthetic, so that no experiment or test takes it for real particles.
    """
    made = run_to_end(make_tiles(chosen, source, minority, dose))
    real_keys = [chosen.class_keys[label] for label in chosen.labels]
    table = pd.DataFrame(
        {
            "image": [f"real/{k}" for k in range(len(real_keys))] + [f"{source}/{k}" for k in range(len(made))],
            "class": real_keys + [chosen.class_keys[label] for label in made.labels],
            "origin": ["real"] * len(real_keys) + [made.origins[k].name for k in made.origin],
            "parents": [""] * len(real_keys) + [" ".join(sorted(made.origins[k].parents or ())) for k in made.origin],
        }
    )
    tiles = np.concatenate([chosen.tiles, made.tiles])
    provenance = {"made_by": source, "source": chosen.name, "dose": dose, "classes": list(minority), "seed": 0}
    save_dataset(name, "synthetic", tiles, table, provenance)
    return (
        f"{name}: {count_noun(len(chosen.tiles), 'real tile')} and {len(made):,} added ones. Train and Review list it."
    )


def make_tiles(chosen: Chosen, source: str, minority: tuple[str, ...], dose: int):
    """Generator of Progress that returns SyntheticTiles of one source, as an arm would add them; seed 0."""
    labels = [chosen.class_keys.index(key) for key in minority]
    if source == CLASSICAL:
        rows = np.isin(chosen.labels, labels)
        return _at_once(additions.augmented(chosen.tiles[rows], chosen.labels[rows], dose=dose, seed=0))
    if source == SIMULATOR:
        return additions.simulated(chosen.class_keys, labels, dose=dose, seed=0)
    generator, origin = additions.shipped_generator(find_model_folder("generator"))
    return additions.generated(generator, origin, chosen.class_keys, labels, dose=dose, seed=0)


def _at_once(made: SyntheticTiles):
    yield from ()
    return made


@st.cache_data(max_entries=6, show_spinner="Making tiles")
def _preview(source_id: str, source: str, minority: tuple[str, ...], dose: int, *, _chosen: Chosen) -> SyntheticTiles:
    return run_to_end(make_tiles(_chosen, source, minority, dose))
