"""A training on the screen: curves, images growing over time, and in the end the model with its figures."""

import pandas as pd
import streamlit as st

from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.model_card import show_model
from pages.ui.shared.text import class_name, count_noun, escape_markdown
from pages.ui.train.training_curves import draw_curves
from svp_core.errors import LabError
from svp_core.images import contact_sheet
from svp_core.tasks.train import model_of, save_best
from svp_core.training.training_log import ENDINGS, read_log
from svp_core.workspace import jobs
from svp_core.workspace.models import find_model

GROWTH_TILES = 5  # images of a class that are followed
GROWTH_TILE_PX = 60  # on the screen, so that eleven checks fit beside the menu
ALL = "all"
BANDS = {ALL: "All levels", "texture": "Texture", "edges": "Edges", "shape": "Shape", "whole": "Whole particle"}


def show_so_far(job):
    """Curves and images of a training under way."""
    record = read_log(jobs.job_folder(job.id) / "run")
    if record is not None:
        _show(record)


def show_finished(job):
    """A training that is not under way any more: the model it made, or what can still be kept of it."""
    folder = jobs.job_folder(job.id)
    if name := model_of(folder):
        record = read_log(find_model(name))
        _show_model(name, record)
    else:
        record = read_log(folder / "run")
        if record and any(check["step"] for check in record.checks):
            st.button("Keep the best checkpoint as a model", key="keep_best", on_click=_keep, args=(job, folder))
        if error := st.session_state.pop("keep_error", None):
            st.error(escape_markdown(error))
    if record:
        _show(record)


def _keep(job, folder):
    jobs.cancel(job.id)  # one that rests would otherwise go on without its folder
    try:
        save_best(job.config["name"], folder)
    except LabError as error:
        st.session_state["keep_error"] = str(error)


def _show_model(name, record):
    st.subheader(f"{escape_markdown(name)} is ready")
    st.markdown(ENDINGS[record.facts["ended"]])
    with st.container(horizontal=True, gap="medium", key="model_next"):
        for page, label in (("synthesize", "Make particles with it"), ("denoising", "Watch it denoise")):
            st.page_link(f"pages/{page}.py", label=label, query_params={"model": name}, icon=":material/arrow_forward:")
    fresh = record.facts["measured"]["fresh"]
    figures = (fresh or record.facts["measured"]["best"])["classes"]
    st.dataframe(
        pd.DataFrame([_row(key, found) for key, found in figures.items()]),
        hide_index=True,
        key="model_figures",
        column_config={
            "KID": _right(),
            "Real to real, 95 %": _right(),
            "CT Z": _number("%+.1f"),
            "Copied": _right(),
            "Same of held-out tiles": _right(),
            "Made": _number("%d"),
            "Held out": _number("%d"),
        },
    )
    made = "new images of the best checkpoint" if fresh else "the images by which this checkpoint was chosen"
    show_model(
        name,
        f"By {made}, compared with held-out tiles that were never trained on. KID: 0 is alike. "
        "Copied: like one training tile and no other.",
    )


def _row(key, found):
    (value, low, high), (_, most), (copied, _, usual) = found["kid"], found["kid_floor"], found["copied"]
    return {
        "Class": class_name(key),
        "KID": f"{value:.4f} ({low:.4f} to {high:.4f})",
        "Real to real, 95 %": f"{most:.4f}",
        "CT Z": found["ct_z"],
        "Copied": f"{100 * copied:.1f} %",
        "Same of held-out tiles": f"{100 * usual:.1f} %",
        "Made": found["made"],
        "Held out": found["held_out"],
    }


def _number(form):
    return st.column_config.NumberColumn(format=form, alignment="right")


def _right():
    return st.column_config.TextColumn(alignment="right")


def _show(record):
    facts = record.facts
    trained, held = sum(facts["trained_on"].values()), sum(facts["held_out_counts"].values())
    parent = f"begun from {facts['from']['name']}" if facts["from"] else "begun from nothing"
    copies = f"{facts['near_copies']:,} near-copies left out"
    st.caption(escape_markdown(f"{count_noun(trained, 'image')} trained on, {held:,} held out, {copies}; {parent}."))
    if record.checks:
        _show_growth(record)
    if record.rows or record.checks:
        figure = draw_curves(record.rows, record.checks, record.class_keys, _choose_band(record.checks))
        st.plotly_chart(figure, config=QUIET, key="curves", alt="Errors, KID and copy test over the steps")
        with st.popover("What the curves say", type="tertiary"):
            st.markdown(_EXPLAINED)


def _choose_band(checks):
    """Key of the noise levels whose errors are drawn; None: of all."""
    if not checks:
        return None
    band = st.segmented_control(
        "Errors at noise that covers",
        [ALL, *checks[-1]["errors"]["training"]],
        default=ALL,
        required=True,
        key="error_band",
        format_func=BANDS.get,
        persist_state="session",
        help="Weak noise leaves only texture to be found out, strong noise everything.",
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
    st.markdown(f"**{class_name(key)}**, always from the same noise, after so many steps")
    grown = record.growth_of(key)[:, :GROWTH_TILES]
    with st.container(horizontal=True, gap="xsmall", key="growth"):
        for check, tiles in zip(record.checks, grown, strict=True):
            with st.container(width=GROWTH_TILE_PX, gap="xsmall"):
                st.image(contact_sheet(tiles, columns=1, gap_px=3, gap_level=175), width=GROWTH_TILE_PX)
                st.caption(f"{check['step']:,}" if check["step"] else "Before")


_EXPLAINED = """
- **Error of denoising**: at each check, of the same training and held-out tiles with the same noise. Where the held-out
  curve turns up while the other falls, the network begins to know its tiles by heart; that may show at one level of
  noise first. Batches are noised otherwise, so only how they fall can be compared.
- **KID**: how far new images lie from held-out tiles, with its 95 % interval; 0 is alike. The checkpoint with the
  smallest KID is kept.
- **CT Z**: below −2 the images lie closer to the training tiles than held-out tiles do. Where some of them are also
  like one single training tile, twice in a row, the training ends: it copies.
"""
