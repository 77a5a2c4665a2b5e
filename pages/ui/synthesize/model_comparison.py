"""Two makers of particles side by side: choosing them, their tiles and figures against the same reference."""

import json

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.shared import generator_form
from pages.ui.shared.chart_style import QUIET, draw_compared, draw_spectra
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.text import class_name, count_noun, escape_markdown, format_duration, truncate
from pages.ui.synthesize.metrics_table import show_metrics
from svp_core.errors import LabError
from svp_core.tasks.compare import SIDES, CompareRequest, ComparisonSide, measure_steps
from svp_core.tasks.job_kinds import request_of
from svp_core.tile_file import read_tiles
from svp_core.workspace import datasets, jobs

CLASSICAL = "Classical augmentation"
LINES = 4  # of tiles in each gallery
SHOWN = 60  # tiles of each gallery: enough for those lines in a wide window


def choose_model_side(side: str) -> ComparisonSide:
    """Choose what generates one side."""
    found, first = generator_form.generators(), side == SIDES[0]
    options, key = [*found, CLASSICAL], f"{side}_maker"
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
    name = st.selectbox(
        "One" if first else "The other",
        options,
        index=0 if first else len(options) - 1,
        key=key,
        persist_state="session",
    )
    if name == CLASSICAL:
        st.caption(
            "Half of the reference, flipped, turned, scaled and moved a little and relit: what a lab does without a "
            "generator. Both sides are measured against the other half."
        )
        return ComparisonSide(classical=True)
    chosen = ComparisonSide(weights=name, sampler=generator_form.choose_quality(found[name], f"{side}_quality"))
    show_model(name, origin(found[name]))
    return chosen


def classes_in_common(sides: dict[str, ComparisonSide]) -> list[str]:
    """Keys of the classes that both sides can make. Raises LabError where there is none, or where they are the same.

    sides: side -> its choice, see choose_model_side.
    """
    if sides[SIDES[0]] == sides[SIDES[1]]:
        raise LabError("Both sides are the same; choose another model or quality on one of them.")
    found = generator_form.generators()
    # Classical augmentation makes whatever there is a reference of.
    made = [generator_form.classes_of(found[side.weights]) for side in sides.values() if side.weights]
    common = [key for key in made[0] if all(key in keys for keys in made)]
    if not common:
        said = " and the other ".join(", ".join(class_name(key).lower() for key in keys) for keys in made)
        raise LabError(f"One makes {said}: no class in common; choose another model on one side.")
    return common


def estimate(sides: dict[str, ComparisonSide], count: int) -> str:
    """How long a comparison will take, a sentence."""
    found, seconds = generator_form.generators(), 0.0
    for side in sides.values():
        if side.weights:
            seconds += generator_form.seconds_to_make(found[side.weights], side.sampler, [count])
        seconds += measure_steps(count) * generator_form.CALL_S["generator"]
    return (
        f"{count_noun(count, 'image')} of each, made and measured: about {format_duration(seconds)} on this computer."
    )


def heading(job):
    """What is compared, a line of Markdown."""
    request = request_of(job)
    left, right = _names(request).values()
    right = right[:1].lower() + right[1:] if request.right.classical else right
    return escape_markdown(f"{class_name(request.class_key)}: {left} and {right}, seed {request.seed}")


def show_so_far(job):
    """The newest tiles of both sides while they are being made."""
    names, folder = _names(request_of(job)), jobs.job_folder(job.id)
    for side, column in zip(SIDES, st.columns(2, gap="large"), strict=True):
        path = folder / side / "tiles.npy"
        with column:
            tiles = read_tiles(path) if path.is_file() else []
            st.markdown(f"**{escape_markdown(names[side])}** · {len(tiles):,}")
            if len(tiles):
                show_gallery(tiles[-SHOWN:], key=f"so_far_{side}", alt=f"Made so far by {names[side]}", lines=LINES)


def show(job):
    """A finished comparison: tiles of both sides and the reference, sizes and shapes, grain, figures, copies."""
    request, folder = request_of(job), jobs.job_folder(job.id)
    names = _names(request)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    parts = {side: report[side]["classes"][request.class_key] for side in SIDES}
    _show_tiles(names, folder)
    n = parts[SIDES[0]]["n"]
    against = escape_markdown(
        f"n = {n:,} a side, against as many particles of {_reference(request)} that neither has seen"
    )
    st.markdown(f"**Figures** · {against}")
    for warning in dict.fromkeys(text for side in SIDES for text in report[side]["warnings"]):
        st.caption(escape_markdown(warning.removeprefix(f"{request.class_key}: ")))
    figures = {side: part["figures"] for side, part in parts.items()}
    show_metrics(names, figures, file=f"compare_{request.class_key}_{request.seed}")
    st.markdown("**Size and shape**, measured alike on all three")
    shapes = dict(iter(pd.read_csv(folder / "shapes.csv").groupby("set")))
    figure = draw_compared({names[side]: shapes[side] for side in SIDES}, shapes["real"])
    st.plotly_chart(figure, config=QUIET, key="compared_shapes", alt="Size and shape of both sides and the reference")
    st.markdown("**From coarse to fine**: how strong structures of each width are")
    figure = draw_spectra({names[side]: parts[side]["spectrum"] for side in SIDES})
    st.plotly_chart(figure, config=QUIET, key="compared_spectra", alt="Power spectra of both sides and the reference")
    for side in SIDES:
        if closest := parts[side].get("closest"):
            _show_closest(
                names[side], closest, read_tiles(folder / side / "tiles.npy"), read_tiles(folder / "seen.npy")
            )


def _show_tiles(names, folder):
    files = {side: folder / side / "tiles.npy" for side in SIDES} | {"real": folder / "real.npy"}
    titles = {**names, "real": "Reference"}
    for part, column in zip(files, st.columns(3, gap="medium"), strict=True):
        tiles = read_tiles(files[part])
        with column:
            st.markdown(f"**{escape_markdown(titles[part])}** · {len(tiles):,}")
            show_gallery(tiles[:SHOWN], key=f"tiles_{part}", alt=titles[part], lines=LINES)


def _show_closest(name, closest, made, seen):
    """Pairs of a made tile and the tile it is most like, of those that it was made or trained from."""
    st.markdown(f"**Most like one of the tiles it was made from**: {escape_markdown(name)}")
    st.caption("Each made tile beside the one it is nearest to; the smaller the ratio, the more like this one alone.")
    pairs = [tile for pair in closest for tile in (made[pair["synthetic"]], seen[pair["training"]])]
    captions = [text for pair in closest for text in ("made", f"ratio {pair['ratio']:.2f}")]
    show_gallery(np.stack(pairs), key=f"closest_{name}", alt="Pairs of a made tile and its nearest", captions=captions)


def _reference(request: CompareRequest) -> str:
    """Name of the reference data set."""
    if request.reference == datasets.SAMPLES:
        return "the simulated sample particles"
    held = {meta["id"]: f"the data set {truncate(meta['name'])}" for meta in datasets.list_datasets()}
    return held.get(request.reference, "a data set that no longer exists")


def _names(request: CompareRequest) -> dict[str, str]:
    """Name of each side: that of its model, with the sampler where both sides are the same model."""
    names = {side: CLASSICAL if chosen.classical else chosen.name for side, chosen in request.sides.items()}
    if len(set(names.values())) == len(SIDES):
        return names
    return {side: f"{name}, {request.sides[side].sampler or ''}" for side, name in names.items()}
