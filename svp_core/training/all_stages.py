"""Fit a last layer that sees all stages of a trained network, for new kinds and forms of particles.

The other layers stay as they are. On simulated instruments that nothing was trained on, this gave as much as training
all layers on the same tiles, and lost less on images of another origin.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from svp_core.classifier.resnet import Classifier, with_new_last_layer
from svp_core.classifier.training_loop import fit_temperature
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.embedding.features import embed_tiles
from svp_core.progress import Progress
from svp_core.training.last_layer import fit_last_layer, layer_probs

C = 0.003  # inverse strength of the L2 penalty, for some ten thousand tiles
KEPT = 0.2  # share of the layer before: weights between both are more robust (Wortsman et al. 2022, arXiv 2109.01903)


def fit_all_stages(
    classifier: Classifier, data: LabelledTiles, *, validation: LabelledTiles
) -> Generator[Progress, None, Classifier]:
    """The classifier with such a layer; yields Progress.

    data: tiles of the classifier's classes, in its order, to fit on; each is used upright and turned by 90 degrees,
    since a particle has no upright. validation: tiles of the same classes that fit the temperature, ideally of other
    instruments.
    """
    network = with_new_last_layer(classifier, len(data.class_keys), all_stages=True)
    base = Classifier(network, replace(classifier.config, all_stages=True), classifier.folder, classifier.device)
    features = []
    for tiles in (data.tiles, np.rot90(data.tiles, axes=(1, 2))):
        features.append((yield from embed_tiles(base, tiles)))
    fitted = fit_last_layer(
        base,
        np.concatenate(features),
        np.tile(data.labels, 2),
        class_keys=data.class_keys,
        um_per_px=classifier.config.um_per_px,
        strength=C,
    )
    keep_share(fitted, classifier, KEPT)
    probs = layer_probs(fitted, (yield from embed_tiles(base, validation.tiles)))
    temperature = fit_temperature(torch.from_numpy(np.log(probs)), validation.labels)
    config = replace(fitted.config, temperature=temperature)
    return Classifier(fitted.model, config, classifier.folder, classifier.device)


@torch.inference_mode()
def keep_share(fitted: Classifier, before: Classifier, kept: float) -> None:
    """Move the fitted layer this share of the way back to the layer before, in place.

    The layer before may see the last stage alone.
    """
    new: Any = fitted.model.get_submodule("fc")
    old: Any = before.model.get_submodule("fc")
    share = kept / before.config.temperature
    for parameter, own in ((new.weight, old.weight), (new.bias, old.bias)):
        parameter.mul_(1 - kept)
        parameter[..., : own.shape[-1]] += share * own
