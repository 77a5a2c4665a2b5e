"""Comparison of two models: choosing them, their tiles and metrics against the same reference."""

import json
from contextlib import suppress

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.shared import generator_form
from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.url_state import opened
from pages.ui.synthesize.charts import draw_compared, draw_spectra
from pages.ui.synthesize.metrics_table import show_metrics
from pages.ui.synthesize.reference_picker import count_reference
from svp_core.display import class_name, count_noun, escape_markdown, format_duration, truncate
from svp_core.errors import LabError
from svp_core.quality.report import ENOUGH_IMAGES
from svp_core.tasks.compare import SIDES, CompareRequest, ComparisonSide, measure_steps
from svp_core.tasks.generation_request import DEFAULT_GENERATOR
from svp_core.tasks.job_kinds import request_of
from svp_core.tile_file import read_tiles
from svp_core.workspace import datasets, jobs
from svp_core.workspace.jobs import Job

CLASSICAL = "Classical augmentation"
LINES = 4  # of tiles in each gallery
MAX_TILES = 60  # in each gallery: enough for those lines in a wide window


def restore_settings(most: int) -> None:
    """Fill the form with the settings of the open comparison, once per comparison. most: images of one model."""
    job_id = opened("synthesize", "comparison")
    if job_id is None or job_id == st.session_state.get("compare_taken_from"):
        return
    st.session_state["compare_taken_from"] = job_id
    with suppress(LabError):  # the results say what is wrong with the link
        if (job := jobs.get(job_id)).kind == "compare":
            request = request_of(job)
            for side, chosen in request.sides.items():
                name = CLASSICAL if chosen.classical else chosen.weights or DEFAULT_GENERATOR
                st.session_state[f"{side}_maker"] = name
                if chosen.sampler:
                    st.session_state[f"{side}_quality"] = chosen.sampler
            st.session_state["compare_class"] = request.class_key
            st.session_state["compare_reference"] = request.reference
            st.session_state["compare_count"] = float(min(request.count, most))
            st.session_state["compare_seed"] = float(request.seed)


def choose_model_side(side: str) -> ComparisonSide:
    """Choose what generates one side."""
    models, first = generator_form.generators(), side == SIDES[0]
    options, key = [*models, CLASSICAL], f"{side}_maker"
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0 if first else -1]
    name = st.selectbox("Model A" if first else "Model B", options, key=key, persist_state="session")
    if name == CLASSICAL:
        st.caption(
            "Half of the reference set, flipped, rotated, scaled, shifted, brightness-adjusted: an alternative without "
            "a generator. Both sides are compared with the other half."
        )
        return ComparisonSide(classical=True)
    chosen = ComparisonSide(weights=name, sampler=generator_form.choose_quality(models[name], f"{side}_quality"))
    show_model(name, origin(models[name]))
    return chosen


def classes_in_common(sides: dict[str, ComparisonSide]) -> list[str]:
    """Keys of the classes that both sides can generate. Raises LabError if there is none or the sides are equal.

    sides: side -> its choice, see choose_model_side.
    """
    if sides[SIDES[0]] == sides[SIDES[1]]:
        raise LabError("Both sides are the same. Choose a different model or quality on one of them.")
    models = generator_form.generators()
    # Classical augmentation works for any class that has a reference.
    generated = [generator_form.classes_of(models[side.weights]) for side in sides.values() if side.weights]
    common = [key for key in generated[0] if all(key in keys for keys in generated)]
    if not common:
        lists = " and the other ".join(", ".join(class_name(key).lower() for key in keys) for keys in generated)
        raise LabError(f"The models have no class in common (one generates {lists}). Choose a different model.")
    return common


def estimate(sides: dict[str, ComparisonSide], count: int) -> str:
    """Estimated duration of a comparison, one sentence."""
    models, seconds = generator_form.generators(), 0.0
    for side in sides.values():
        if side.weights and side.sampler:
            seconds += generator_form.seconds_to_make(models[side.weights], side.sampler, [count])
        seconds += measure_steps(count) * generator_form.CALL_S["generator"]
    return (
        f"{count_noun(count, 'image')} per model, generated and measured: about {format_duration(seconds)} on this "
        "computer."
    )


def wide_intervals(reference: str, class_key: str) -> str:
    """Sentence for a reference that is too small for narrow intervals, however many images are generated; else ""."""
    count = count_reference(reference, class_key)
    if count >= ENOUGH_IMAGES:
        return ""
    particles = count_noun(count, "particle")
    return f" The reference has {particles} of this class; with fewer than {ENOUGH_IMAGES} the intervals are wide."


