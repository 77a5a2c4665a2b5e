"""Embedding of boxes by a classifier; it goes along to where it is called."""

import numpy as np
from numpy.typing import NDArray

from svp_core.device import Travelling
from svp_core.embedding.features import layered_features
from svp_core.frames.particle_set import crop
from svp_core.frames.proposals import Boxes
from svp_core.images import to_tile


class ClassifierEmbedding(Travelling):
    """Features of the crops of boxes, from all depths of the classifier that it holds."""

    def __call__(self, frame: NDArray[np.uint8], boxes: Boxes) -> NDArray[np.float32]:
        """layered_features (N, D) of the boxes (N, 4) of a frame (H, W) or (H, W, 3)."""
        tiles = np.array([to_tile(crop(frame, box)) for box in boxes.tolist()], np.uint8).reshape(-1, 64, 64)
        return layered_features(self.model, tiles)
