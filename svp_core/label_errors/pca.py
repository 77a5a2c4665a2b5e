"""Principal components of image features: the space in which similarity is measured.

It uses no labels, so no wrong label can hide in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_COMPONENTS = 256  # 512 find no more label errors and double every later cost
_EXACT_COLUMNS = 2048  # with more columns the axes are found by randomised SVD


@dataclass(frozen=True)
class PcaSpace:
    """A fitted projection."""

    mean: NDArray[np.float32]  # (D,)
    axes: NDArray[np.float32]  # (D, d)

    def transform(self, features: ArrayLike) -> NDArray[np.float32]:
        """Coordinates of features (N, D), float32 (N, d): largest variance first, variances sum to about 1."""
        return ((np.asarray(features, np.float32) - self.mean) @ self.axes).astype(np.float32, copy=False)


def fit_pca(features: ArrayLike, *, seed: int = 0) -> PcaSpace:
    """PcaSpace of features, float (N, D): principal components of the standardised columns, at most 256.

    A random sample of some thousand rows is enough. Raises ValueError for features that are not finite.
    """
    from sklearn.decomposition import PCA

    features = np.asarray(features, np.float32)
    if not np.isfinite(features).all():
        raise ValueError("features contain NaN or infinite values; leave those images out")
    n, columns = features.shape
    mean, deviation = features.mean(0), features.std(0)
    # A constant column carries no information, even if rounding makes its last bit vary.
    varies = deviation > 1e-5 * np.maximum(np.abs(mean), 1e-3)
    if n < 2 or not varies.any():
        return PcaSpace(mean, np.zeros((columns, 1), np.float32))
    scale = np.zeros(columns, np.float32)
    scale[varies] = 1 / deviation[varies]
    solver = "covariance_eigh" if columns <= _EXACT_COLUMNS else "randomized"
    count = min(MAX_COMPONENTS, n - 1, columns)
    pca = PCA(count, svd_solver=solver, random_state=seed)
    pca.fit((features - mean) * scale)
    variances, components = np.asarray(pca.explained_variance_), np.asarray(pca.components_)
    axes = components[variances > 1e-6 * variances[0]].T * scale[:, None] / np.sqrt(varies.sum())
    return PcaSpace(mean, axes.astype(np.float32))
