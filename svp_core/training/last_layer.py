"""Refit a classifier's last layer: for other classes or corrected labels, in seconds, without a GPU."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from svp_core.classifier.resnet import Classifier, LastLayer, config_as_dict
from svp_core.model_files import save_model

C = 0.01  # inverse strength of the L2 penalty; a strong penalty is best where labels are wrong
MAX_ITERATIONS = 300


def fit_last_layer(
    classifier: Classifier,
    features: NDArray[np.floating],  # (N, D), as classifier_features gives them
    labels: NDArray[np.integer],  # (N,), indices into class_keys, at least one of each
    *,
    class_keys: Sequence[str],
    um_per_px: Sequence[float] = (),  # range of pixel sizes of these tiles; () where unknown
    strength: float = C,  # inverse strength of the L2 penalty
) -> Classifier:
    """A classifier of these classes with the layers of this one and a new last layer; folder as in the old one.

    Logistic regression on standardised features; the standardisation is folded into the layer's weights.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean, std = features.mean(0), features.std(0)
    std = np.where(std > 1e-6, std, 1.0)
    with threadpool_limits(1):
        fit = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS).fit((features - mean) / std, labels)
    weights, biases = fit.coef_, fit.intercept_
    if len(class_keys) == 2:  # one regression, for the second class
        weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    model: Any = copy.deepcopy(classifier.model)
    layer = LastLayer(features.shape[1], len(class_keys))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights / std))
        layer.bias.copy_(torch.from_numpy(biases - (weights * mean / std).sum(1)))
    model.fc = layer.to(classifier.device)
    config = replace(classifier.config, class_keys=tuple(class_keys), temperature=1.0, um_per_px=tuple(um_per_px))
    return Classifier(model.eval(), config, classifier.folder, classifier.device)


def layer_probs(classifier: Classifier, features: ArrayLike) -> NDArray[np.float32]:
    """Predicted probabilities from features (N, D) of the layers before the last: (N, K), rows sum to 1."""
    model: Any = classifier.model
    with torch.inference_mode():
        inputs = torch.from_numpy(np.asarray(features, np.float32)).to(classifier.device)
        return (model.fc(inputs) / classifier.config.temperature).softmax(1).cpu().numpy()


def save_last_layer(classifier: Classifier, folder: str | Path, *, counts: Mapping[str, int], note: str) -> None:
    """Write the whole network as a model folder. counts: class key -> tiles it was fitted on; note: what they are."""
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in classifier.model.state_dict().items()}
    trained_on = "\n".join(f"- {key}: {count:,} tiles" for key, count in counts.items())
    base = classifier.folder.name if classifier.folder else "an unsaved network"
    card = f"# Classifier\n\n{note}\n\nOnly the last layer was trained; the other layers are those of {base}.\n\n"
    save_model(
        folder,
        config={**config_as_dict(classifier.config), "trained_on": dict(counts), "note": note},
        tensors=tensors,
        card=f"{card}Trained on\n{trained_on}\n",
        history=[],
    )
