"""Feature table: one row per particle with its names, measures and the classifier's vector."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classifier.resnet import Classifier
from svp_core.embedding.features import classifier_features
from svp_core.files import atomic_write
from svp_core.morphology import MEASURES, measure
from svp_core.progress import Progress

_BATCH = 256  # particles between two steps


def feature_table(
    classifier: Classifier, tiles: NDArray[np.uint8], columns: Mapping[str, Sequence[object]]
) -> Generator[Progress, None, pd.DataFrame]:
    """One row per tile: `columns`, then the measures in px and grey levels, then f0000, f0001, ...; yields Progress.

    tiles: uint8 (N, 64, 64). The features are those of the classifier's last layer, see classifier_features.
    """
    measured, features = [], []
    for start in range(0, len(tiles), _BATCH):
        batch = np.ascontiguousarray(tiles[start : start + _BATCH])
        measured += [measure(tile) for tile in batch]
        features.append(classifier_features(classifier, batch))
        yield Progress(start + len(batch), len(tiles), "Computing features")
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
