"""What a page shows before all frames are searched: what the source holds, and one frame with the particles found."""

from dataclasses import dataclass
from pathlib import Path

from svp_core.frames.proposals import Located
from svp_core.frames.reading import Frame, open_frames
from svp_core.tasks.frame_background import open_background
from svp_core.tasks.frame_search import locate_in_frame
from svp_core.tasks.locate import LocateRequest


@dataclass(frozen=True)
class FramesSummary:
    """A FrameSource without its frames."""

    count: int
    um_per_px: float | None  # where the files state it
    has_calibration: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class FramePreview:
    """One frame of a source and the particles in it."""

    frame: Frame
    located: Located | None  # None where the frame cannot be read
    um_per_px: float | None


def read_frames_summary(path: str | Path) -> FramesSummary:
    """FramesSummary of a source. Raises LabError where there are no frames."""
    with open_frames(path) as source:
        return FramesSummary(source.count, source.um_per_px, source.calibration is not None, source.notes)


def locate_preview(request: LocateRequest, index: int) -> FramePreview:
    """FramePreview of the frame with this index; touching particles stay joined. Raises LabError."""
    with open_frames(request.source) as source:
        frame = next(iter(source.iter_frames(index)), None)
        if frame is None:
            frame = Frame(index, f"Frame {index + 1}", None, "the source ends before it")
        um_per_px = request.um_per_px or source.um_per_px
        if frame.pixels is None:
            return FramePreview(frame, None, um_per_px)
        located = locate_in_frame(request, um_per_px, frame, open_background(request, source))
        return FramePreview(frame, located, um_per_px)
