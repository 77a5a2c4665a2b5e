"""A confusion reference of known rates."""

import numpy as np

from svp_core.stats import counts

KEYS = ("protein", "silicone_oil", "air_bubble")


CONFUSION = np.array([[0.9, 0.08, 0.02], [0.05, 0.85, 0.1], [0.0, 0.1, 0.9]])


def drawn_reference(n, rng, confusion=CONFUSION):
    """Reference of n particles per class, assigned with certainty by this confusion matrix."""
    called = [rng.choice(3, n, p=row) for row in confusion]
    probs = np.eye(3, dtype=np.float32)[np.concatenate(called)] * 0.94 + 0.02
    return counts.ConfusionReference(probs, np.repeat([0, 1, 2], n), np.full(3 * n, 12.0), KEYS, "drawn")
