"""Scores of candidate boxes: best and top boxes of a frame, score map over it; training of the heads that score."""

import json
from typing import Any

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.box_editor import show_box_editor
from pages.ui.frames.correcting import read_pixels, true_overlay
from pages.ui.shared.job_status import show_progress
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import start_job
from svp_core.display import count_noun
from svp_core.frames.boxes import as_boxes, iou
from svp_core.frames.reading import grey_frame, open_frames
from svp_core.tasks.box_exchange import read_truth
from svp_core.tasks.box_scoring import ScoredFrame, list_heads, open_scorer
from svp_core.tasks.frame_background import open_background
from svp_core.tasks.frame_search import locate_in_frame
from svp_core.tasks.located import LocatedFrames, corrected_frame
from svp_core.tasks.train_heads import MIN_FRAMES, RESULT_FILE, WAYS, HeadsRequest
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job

MAX_TOP = 100
MAP_OPACITY = 0.45
EXPLAINED = (
    "Two heads, small networks, say of every candidate box whether it is a particle (p), and how well it fits (IoU: "
    "the area that the box and the true one share, over the area that they cover): score = p^0.6 · IoU^0.4."
)
TRAIN_THEM = "Train them on frames whose boxes you checked (Enter in the tab Boxes) or imported as true ones."


def show_scores(located: LocatedFrames) -> None:
    """The scores of one frame by a model, and the training of one."""
    models = list_heads()
    if not models:
        st.markdown(f"{EXPLAINED} {TRAIN_THEM}")
        _show_training(located)
        return
    st.caption(EXPLAINED)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        model = st.selectbox("Heads", models, key="scores_model", width=240)
        frame = st.selectbox("Frame", located.readable, key="scores_frame", width=280)
        top = st.number_input("Top boxes", 1, MAX_TOP, 20, key="scores_top", width=140)
        with_map = st.checkbox("Score map", key="scores_map")
    scored = _scored(located.record, frame, model, located)
    _show_frame(located, frame, scored, int(top), with_map=with_map)
    with st.expander("Train other heads"):
        st.caption(TRAIN_THEM)
        _show_training(located)


def show_trained(job: Job) -> None:
    """A training of heads: its progress, then what the heads gain on held-out frames."""
    show_progress(job)
    path = jobs.job_folder(job.id) / RESULT_FILE
    if job.state != "done" or not path.is_file():
        return
    result = json.loads(path.read_text("utf-8"))
    rows = [
        {"": WAYS[way], **{name: f"{v:.2f} ({low:.2f} to {high:.2f})" for name, (v, low, high) in figures.items()}}
        for way, figures in result["figures"].items()
    ]
    titles = {"recall": "Recall", "precision": "Precision", "ap": "AP50"}
    st.dataframe(rows, hide_index=True, key="heads_result", column_config=titles)
    st.caption(
        escape_markdown(
            f"{result['held_out']} of {count_noun(result['frames'], 'frame')} were held out for this table; 95 % "
            "intervals by resampling frames. The heads that are kept were trained on all. Few frames: wide intervals."
        )
    )


def _show_training(located: LocatedFrames) -> None:
    checked = sum(corrected_frame(located, name).is_checked for name in located.readable)
    true_frames = {name for name in located.readable if corrected_frame(located, name).is_checked} | set(
        read_truth(located)[0]
    )
    st.caption(
        escape_markdown(
            f"{count_noun(checked, 'frame')} checked, {count_noun(len(true_frames), 'frame')} with true boxes; "
            f"{MIN_FRAMES} or more are needed, 10 to 20 are good."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Name of the model", "Touching", key="heads_name", max_chars=60, width=220)
        weak = st.checkbox("One box per image", key="heads_weak", help="Weak labels: each image shows one particle.")
        folder = st.text_input(
            "Folder of a DINOv3 model (optional)", key="heads_folder", width=280, placeholder="shipped ResNet-18"
        )
        pressed = st.button("Train heads", key="heads_go", disabled=len(true_frames) < MIN_FRAMES)
    if pressed:
        start_job(HeadsRequest(name, (located.record,), weak, folder.strip() or "resnet18"))


def _show_frame(located: LocatedFrames, frame: str, scored: ScoredFrame, top: int, *, with_map: bool) -> None:
    order = np.argsort(-scored.scores, kind="stable")[:top]
    pixels = read_pixels(located, frame)
    if pixels is None:
        st.error("This frame can no longer be read.")
        return
    if with_map:
        pixels = score_map(pixels, scored)
    boxes = [
        {"id": f"c{k}", "box": scored.boxes[k].tolist(), "label": "", "score": float(scored.scores[k]), "cut": False}
        for k in order
    ]
    show_box_editor(
        pixels,
        boxes,
        key="scores_view",
        record=f"scores-{located.record}",
        frame=frame,
        version=f"{frame}/{'map' if with_map else 'plain'}/{float(scored.scores.sum()):.4f}",
        truth=true_overlay(located, frame, as_boxes([box["box"] for box in boxes])),
        alt=f"Frame {frame} with the {len(order)} best boxes",
    )
    st.dataframe(_rows(located, frame, scored, order), hide_index=True, key="scores_table")


def _rows(located: LocatedFrames, frame: str, scored: ScoredFrame, order: NDArray[np.intp]) -> list[dict[str, Any]]:
    truth = as_boxes([box.box for box in read_truth(located)[0].get(frame, ())])
    overlap = iou(scored.boxes, truth).max(1) if len(truth) else None
    rows = []
    for rank, k in enumerate(order, 1):
        top, left, bottom, right = scored.boxes[k].tolist()
        row = {"Rank": rank, "Score": round(float(scored.scores[k]), 3), "p": round(float(scored.probabilities[k]), 3)}
        row |= {"IoU, predicted": round(float(scored.overlaps[k]), 3)}
        row |= {"IoU, true": round(float(overlap[k]), 3)} if overlap is not None else {}
        rows.append(row | {"x": left, "y": top, "Width": right - left, "Height": bottom - top})
    return rows


def score_map(pixels: NDArray[np.uint8], scored: ScoredFrame) -> NDArray[np.uint8]:
    """The frame, uint8 (H, W, 3), with the largest score of the boxes at each pixel in colour over it."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    best = np.zeros(grey.shape, np.float32)
    for k in np.argsort(scored.scores, kind="stable"):
        top, left, bottom, right = scored.boxes[k]
        np.maximum(best[top:bottom, left:right], scored.scores[k], out=best[top:bottom, left:right])
    colour = cv2.applyColorMap((255 * best).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1].astype(np.float32)
    share = MAP_OPACITY * (best > 0)[..., None]
    return ((1 - share) * np.repeat(grey[..., None], 3, 2) + share * colour).round().astype(np.uint8)


@st.cache_resource(max_entries=16, show_spinner="Scoring the candidate boxes")
def _scored(record: str, frame: str, model: str, _located: LocatedFrames) -> ScoredFrame:
    del record
    with open_frames(_located.request.source, _located.request.choices) as source:
        background = open_background(_located.request, source)
        read = next(iter(source.iter_frames(_located.index(frame))))
        found = locate_in_frame(_located.request, _located.facts["um_per_px"], read, background)
        assert read.pixels is not None
        return open_scorer(model).score(read.pixels, background(grey_frame(read)), found.boxes)
