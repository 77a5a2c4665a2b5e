"""Feature table: one row per particle with its names, measures and the classifier's vector."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classifier.resnet import Classifier
from svp_core.device import Travelling
from svp_core.embedding.features import classifier_features
from svp_core.execution import WorkItem, executor
from svp_core.files import atomic_write
from svp_core.morphology import MEASURES, measure
from svp_core.progress import Progress

_BATCH = 256  # particles between two steps


class FeaturesOf(Travelling):
    """Measures and feature vectors of some tiles, by the classifier that it holds."""

    def __call__(self, tiles: NDArray[np.uint8]) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
        """(measures per tile in px and grey levels, classifier_features float32 (n, D))."""
        tiles = np.array(tiles)
        return [measure(tile) for tile in tiles], classifier_features(self.model, tiles)


def feature_table(
    classifier: Classifier,
    tiles: NDArray[np.uint8],
    columns: Mapping[str, Sequence[object]],
    *,
    engine: str | None = None,
) -> Generator[Progress, None, pd.DataFrame]:
    """One row per tile: `columns`, then the measures in px and grey levels, then f0000, f0001, ...; yields Progress.

    tiles: uint8 (N, 64, 64). The features are those of the classifier's last layer, see classifier_features. engine: of
    execution.ENGINES; all give the same table.
    """
    measured, features = [], []
    items = (
        WorkItem(batch, batch.nbytes)
        for start in range(0, len(tiles), _BATCH)
        if len(batch := np.ascontiguousarray(tiles[start : start + _BATCH]))
    )
    with closing(executor(engine).map_ordered(FeaturesOf(classifier), items, workers=0)) as results:
        for _, (measures_of_batch, features_of_batch) in results:
            measured += measures_of_batch
            features.append(features_of_batch)
            yield Progress(len(measured), len(tiles), "Computing features")
    names = [name for name in MEASURES if not name.endswith(("_um", "_um2"))]
    measures = pd.DataFrame(measured, columns=names)
    values = np.concatenate(features) if features else np.zeros((0, 0), np.float32)
    vector = pd.DataFrame(values, columns=[f"f{number:04d}" for number in range(values.shape[1])])
    return pd.concat([pd.DataFrame(dict(columns)), measures, vector], axis=1)


def write_feature_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as .parquet or .csv, by the file's suffix."""
    if path.suffix.lower() == ".parquet":
        atomic_write(path, lambda temporary: table.to_parquet(temporary, index=False))
    else:
        atomic_write(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))