def heading(job: Job) -> str:
    """What is compared, one line of Markdown."""
    request = request_of(job)
    left, right = _names(request).values()
    right = right[:1].lower() + right[1:] if request.right.classical else right
    return escape_markdown(f"{class_name(request.class_key)}: {left} and {right}, seed {request.seed}")


def show_so_far(job: Job) -> None:
    """The newest tiles of both sides while they are being generated."""
    names, folder = _names(request_of(job)), jobs.job_folder(job.id)
    for side, column in zip(SIDES, st.columns(2, gap="large"), strict=True):
        path = folder / side / "tiles.npy"
        with column:
            tiles = read_tiles(path) if path.is_file() else np.empty((0, 64, 64), np.uint8)
            st.markdown(f"**{escape_markdown(names[side])}** · {len(tiles):,}")
            if len(tiles):
                alt = f"Generated so far by {names[side]}"
                show_gallery(tiles[-MAX_TILES:], key=f"so_far_{side}", alt=alt, lines=LINES)


def show(job: Job) -> None:
    """A finished comparison: tiles, metrics, size and shape, power spectra, closest training tiles."""
    request, folder = request_of(job), jobs.job_folder(job.id)
    names = _names(request)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    results = {side: report[side]["classes"][request.class_key] for side in SIDES}
    _show_tiles(names, folder)
    n = results[SIDES[0]]["n"]
    against = f"n = {n:,} per model, against as many particles of {_reference(request)} that neither was trained on"
    st.markdown(f"**Metrics** · {escape_markdown(against)}")
    for warning in dict.fromkeys(text for side in SIDES for text in report[side]["warnings"]):
        st.caption(escape_markdown(warning.removeprefix(f"{request.class_key}: ")))
    metrics = {side: result["figures"] for side, result in results.items()}
    show_metrics(names, metrics, file=f"compare_{request.class_key}_{request.seed}")
    st.markdown("**Size and shape**, measured the same way on all three")
    shapes = dict(iter(pd.read_csv(folder / "shapes.csv").groupby("set")))
    figure = draw_compared({names[side]: shapes[side] for side in SIDES}, shapes["real"])
    st.plotly_chart(figure, config=QUIET, key="compared_shapes", alt="Size and shape of both models and the reference")
    st.markdown("**Power spectrum**: strength of coarse to fine structures")
    figure = draw_spectra({names[side]: results[side]["spectrum"] for side in SIDES})
    st.plotly_chart(figure, config=QUIET, key="compared_spectra", alt="Power spectra of both models and the reference")
    for side in SIDES:
        if closest := results[side].get("closest"):
            tiles, training = read_tiles(folder / side / "tiles.npy"), read_tiles(folder / "seen.npy")
            _show_closest(names[side], closest, tiles, training)


def _show_tiles(names, folder):
    files = {side: folder / side / "tiles.npy" for side in SIDES} | {"real": folder / "real.npy"}
    titles = {**names, "real": "Reference"}
    for part, column in zip(files, st.columns(3, gap="medium"), strict=True):
        tiles = read_tiles(files[part])
        with column:
            st.markdown(f"**{escape_markdown(titles[part])}** · {len(tiles):,}")
            show_gallery(tiles[:MAX_TILES], key=f"tiles_{part}", alt=titles[part], lines=LINES)


def _show_closest(name, closest, tiles, training):
    """Pairs of a generated tile and its nearest parent or training tile."""
    st.markdown(f"**Closest to a training tile**: {escape_markdown(name)}")
    st.caption("Each generated tile beside its nearest training tile; the smaller the ratio, the more it is a copy.")
    pairs = [tile for pair in closest for tile in (tiles[pair["synthetic"]], training[pair["training"]])]
    captions = [text for pair in closest for text in ("generated", f"ratio {pair['ratio']:.2f}")]
    alt = "Pairs of a generated tile and its nearest training tile"
    show_gallery(np.stack(pairs), key=f"closest_{name}", alt=alt, captions=captions)


def _reference(request: CompareRequest) -> str:
    """Name of the reference data set."""
    if request.reference == datasets.SAMPLES:
        return "the simulated sample particles"
    titles = {meta["id"]: f"the data set {truncate(meta['name'])}" for meta in datasets.list_datasets()}
    return titles.get(request.reference, "a data set that no longer exists")


def _names(request: CompareRequest) -> dict[str, str]:
    """Name of each side: that of its model, with the sampler where both sides are the same model."""
    names = {side: CLASSICAL if chosen.classical else chosen.name for side, chosen in request.sides.items()}
    if len(set(names.values())) == len(SIDES):
        return names
    return {side: f"{name}, {request.sides[side].sampler or ''}" for side, name in names.items()}
