"""Groups of particles that look alike, to be named as a whole."""

import numpy as np

FITTED_ON = 2000  # particles, drawn at random, that the groups are formed of; the others join the nearest
_DIRECTIONS = 64  # of a label_review.Space; the finer ones are noise to a group


def ward_groups(places, count, *, seed=0):
    """Group of each particle, int (N,), 0 for the largest: Ward's minimum variance (Ward 1963), cut at `count` groups.

    places: float (N, d), as a label_review.Space gives them. Fewer groups where there are fewer particles.
    """
    from sklearn.cluster import AgglomerativeClustering

    places = np.asarray(places[:, :_DIRECTIONS], np.float32)
    count = min(count, len(places))
    if count < 2:
        return np.zeros(len(places), int)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(places))[:FITTED_ON])
    of_drawn = AgglomerativeClustering(min(count, len(drawn)), linkage="ward").fit_predict(places[drawn])
    middles = np.stack([places[drawn[of_drawn == group]].mean(0) for group in range(of_drawn.max() + 1)])
    # |place - middle|^2 without what is the same for every middle.
    nearest = ((middles**2).sum(1) - 2 * places @ middles.T).argmin(1)
    sizes = np.bincount(nearest, minlength=len(middles))
    place = np.empty(len(middles), int)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(middles))
    return place[nearest]
