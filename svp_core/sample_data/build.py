"""Build the shipped sample data again, all of it; the same code gives the same files."""

import itertools
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
    total = 3 * tiles.PER_CLASS + flowcam_run.PARTICLE_COUNT + sum(frames.COUNTS)
    parts = (
        tiles.write_tiles(folder, per_class=tiles.PER_CLASS),
        flowcam_run.write_run(folder, count=flowcam_run.PARTICLE_COUNT),
        frames.write_frames(folder, counts=frames.COUNTS),
    )
    for step, name in enumerate(itertools.chain(*parts), 1):
        yield Progress(step, total, _SAID[name])
