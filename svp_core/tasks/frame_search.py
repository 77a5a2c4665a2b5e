"""Search one frame for particles as a request of locate asks for it, here or on another machine."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.tasks.frame_background import Background

if TYPE_CHECKING:
    from svp_core.frames.proposals import Located
    from svp_core.frames.reading import Frame
    from svp_core.tasks.locate import LocateRequest


def locate_in_frame(
    request: "LocateRequest", um_per_px: float | None, frame: "Frame", background: Background
) -> "Located":
    """Particles of a readable frame. Raises LabError where the background does not fit."""
    from svp_core.frames.proposals import ProposalSettings, find_particles, neighbour_px
    from svp_core.frames.reading import grey_frame

    settings = ProposalSettings(request.threshold, neighbour_px(um_per_px, request.neighbour_um))
    grey = grey_frame(frame)
    return find_particles(grey, background(grey), settings)


class FrameSearch:
    """Particles of one frame after another; background and heads go along to where it is called."""

    def __init__(self, request: "LocateRequest", um_per_px: float | None, background: Background) -> None:
        """Raises LabError where the heads of the request are not there."""
        from svp_core.tasks.box_scoring import open_scorer

        self._request, self._um_per_px, self._background = request, um_per_px, background
        self._scorer = open_scorer(request.heads) if request.heads else None

    def __call__(self, frame: "Frame") -> tuple[list[dict[str, Any]], str]:
        """(rows of particle_set.box_rows, why the frame was not searched; "": it was)."""
        from svp_core.frames.particle_set import box_rows

        if frame.pixels is None:
            return [], frame.reason
        try:
            located = locate_in_frame(self._request, self._um_per_px, frame, self._background)
            if self._scorer is not None:
                boxes, scores = self._scorer.split(frame.pixels, self._background_of(frame), located.boxes)
                return box_rows(frame, boxes, scores=scores.tolist()), ""
        except LabError as error:
            return [], str(error).rstrip(".")
        return box_rows(frame, located.boxes, contrasts=located.contrasts.tolist()), ""

    def _background_of(self, frame: "Frame") -> NDArray[np.float32]:
        from svp_core.frames.reading import grey_frame

        return self._background(grey_frame(frame))
