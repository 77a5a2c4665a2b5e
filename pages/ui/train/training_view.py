"""A training: curves, sample images over the steps, and at the end the model with its metrics."""

import pandas as pd
import streamlit as st

from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.model_card import show_model
from pages.ui.train.training_curves import draw_curves
from svp_core.display import class_name, count_noun, escape_markdown
from svp_core.errors import LabError
from svp_core.generator_audit.verdict import RED, WARNING
from svp_core.images import contact_sheet
from svp_core.tasks.train import model_of, save_best
from svp_core.training.training_log import ENDINGS, read_log
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job
from svp_core.workspace.models import find_model

GROWTH_TILES = 5  # images per class shown at every check
GROWTH_TILE_PX = 60  # on screen: eleven checks fit beside the menu
ALL = "all"
BANDS = {ALL: "All levels", "texture": "Texture", "edges": "Edges", "shape": "Shape", "whole": "Whole particle"}


def show_so_far(job: Job) -> None:
    """Curves and images of a running training."""
    record = read_log(jobs.job_folder(job.id) / "run")
    if record is not None:
        _show(record)


def show_finished(job: Job) -> None:
    """A training that ended: its model, or the checkpoint that can still be kept."""
    folder = jobs.job_folder(job.id)
    if name := model_of(folder):
        record = read_log(find_model(name))
        _show_model(name, record)
    else:
        record = read_log(folder / "run")
        if record and any(check["step"] for check in record.checks):
            st.button("Save the best checkpoint as a model", key="keep_best", on_click=_keep, args=(job, folder))
        if error := st.session_state.pop("keep_error", None):
            st.error(escape_markdown(error))
    if record:
        _show(record)


def _keep(job, folder):
    try:
        jobs.cancel(job.id)  # a paused job could otherwise be resumed without its folder
        save_best(job.config["name"], folder)
    except LabError as error:
        st.session_state["keep_error"] = str(error)


def _show_model(name, record):
    st.subheader(f"{escape_markdown(name)} is ready")
    st.markdown(ENDINGS[record.facts["ended"]])
    if audit := record.facts.get("audit"):
        level, headline = audit["verdict"]["level"], audit["verdict"]["headline"]
        box = {RED: st.error, WARNING: st.warning}.get(level, st.info)
        box(f"**Audit.** {escape_markdown(headline)} The model card says more.")
    with st.container(horizontal=True, gap="medium", key="model_next"):
        for page, label in (("synthesize", "Generate particles with it"), ("denoising", "Watch it denoise")):
            st.page_link(f"pages/{page}.py", label=label, query_params={"model": name}, icon=":material/arrow_forward:")
    fresh = record.facts["measured"]["fresh"]
    figures = (fresh or record.facts["measured"]["best"])["classes"]
    st.dataframe(
        pd.DataFrame([_row(key, result) for key, result in figures.items()]),
        hide_index=True,
        key="model_figures",
        column_config={
            "KID": _right(),
            "Real vs real, 95 %": _right(),
            "CT Z": _number("%+.1f"),
            "Copied": _right(),
            "Copied, held-out tiles": _right(),
            "Generated": _number("%d"),
            "Held out": _number("%d"),
        },
    )
    images = "New images of the best checkpoint" if fresh else "The images by which this checkpoint was chosen"
    show_model(
        name,
        f"{images}, compared with held-out tiles. KID: 0 = identical distributions. Copied: close to one training tile "
        "and to no other.",
    )


def _row(key, result):
    (value, low, high), (_, baseline) = result["kid"], result["kid_floor"]
    copied, _, held_out_copied = result["copied"]
    return {
        "Class": class_name(key),
        "KID": f"{value:.4f} ({low:.4f} to {high:.4f})",
        "Real vs real, 95 %": f"{baseline:.4f}",
        "CT Z": result["ct_z"],
        "Copied": f"{100 * copied:.1f} %",
        "Copied, held-out tiles": f"{100 * held_out_copied:.1f} %",
        "Generated": result["made"],
        "Held out": result["held_out"],
    }


def _number(form):
    return st.column_config.NumberColumn(format=form, alignment="right")


def _right():
    return st.column_config.TextColumn(alignment="right")


def _show(record):
    facts = record.facts
    trained, held = sum(facts["trained_on"].values()), sum(facts["held_out_counts"].values())
    parent = f"started from {facts['from']['name']}" if facts["from"] else "started from random weights"
    copies = f"{facts['near_copies']:,} near-copies excluded"
    st.caption(escape_markdown(f"{count_noun(trained, 'image')} trained on, {held:,} held out, {copies}; {parent}."))
    if record.checks:
        _show_growth(record)
    if record.rows or record.checks:
        figure = draw_curves(record.rows, record.checks, record.class_keys, _choose_band(record.checks))
        st.plotly_chart(figure, config=QUIET, key="curves", alt="Errors, KID and copy test over the steps")
        with st.popover("How to read these curves", type="tertiary"):
            st.markdown(_EXPLAINED)


def _choose_band(checks):
    """Key of the noise band whose errors are drawn; None for all."""
    if not checks:
        return None
    band = st.segmented_control(
        "Error by noise level",
        [ALL, *checks[-1]["errors"]["training"]],
        default=ALL,
        required=True,
        key="error_band",
        format_func=BANDS.__getitem__,
        persist_state="session",
        help="Weak noise hides only the texture, strong noise the whole particle.",
    )
    return None if band == ALL else band


def _show_growth(record):
    keys, growth_key = record.class_keys, "growth_class"
    if st.session_state.get(growth_key) not in keys:
        st.session_state.pop(growth_key, None)
    key = (
        keys[0]
        if len(keys) < 2
        else st.segmented_control(
            "Images of", keys, default=keys[0], required=True, format_func=class_name, key=growth_key
        )
    )
    st.markdown(f"**{class_name(key)}**: same noise, by training step")
    grown = record.growth_of(key)[:, :GROWTH_TILES]
    with st.container(horizontal=True, gap="xsmall", key="growth"):
        for check, tiles in zip(record.checks, grown, strict=True):
            with st.container(width=GROWTH_TILE_PX, gap="xsmall"):
                st.image(contact_sheet(tiles, columns=1, gap_px=3, gap_level=175), width=GROWTH_TILE_PX)
                st.caption(f"{check['step']:,}" if check["step"] else "Before")


_EXPLAINED = """
- **Denoising error**: at each check, on the same training and held-out tiles with the same noise. Where the held-out
  curve rises while the other falls, the network begins to memorise its tiles; this may show at one noise level first.
  Batches use other noise, so only their trend can be compared.
- **KID**: distance of generated images from held-out tiles, with its 95 % interval; 0 = identical distributions. The
  checkpoint with the smallest KID is kept.
- **CT Z**: below −2, the images lie closer to the training tiles than held-out tiles do. If some of them are also close
  to one single training tile, twice in a row, training stops: the model copies.
"""
