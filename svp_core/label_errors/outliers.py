"""Outliers: images that resemble no class (empty, torn, not a particle)."""

import numpy as np
from numpy.typing import NDArray

OUTLIER_ABOVE = 3.5  # robust standard deviations
_DIMENSIONS = 64  # leading principal components


def outlier_score(coordinates: NDArray, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance of each image from every class, float (N,), in robust standard deviations; high = outlier.

    coordinates: float (N, d), of a PcaSpace; labels: int (N,). Logarithm of the Mahalanobis distance to the nearest
    class centre, with one covariance for all classes (Lee et al. 2018, arXiv 1807.03888): a small cluster of outliers
    cannot hide itself, as it would among nearest neighbours. Particles of a kind that has no class, such as glass
    flakes among bubbles, are no farther away than others in features of a network that never saw them; this score does
    not find them.
    """
    from sklearn.covariance import LedoitWolf

    points = np.asarray(coordinates[:, :_DIMENSIONS], np.float64)
    counts = np.bincount(labels)
    centres = np.zeros((len(counts), points.shape[1]))
    np.add.at(centres, labels, points)
    centres /= np.maximum(counts, 1)[:, None]
    precision = LedoitWolf().fit(points - centres[labels]).precision_
    nearest = np.full(len(points), np.inf)
    for centre in centres[counts > 0]:
        offset = points - centre
        nearest = np.minimum(nearest, np.einsum("ij,ij->i", offset @ precision, offset))
    score = np.log(nearest + 1e-9)
    score -= np.median(score)
    deviation = 1.4826 * np.median(np.abs(score))
    return score / deviation if deviation > 1e-6 else np.zeros(len(score))


def find_outliers(coordinates: NDArray, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the images that resemble no class, highest outlier score first."""
    score = outlier_score(coordinates, labels)
    order = np.argsort(-score, kind="stable")
    return order[score[order] > OUTLIER_ABOVE]
