"""Model folder of an autoencoder filter: config.json with "novelty_filter", weights with its calibration scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from svp_core.errors import LabError
from svp_core.model_files import (
    as_stored,
    load_weights,
    read_model_folder,
    read_tensors,
    save_model,
    stored_config,
)
from svp_core.novelty.autoencoder import Autoencoder, AutoencoderConfig
from svp_core.novelty.reconstruction import ReconstructionFilter

KIND = "novelty_filter"  # key of config.json
_PART = "calibration"  # of the tensors


def save_filter(folder: str | Path, trained: ReconstructionFilter, *, config: Mapping[str, Any], card: str) -> None:
    """Write a filter as a model folder. config: further keys of config.json."""
    calibration = {
        f"{_PART}/scores": torch.from_numpy(trained.scores),
        f"{_PART}/named": torch.from_numpy(np.asarray(trained.named, np.int64)),
    }
    save_model(
        folder,
        config={KIND: as_stored(trained.config), **config},
        tensors={**trained.network.state_dict(), **calibration},
        card=card,
        history=trained.history,
    )


def load_filter(folder: str | Path) -> ReconstructionFilter:
    """The filter of a model folder. Raises LabError where it is none, or damaged."""
    model = read_model_folder(folder)
    config = stored_config(model, KIND, AutoencoderConfig)
    network, calibration = load_weights(Autoencoder(config), folder), read_tensors(folder, part=_PART)
    if set(calibration) != {"scores", "named"}:
        raise LabError(f"{model.name} lacks its calibration; train it again.")
    scores, named = calibration["scores"].numpy(), calibration["named"].numpy()
    return ReconstructionFilter(network, config, scores.astype(np.float32), named.astype(int))
