"""Score the candidate boxes of a frame with trained heads, and split what the threshold rule has joined."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.frames.box_embedding import SHIPPED, Embed, open_embedding, with_figures
from svp_core.frames.candidates import Candidates, find_candidates
from svp_core.frames.proposals import Boxes, relative_difference
from svp_core.images import to_grey


@dataclass(frozen=True, eq=False)
class ScoredFrame:
    """Candidates of one frame with what the heads say of each."""

    boxes: Boxes  # (N, 4)
    scores: NDArray[np.float32]  # (N,), 0..1, higher is surer; so are the next two
    probabilities: NDArray[np.float32]  # of being a particle
    overlaps: NDArray[np.float32]  # predicted IoU with the true box


class Featurise:
    """Candidates of a frame with their features."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def __call__(
        self, pixels: NDArray[np.uint8], background: NDArray[np.float32], rule_boxes: Boxes
    ) -> tuple[Candidates, NDArray[np.float32]]:
        """(candidates, features (N, D)) of a frame (H, W) or (H, W, 3), its background (H, W), boxes of the rule."""
        candidates = find_candidates(relative_difference(to_grey(pixels), background), rule_boxes)
        return candidates, with_figures(self._embed(pixels, candidates.boxes), candidates.figures)


def open_features(embedding: str) -> tuple[Featurise, int]:
    """(function of a frame, width D of its features) of an embedding by its name.

    embedding: name of a classifier, or the path of a folder with a DINOv3 ViT.
    """
    embed, width = _open_embedding(embedding)
    return Featurise(embed), width


class BoxScorer:
    """Trained heads with their embedding."""

    def __init__(self, folder: Path) -> None:
        from svp_core.frames.heads import load_heads

        self._heads, config = load_heads(folder)
        self._featurise, _ = open_features(config.embedding)

    def score(self, pixels: NDArray[np.uint8], background: NDArray[np.float32], rule_boxes: Boxes) -> ScoredFrame:
        """All candidates of a frame with their scores."""
        from svp_core.frames.heads import score_boxes

        candidates, features = self._featurise(pixels, background, rule_boxes)
        return ScoredFrame(candidates.boxes, *score_boxes(self._heads, features))

    def split(
        self, pixels: NDArray[np.uint8], background: NDArray[np.float32], rule_boxes: Boxes
    ) -> tuple[Boxes, NDArray[np.float32]]:
        """(boxes, scores): the rule's boxes, those of touching particles replaced by their parts."""
        from svp_core.frames.heads import split_touching

        scored = self.score(pixels, background, rule_boxes)
        return split_touching(rule_boxes, scored.boxes, scored.scores)


@lru_cache(maxsize=2)
def open_scorer(name_or_path: str) -> BoxScorer:
    """The scorer of a model of this name, or of a model folder. Raises LabError where there is none."""
    from svp_core.workspace.models import find_model

    return BoxScorer(find_model(name_or_path))


def list_heads() -> list[str]:
    """Names of the trained heads of this workspace."""
    from svp_core.workspace.models import list_models

    return [model.name for model in list_models("box_heads")]


@lru_cache(maxsize=2)
def _open_embedding(name: str) -> Any:
    from svp_core.classifier.resnet import load_classifier
    from svp_core.workspace.models import find_model

    if Path(name).is_absolute():
        return open_embedding(name)
    try:
        return open_embedding(name, load_classifier(find_model(name)))
    except LabError as error:
        raise LabError(f"The embedding {name[:80]!r} cannot be used: {error}") from None


__all__ = ["SHIPPED", "BoxScorer", "ScoredFrame", "list_heads", "open_features", "open_scorer"]
