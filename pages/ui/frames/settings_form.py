"""Settings of a location of particles, tried at once on one frame of the source before all frames are searched."""

from pathlib import Path

import streamlit as st

from pages.ui.components.box_editor import show_box_editor
from pages.ui.frames.frame_preview import FramePreview, FramesSummary, locate_preview, read_frames_summary
from pages.ui.shared.engine_choice import choose_engine
from pages.ui.shared.source_reading import read_apart
from pages.ui.shared.text import escape_markdown
from svp_core.display import count_noun
from svp_core.errors import LabError
from svp_core.frames.background import METHODS
from svp_core.frames.boxes import touches_border
from svp_core.frames.reading import Frame
from svp_core.instruments.metadata import format_volume
from svp_core.tasks.box_scoring import list_heads
from svp_core.tasks.frame_background import CALIBRATION, FILTER
from svp_core.tasks.locate import NEIGHBOUR_UM, THRESHOLD, LocateRequest


def show_settings(path: Path) -> LocateRequest | None:
    """Draw settings and one frame with what they find; the request once its button was pressed."""
    modified_ns = path.stat().st_mtime_ns if path.exists() else 0
    source = _summary_of(str(path), modified_ns)
    settings, preview = st.columns([2, 5], gap="medium")
    with settings:
        request = _choose(path, source)
        place = st.container()
        for note in source.notes:
            st.caption(escape_markdown(note))
    with preview:
        try:
            request.check()
            is_readable = _show_preview(request, source.count, modified_ns)
        except LabError as error:
            st.error(escape_markdown(error))
            return None
    pressed = place.button(
        f"Locate in {count_noun(source.count, 'frame')}",
        type="primary",
        key="locate_go",
        width="stretch",
        disabled=source.count == 1 and not is_readable,
    )
    return request if pressed else None


@st.cache_data(max_entries=8, ttl=120, show_spinner="Reading the frames")
def _summary_of(path: str, modified_ns: int) -> FramesSummary:
    del modified_ns  # tells apart, in the cache, versions of the source
    return read_apart(path, read_frames_summary, path)


@st.cache_resource(max_entries=4, ttl=120, show_spinner="Reading a frame")
def _preview_of(request: LocateRequest, index: int, modified_ns: int) -> FramePreview:
    del modified_ns  # as in _summary_of
    return read_apart(request.source, locate_preview, request, index)


def _choose(path: Path, source: FramesSummary) -> LocateRequest:
    stated = source.um_per_px
    um_per_px = st.number_input(
        "Pixel size (µm)",
        min_value=0.01,
        max_value=100.0,
        value=None,
        format="%.4f",
        key="locate_um_per_px",
        placeholder=f"{stated:.4g} (stated)" if stated else "unknown",
        help="As the files state it; enter another to overrule it." if stated else "Without it, sizes are in pixels.",
    )
    methods = list(METHODS) if source.has_calibration else [name for name in METHODS if name != CALIBRATION]
    if st.session_state.get("locate_background") not in methods:
        st.session_state["locate_background"] = CALIBRATION if source.has_calibration else FILTER
    background = st.selectbox(
        "Background",
        methods,
        format_func=METHODS.__getitem__,
        key="locate_background",
        help="A calibration image or the median of frames also removes dirt on the glass.",
    )
    threshold = st.number_input(
        "Threshold (% of background)", 0.5, 90.0, 100 * THRESHOLD, 0.5, format="%.1f", key="locate_threshold"
    )
    neighbour_um = st.number_input(
        "Neighbour distance (µm)",
        0.1,
        100.0,
        NEIGHBOUR_UM,
        0.5,
        format="%.1f",
        key="locate_neighbour",
        help="Parts at most this far apart are one particle, as instruments join them.",
    )
    depth_um = st.number_input(
        "Depth of a frame (µm)",
        min_value=0.1,
        max_value=100_000.0,
        value=None,
        key="locate_depth",
        placeholder="for counts per mL",
        help="Depth of the flow cell that a frame shows; with the pixel size it gives the volume.",
    )
    heads = _choose_heads()
    return LocateRequest(
        str(path),
        background,
        round(threshold / 100, 6),
        float(neighbour_um),
        um_per_px,
        depth_um,
        heads=heads,
        engine=choose_engine("locate_engine", width="stretch"),
    )


def _choose_heads() -> str | None:
    """Name of the heads that split touching particles; None: they stay joined."""
    models = list_heads()
    if not models:
        return None
    return st.selectbox(
        "Touching particles",
        [None, *models],
        format_func=lambda name: f"split by {name}" if name else "stay joined",
        key="locate_heads",
        help="Instruments join what is within the neighbour distance: split particles do not match their counts.",
    )


def _show_preview(request: LocateRequest, count: int, modified_ns: int) -> bool:
    """Draw a frame with what the settings find; returns whether it can be read."""
    number = 1
    if count > 1:
        number = st.number_input(f"Frame, 1 to {count:,}", 1, count, 1, key="locate_frame", width=200)
    preview = _preview_of(request, int(number) - 1, modified_ns)
    frame, located, um_per_px = preview.frame, preview.located, preview.um_per_px
    if frame.pixels is None or located is None:
        others = "; others may be: choose another one." if count > 1 else ". Choose other frames."
        st.warning(escape_markdown(f"This frame cannot be read: {frame.reason}{others}"))
        return False
    cut = touches_border(located.boxes, frame.pixels.shape)
    boxes = [
        {"id": f"p{k}", "box": box, "label": "", "score": None, "cut": bool(cut[k])}
        for k, box in enumerate(located.boxes.tolist())
    ]
    st.caption(escape_markdown(_summary(request, frame, len(boxes), int(cut.sum()), located.threshold, um_per_px)))
    show_box_editor(
        frame.pixels,
        boxes,
        key="locate_preview",
        record="preview",
        frame=frame.name,
        version=f"{request.source}/{frame.index}",
        alt=f"Frame {frame.name} with {len(boxes)} boxes",
    )
    return True


def _summary(
    request: LocateRequest, frame: Frame, count: int, cut: int, threshold: float, um_per_px: float | None
) -> str:
    assert frame.pixels is not None
    height, width = frame.pixels.shape[:2]
    text = f"{frame.name}: {count_noun(count, 'particle')}, {cut} cut by the border; {width} x {height} px"
    if threshold > request.threshold:
        text += f"; threshold raised to {100 * threshold:.1f} % by the noise"
    if request.depth_um and um_per_px:
        text += f"; {format_volume(height * width * um_per_px**2 * request.depth_um * 1e-12)} a frame"
    if not count:
        text += (
            ". Nothing differs from the background by the threshold; lower it, or choose another background: a median "
            "filter takes a particle that fills much of the frame for background"
        )
    return text + "."
