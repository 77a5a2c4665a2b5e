"""What an autoencoder filter makes of the particles of a sample: their reconstructions, residuals and p-values."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.progress import Progress
from svp_core.tile_file import append_tiles, read_tiles

REBUILT_TILES = "rebuilt.npy"  # in the folder of a job: reconstructions, uint8 (N, 64, 64)
_BATCH = 256


def rebuild_tiles(model: Path, results: ClassificationResults) -> Generator[Progress, None, NDArray[np.float64]]:
    """(score, p-value) of each particle by the filter of this model folder, (N, 2); yields Progress.

    Writes REBUILT_TILES into the folder of the results.
    """
    from svp_core.novelty.filter_file import load_filter

    trained, named = load_filter(model), results.probs.argmax(1)
    tiles = read_tiles(results.folder / "tiles.npy")
    append_tiles(results.folder / REBUILT_TILES, np.zeros((0, 64, 64), np.uint8), after=0)
    scores = []
    for start in range(0, len(named), _BATCH):
        part = np.asarray(tiles[start : min(start + _BATCH, len(named))])
        append_tiles(results.folder / REBUILT_TILES, trained.rebuild(part), after=start)
        scores.append(trained.score(part))
        yield Progress(start + len(part), len(named), "Reconstructing the particles")
    values = np.concatenate(scores) if scores else np.zeros(0)
    return np.stack([values, trained.p_values(values, named)], axis=1)
