"""Boxes in and out: downloads for other tools, files of true boxes, and how the boxes agree with them."""

from collections.abc import Mapping

import streamlit as st

from pages.ui.shared.person_form import deciding_person
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.display import class_name, count_noun
from svp_core.frames.box_import import Imported
from svp_core.frames.evaluation import DetectionFigures, Figure
from svp_core.particle_classes import CLASSES
from svp_core.tasks.box_exchange import (
    FORMATS,
    LEFT_OUT,
    compare_with_truth,
    export_boxes,
    read_files,
    read_truth,
    replace_boxes,
    save_truth,
    settle_unknown,
)
from svp_core.tasks.located import LocatedFrames
from svp_core.workspace.box_decisions import MAX_REVIEWER

PAGE = "frames"
IMPORT_TYPES = ["json", "txt", "yaml", "yml", "names", "zip"]
KEEP_NAME, LEAVE_OUT = "keep its name", "leave out"
SHOWN_FAULTS = 12


def show_exchange(located: LocatedFrames) -> None:
    """Comparison with true boxes, import, export."""
    _show_comparison(located)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Import boxes**: COCO (.json) or YOLO (.txt per image, with data.yaml or obj.names), also as zip")
        _show_import(located)
    with right:
        st.markdown("**Export boxes**, as they stand after corrections")
        for name, suffix in FORMATS.items():
            st.download_button(
                name,
                lambda name=name: export_boxes(located, name),
                f"{located.facts['title']} {name}{suffix}",
                key=f"frames_export_{name}",
            )
        st.caption("CVAT imports YOLO and COCO. Label Studio gets the boxes as predictions.")


def _show_comparison(located: LocatedFrames) -> None:
    truth, meta = read_truth(located)
    if not truth:
        return
    figures = compare_with_truth(located)
    columns = st.columns(3)
    for column, (title, figure) in zip(columns, _named(figures).items(), strict=True):
        interval = f"95 % {figure.low:.3f} to {figure.high:.3f}"
        column.metric(title, f"{figure.value:.3f}", interval, delta_color="off", delta_arrow="off")
    by = f" by {meta['by']}" if meta["by"] else ""
    st.caption(
        escape_markdown(
            f"{figures.true_boxes:,} true boxes from {meta['source']}{by}, "
            f"{format_timestamp(meta['at'])}; {count_noun(figures.frames, 'frame')}; intervals by resampling frames. "
            "True boxes are dashed in the tab Boxes, with their overlap."
        )
    )


def _named(figures: DetectionFigures) -> dict[str, Figure]:
    return {"Recall at IoU 0.5": figures.recall, "Precision": figures.precision, "AP50": figures.ap}


def _show_import(located: LocatedFrames) -> None:
    files = st.file_uploader(
        "Files", IMPORT_TYPES, accept_multiple_files=True, key="frames_import", label_visibility="collapsed"
    )
    if not files:
        return
    imported = read_files(located, {file.name: file.getvalue() for file in files})
    for fault in imported.faults[:SHOWN_FAULTS]:
        st.warning(escape_markdown(fault))
    if (more := len(imported.faults) - SHOWN_FAULTS) > 0:
        st.caption(f"and {more:,} more")
    answers = _ask_unknown(imported)
    imported = settle_unknown(imported, answers)
    count = sum(map(len, imported.boxes.values()))
    st.caption(escape_markdown(f"{imported.source}: {count:,} boxes in {count_noun(len(imported.boxes), 'frame')}."))
    reviewer, source = deciding_person(PAGE, MAX_REVIEWER), ", ".join(file.name for file in files)[:200]
    with st.container(horizontal=True, gap="small"):
        if st.button("Compare with these", key="frames_truth", type="primary"):
            save_truth(located, imported.boxes, source=source, reviewer=reviewer)
            st.rerun()
        if st.button(
            "Replace the boxes by these",
            key="frames_replace",
            disabled=not reviewer,
            help=None if reviewer else "Enter your name in the tab Boxes first: every change is kept with its author.",
        ):
            changes = replace_boxes(located, imported.boxes, reviewer=reviewer)
            st.toast(f"{changes:,} changes written.")


def _ask_unknown(imported: Imported) -> Mapping[str, str | None]:
    """Class of every unknown one, as chosen."""
    options: dict[str, str | None] = {KEEP_NAME: "", LEAVE_OUT: LEFT_OUT}
    options |= {class_name(one.key): one.key for one in CLASSES}
    answers: dict[str, str | None] = {}
    for name, count in imported.unknown.items():
        label = escape_markdown(f"Class {name[:80]!r} ({count:,} boxes) is not known here")
        choice = st.selectbox(label, list(options), key=f"frames_class_{name}")
        answers[name] = name if choice == KEEP_NAME else options[choice]
    return answers
