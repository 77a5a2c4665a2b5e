"""Features -> fewer numbers that say the same: what every look at the likeness of particles is taken in.

Knows no label, so that no wrong one can hide in it.
"""

from dataclasses import dataclass

import numpy as np

DIMENSIONS = 256  # enough: with 512 no more errors are found, and everything costs twice as much
_EXACT = 2048  # columns; of more the axes are found by sampling


@dataclass(frozen=True)
class PcaSpace:
    """Where features are placed."""

    middle: np.ndarray  # float32 (D,)
    axes: np.ndarray  # float32 (D, d)

    def of(self, features):
        """Places of these features, float32 (N, d): most telling direction first, variances adding up to about 1."""
        return (np.asarray(features, np.float32) - self.middle) @ self.axes


def fit_pca(features, *, seed=0):
    """The Space in which these features, float (N, D), vary most: principal components of the standardised columns.

    At most 256 directions. Some thousands of rows, drawn at random from all, are enough. Features that are not finite
    raise ValueError.
    """
    from sklearn.decomposition import PCA

    features = np.asarray(features, np.float32)
    if not np.isfinite(features).all():
        raise ValueError("features hold numbers that are not finite; leave those images out")
    n, columns = features.shape
    middle, spread = features.mean(0), features.std(0)
    # A column that does not vary says nothing, however its last bit wavers.
    varies = spread > 1e-5 * np.maximum(np.abs(middle), 1e-3)
    if n < 2 or not varies.any():
        return PcaSpace(middle, np.zeros((columns, 1), np.float32))
    scale = np.zeros(columns, np.float32)
    scale[varies] = 1 / spread[varies]
    solver = "covariance_eigh" if columns <= _EXACT else "randomized"
    count = min(DIMENSIONS, n - 1, columns)
    found = PCA(count, svd_solver=solver, random_state=seed).fit((features - middle) * scale)
    telling = found.explained_variance_ > 1e-6 * found.explained_variance_[0]
    axes = found.components_[telling].T * scale[:, None] / np.sqrt(varies.sum())
    return PcaSpace(middle, axes.astype(np.float32))
