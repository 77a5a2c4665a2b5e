"""Embeddings of boxes in a frame: the shipped classifier's layers, or a ViT from a local folder; with box figures."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.frames.candidates import FIGURES
from svp_core.frames.particle_set import crop
from svp_core.frames.proposals import Boxes
from svp_core.images import to_grey

SHIPPED = "resnet18"
VIT_BATCH = 16

Embed = Callable[[NDArray[np.uint8], Boxes], NDArray[np.float32]]  # (frame, boxes (N, 4)) -> (N, D)


def open_embedding(name: str, classifier: Any | None = None) -> tuple[Embed, int]:
    """(function, width D) of an embedding. name: of a classifier, or the path of a folder with a DINOv3 ViT.

    classifier: the loaded one of this name. Raises LabError where it cannot be used.
    """
    if classifier is None:
        return _open_vit(name)
    from svp_core.frames.classifier_embedding import ClassifierEmbedding

    embed = ClassifierEmbedding(classifier)
    return embed, embed(np.zeros((64, 64), np.uint8), np.array([[0, 0, 64, 64]], np.int32)).shape[1]


def with_figures(embedding: NDArray[np.float32], figures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features as the heads take them: (N, D + FIGURES)."""
    assert figures.shape[1] == FIGURES
    return np.concatenate([embedding, figures], 1).astype(np.float32)


@lru_cache(maxsize=1)
def _open_vit(folder: str) -> tuple[Embed, int]:
    """A DINOv3 ViT from a folder with config.json, model.safetensors and preprocessor_config.json; never a download."""
    if not (Path(folder) / "config.json").is_file():
        raise LabError(f"{folder[:200]} is not a folder with config.json and model.safetensors of a DINOv3 model.")
    if not (Path(folder) / "model.safetensors").is_file():
        raise LabError(f"{folder[:200]} lacks model.safetensors; other formats of weights are not opened.")
    try:
        from transformers import AutoImageProcessor, AutoModel  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise LabError(
            "A ViT as the embedding needs the package transformers, which is not installed: pip install transformers. "
            "Without it, use the shipped ResNet-18."
        ) from None
    import torch

    try:
        options = {"local_files_only": True, "trust_remote_code": False}
        model = AutoModel.from_pretrained(folder, use_safetensors=True, **options).eval()
        processor = AutoImageProcessor.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:200]
        raise LabError(f"The model in {folder[:200]} cannot be loaded ({reason}).") from None

    @torch.inference_mode()
    def embed(frame: NDArray[np.uint8], boxes: Boxes) -> NDArray[np.float32]:
        vectors = [np.zeros((0, model.config.hidden_size), np.float32)]
        crops = [np.repeat(to_grey(crop(frame, box))[..., None], 3, axis=2) for box in boxes.tolist()]
        for start in range(0, len(crops), VIT_BATCH):
            inputs = processor(images=crops[start : start + VIT_BATCH], return_tensors="pt")
            vectors.append(model(**inputs).pooler_output.float().numpy())
        return np.concatenate(vectors)

    return embed, int(model.config.hidden_size)
