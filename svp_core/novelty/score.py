"""How unlike the known particles is each one? Its distances from them in three spaces.

- Texture and outline: Mahalanobis distance to all known particles in features of a fixed network.
- Between the classes: relative Mahalanobis distance in features from every depth of the classifier, reduced to their
  main directions: squared distance to the nearest class minus that to one Gaussian of all particles (Ren et al. 2021,
  arXiv 2106.09022, eq. 3).
- Size, shape and contrast: Mahalanobis distance to the known particles of the named class.

Distances depend on the class, since bubbles lie far out and everything faint near the middle; calibration.py therefore
compares them within the named class only.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PARTS = ("texture or outline", "between the classes", "size, shape or contrast")
FIXED_WIDTH = 64  # features of the fixed network
DIRECTIONS = 48  # of the classifier's features
MIN_EIGENVALUE = 1e-3  # of a covariance relative to its largest eigenvalue, so that no direction has zero variance

Features = NDArray[np.floating]


class Views(NamedTuple):
    """What is known of each particle of one form of tile."""

    fixed: Features  # (N, 64), from embedding.features.fixed_features
    projected: Features  # (N, DIRECTIONS), from Directions.project
    shapes: Features  # (N, 8), from shape.shape_rows; NaN without an outline
    named: NDArray[np.integer]  # (N,), most likely class, 0..K-1

    def take(self, rows: NDArray) -> "Views":
        """Those of these rows."""
        return Views(self.fixed[rows], self.projected[rows], self.shapes[rows], self.named[rows])

    def in_float32(self) -> "Views":
        """The same in single precision, as they are computed with; stored features are float16."""
        fixed, projected, shapes = (np.asarray(part, np.float32) for part in self[:3])
        return Views(fixed, projected, shapes, self.named)


@dataclass(frozen=True, eq=False)
class Directions:
    """Main directions of the classifier's features over known particles (principal components, standardised input)."""

    mean: NDArray[np.float32]  # (D,)
    axes: NDArray[np.float32]  # (D, DIRECTIONS)

    def project(self, layers: Features) -> NDArray[np.float32]:
        """Coordinates (N, DIRECTIONS) of features (N, D)."""
        return ((np.asarray(layers, np.float32) - self.mean) @ self.axes).astype(np.float32)


@dataclass(frozen=True, eq=False)
class KnownParticles:
    """Where the known particles of one form of tile lie in the three spaces, as Gaussians.

    A whitening matrix W turns a Mahalanobis distance into the length of (x - mean) @ W.
    """

    fixed_mean: NDArray[np.float32]  # (64,)
    fixed_whitening: NDArray[np.float32]  # (64, 64)
    class_means: NDArray[np.float32]  # (K, DIRECTIONS)
    class_whitening: NDArray[np.float32]  # (DIRECTIONS, DIRECTIONS), shared by all classes
    all_mean: NDArray[np.float32]  # (DIRECTIONS,)
    all_whitening: NDArray[np.float32]  # (DIRECTIONS, DIRECTIONS)
    shape_means: NDArray[np.float32]  # (K, 8)
    shape_whitenings: NDArray[np.float32]  # (K, 8, 8)

    def distances(self, views: Views) -> NDArray[np.float32]:
        """The distances of each particle, float32 (N, 3), in the order of PARTS; inf for a shape without an outline."""
        fixed, projected, shapes, named = views
        texture = np.sqrt((((fixed - self.fixed_mean) @ self.fixed_whitening) ** 2).sum(1))
        whitened, means = projected @ self.class_whitening, self.class_means @ self.class_whitening
        to_classes = ((whitened[:, None] - means) ** 2).sum(2).min(1)
        to_all = (((projected - self.all_mean) @ self.all_whitening) ** 2).sum(1)
        whitened_shapes = np.einsum("ni,nij->nj", shapes - self.shape_means[named], self.shape_whitenings[named])
        shape = np.nan_to_num(np.sqrt((whitened_shapes**2).sum(1)), nan=np.inf)
        return np.stack([texture, to_classes - to_all, shape], 1).astype(np.float32)


def find_directions(layers: Features, count: int = DIRECTIONS) -> Directions:
    """Main directions of features (N, D), N > count."""
    layers = np.asarray(layers, np.float64)
    mean, spread = layers.mean(0), np.maximum(layers.std(0), 1e-6)
    _, values, axes = np.linalg.svd((layers - mean) / spread, full_matrices=False)
    scale = values[:count] / np.sqrt(len(layers))
    return Directions(mean.astype(np.float32), (axes[:count].T / spread[:, None] / scale).astype(np.float32))


def fit_known(views: Views, labels: NDArray[np.integer], class_count: int) -> KnownParticles:
    """Fit the Gaussians to known particles. labels: their true classes (N,), several of each."""
    fixed, projected, shapes, _ = views
    outlined = np.isfinite(shapes).all(1)
    of_class = [labels == label for label in range(class_count)]
    means = np.stack([projected[mask].mean(0) for mask in of_class])
    shape_means = np.stack([shapes[mask & outlined].mean(0) for mask in of_class])
    return KnownParticles(
        fixed.mean(0).astype(np.float32),
        _whitening(fixed),
        means.astype(np.float32),
        _whitening(projected - means[labels]),
        projected.mean(0).astype(np.float32),
        _whitening(projected),
        shape_means.astype(np.float32),
        np.stack([_whitening(shapes[mask & outlined]) for mask in of_class]),
    )


def _whitening(features: Features) -> NDArray[np.float32]:
    values, axes = np.linalg.eigh(np.cov(np.asarray(features, np.float64), rowvar=False))
    return (axes / np.sqrt(values + MIN_EIGENVALUE * values[-1])).astype(np.float32)
