"""A finished location: numbers, the frames with their boxes to correct, where they go next."""

from pathlib import Path

import streamlit as st

from pages.ui.frames.corrected_set import offer_corrected
from pages.ui.frames.correcting import show_correcting
from pages.ui.frames.exchange import show_exchange
from pages.ui.frames.scores import show_scores
from pages.ui.shared.text import escape_markdown
from svp_core.display import count_noun
from svp_core.errors import LabError
from svp_core.instruments.metadata import format_volume
from svp_core.tasks.locate import FOUND
from svp_core.tasks.located import LocatedFrames, open_located
from svp_core.workspace.jobs import Job


def heading(job: Job) -> str:
    """What was located, in Markdown."""
    return f"Particles in {escape_markdown(Path(job.config['source']).name)}"


def show(job: Job) -> None:
    """Everything of a finished location."""
    located = open_located(job)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        offer_corrected(located)
        table = (located.folder / FOUND / "boxes.csv").read_bytes()
        st.download_button("boxes.csv", table, f"{located.facts['title']} boxes.csv", "text/csv", key="frames_table")
    st.caption(escape_markdown(_numbers(located)))
    views = {
        "Boxes": show_correcting,
        "Import and export": show_exchange,
        "Scores": show_scores,
        "Frames": _show_frames,
    }
    # Not bound to the address: Streamlit then refuses to open another page.
    tabs = st.tabs(list(views), key="frames_part", on_change="rerun")
    for tab, show_part in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    show_part(located)
                except LabError as error:
                    st.error(escape_markdown(error))


def _numbers(located: LocatedFrames) -> str:
    facts, frames = located.facts, located.frames
    read = frames[frames["reason"] == ""]
    cut = sum(map(int, read["cut"]))
    text = (
        f"{count_noun(facts['particles'], 'particle')} in {count_noun(len(read), 'frame')}, {cut:,} cut by the border"
    )
    if len(read) < len(frames):
        text += f"; {count_noun(len(frames) - len(read), 'frame')} could not be read"
    volume = facts.get("volume_ml")
    text += (
        f". Volume {format_volume(volume)} ({facts['volume_from']})"
        if volume
        else ". Volume unknown without the depth of a frame: counts only"
    )
    scale = facts.get("um_per_px")
    return text + (f"; {scale:.4g} µm per pixel." if scale else "; pixel size unknown: sizes in pixels.")


def _show_frames(located: LocatedFrames) -> None:
    st.dataframe(
        located.frames.drop(columns="index"),
        hide_index=True,
        key="frames_list",
        column_config={
            "frame": "Frame",
            "width": "Width (px)",
            "height": "Height (px)",
            "particles": "Particles",
            "cut": "Cut by the border",
            "reason": "Not searched, because",
        },
    )
