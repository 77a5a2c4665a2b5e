"""Pictures that resemble no class: empty ones, torn ones, things that are no particle."""

import numpy as np

OUTLIER_ABOVE = 3.5  # robust standard deviations
_DIRECTIONS = 64  # of a Space


def outlier_score(places, labels):
    """How far each image lies from every class, float (N,), in robust standard deviations; large = like none.

    places: float (N, d), a Space's; labels: int (N,). Logarithm of the Mahalanobis distance to the nearest class
    centre, with one covariance for all classes (Lee et al. 2018, arXiv 1807.03888): a few strangers that lie together
    do not hide one another, as they would among nearest neighbours. Particles of a kind that no class is for, like
    glass flakes among bubbles, are no farther away than others in features of a network that never saw such; do not
    look for them here.
    """
    from sklearn.covariance import LedoitWolf

    places = np.asarray(places[:, :_DIRECTIONS], np.float64)
    counts = np.bincount(labels)
    centres = np.zeros((len(counts), places.shape[1]))
    np.add.at(centres, labels, places)
    centres /= np.maximum(counts, 1)[:, None]
    precision = LedoitWolf().fit(places - centres[labels]).precision_
    nearest = np.full(len(places), np.inf)
    for centre in centres[counts > 0]:
        away = places - centre
        nearest = np.minimum(nearest, np.einsum("ij,ij->i", away @ precision, away))
    far = np.log(nearest + 1e-9)
    far -= np.median(far)
    spread = 1.4826 * np.median(np.abs(far))
    return far / spread if spread > 1e-6 else np.zeros(len(far))


def find_outliers(places, labels):
    """Positions of the images that resemble no class, strangest first."""
    strange = outlier_score(places, labels)
    order = np.argsort(-strange, kind="stable")
    return order[strange[order] > OUTLIER_ABOVE]
