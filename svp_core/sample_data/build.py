"""Rebuild all shipped sample data; the same code gives the same files."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from svp_core.progress import Progress
from svp_core.sample_data import flowcam_run, frames, tiles

_MESSAGES = {"tiles": "labelled tiles", "run": "particles of the sample run", "frames": "particles in frames"}


def build(folder: Path | str) -> Iterator[Progress]:
    """Yield Progress after each particle; writes tiles, labelled example folder, FlowCam-style run and frames.

    Other files in the folder are not changed.
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
        yield Progress(step, total, _MESSAGES[name])
