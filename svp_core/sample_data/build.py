"""Build the shipped sample data again, all of it; the same code gives the same files."""

from pathlib import Path

from svp_core.progress import Progress
from svp_core.sample_data import flowcam_run, frames, tiles

_SAID = {"tiles": "labelled tiles", "run": "particles of the sample run", "frames": "particles in frames"}


def build(folder):
    """Yield Progress after each particle; writes tiles, labelled example folder, FlowCam-style run and frames.

    What else lies in the folder stays as it is.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    total = 3 * tiles.PER_CLASS + flowcam_run.COUNT + sum(frames.COUNTS)
    step = 0
    for part in (tiles.write_tiles, flowcam_run.write_run, frames.write_frames):
        for name in part(folder):
            step += 1
            yield Progress(step, total, _SAID[name])
