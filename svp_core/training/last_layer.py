"""A classifier whose last layer is learnt anew: other classes or better labels, in seconds, without a GPU."""

import copy
from dataclasses import asdict, replace

import numpy as np
import torch

from svp_core.classifier.resnet import Classifier
from svp_core.model_files import save_model

STRENGTH = 0.01  # of the fit, the inverse of its penalty; the least is best where labels are wrong
_STEPS = 300


def fit_last_layer(classifier, features, labels, *, class_keys, um_per_px=()):
    """The Classifier that sees as this one does and names these classes; in the run folder of the old one.

    features: float (N, D), as classifier_features gives them; labels: int (N,), positions in class_keys, at least one
    of each. Logistic regression on standardised features; its standardisation goes into the layer's weights. um_per_px:
    range of pixel sizes of these tiles, () where nobody knows.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    middle, spread = features.mean(0), features.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    with threadpool_limits(1):
        found = LogisticRegression(C=STRENGTH, max_iter=_STEPS).fit((features - middle) / spread, labels)
    # Of two classes it fits one regression, for the second class.
    weights = found.coef_ if len(class_keys) > 2 else np.concatenate([-found.coef_, found.coef_]) / 2
    offsets = found.intercept_ if len(class_keys) > 2 else np.concatenate([-found.intercept_, found.intercept_]) / 2
    model = copy.deepcopy(classifier.model)
    layer = torch.nn.Linear(features.shape[1], len(class_keys))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights / spread))
        layer.bias.copy_(torch.from_numpy(offsets - (weights * middle / spread).sum(1)))
    model.fc = layer.to(classifier.device)
    config = replace(classifier.config, class_keys=tuple(class_keys), temperature=1.0, um_per_px=tuple(um_per_px))
    return Classifier(model.eval(), config, classifier.folder, classifier.device)


def layer_probs(classifier, features):
    """What the last layer says of features that are known already: float32 (N, K), rows sum to 1."""
    with torch.inference_mode():
        seen = torch.from_numpy(np.asarray(features, np.float32)).to(classifier.device)
        return (classifier.model.fc(seen) / classifier.config.temperature).softmax(1).cpu().numpy()


def save_last_layer(classifier, folder, *, counts, note):
    """Write the whole network as a run folder. counts: class key -> tiles it learnt from; note: what they are."""
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in classifier.model.state_dict().items()}
    trained = "\n".join(f"- {key}: {count:,} tiles" for key, count in counts.items())
    card = f"# Classifier\n\n{note}\n\nOnly the last layer was learnt; the rest is {classifier.folder.name}.\n\n"
    save_model(
        folder,
        config={"classifier": asdict(classifier.config), "trained_on": counts, "note": note},
        tensors=tensors,
        card=f"{card}Learnt from\n{trained}\n",
        history=[],
    )
