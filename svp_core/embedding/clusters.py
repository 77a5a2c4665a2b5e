"""Groups of particles that look alike, to be named as a whole, and a plane in which look-alikes lie together."""

import numpy as np

FIT_SAMPLE = 2000  # particles, drawn at random, that the groups are formed of; the others join the nearest
_DIRECTIONS = 64  # of a label_review.Space; the finer ones are noise to a group
_FEWEST = 10  # particles that a plane is laid out of
_STEPS = 500  # of t-SNE; after twice as many the picture is the same
_AT_ONCE = 20_000  # particles that find their place at a time; bounds memory


def tsne_map(places, *, seed=0):
    """Where each particle lies in a plane in which look-alikes are near, float32 (N, 2); far apart says little.

    places: float (N, d), as a label_review.Space gives them. t-SNE (van der Maaten and Hinton 2008) of their directions
    seen from the middle of all; of more than 2,000 particles of so many drawn at random, the others among the three
    drawn ones they are most like.
    """
    from sklearn.manifold import TSNE
    from sklearn.neighbors import NearestNeighbors

    places = np.asarray(places[:, :_DIRECTIONS], np.float32)
    if len(places) < _FEWEST or not places.any():
        plane = np.zeros((len(places), 2), np.float32)
        plane[:, : places.shape[1]] = places[:, :2]
        return plane
    length = np.linalg.norm(places, axis=1, keepdims=True)
    unit = np.divide(places, length, out=np.zeros_like(places), where=length > 0)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(places))[:FIT_SAMPLE])
    perplexity = min(30, (len(drawn) - 1) / 3)
    laid = TSNE(perplexity=perplexity, max_iter=_STEPS, random_state=seed).fit_transform(unit[drawn])
    plane = np.empty((len(places), 2), np.float32)
    for start in range(0, len(places), _AT_ONCE):
        far, near = (
            NearestNeighbors(n_neighbors=3, algorithm="brute")
            .fit(unit[drawn])
            .kneighbors(unit[start : start + _AT_ONCE])
        )
        weight = 1 / (far + 1e-3)
        plane[start : start + len(near)] = (laid[near] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
    plane[drawn] = laid
    return plane


def ward_groups(places, count, *, seed=0):
    """Group of each particle, int (N,), 0 for the largest: Ward's minimum variance (Ward 1963), cut at `count` groups.

    places: float (N, d), as a label_review.Space gives them. Fewer groups where there are fewer particles.
    """
    from sklearn.cluster import AgglomerativeClustering

    places = np.asarray(places[:, :_DIRECTIONS], np.float32)
    count = min(count, len(places))
    if count < 2:
        return np.zeros(len(places), int)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(places))[:FIT_SAMPLE])
    of_drawn = AgglomerativeClustering(min(count, len(drawn)), linkage="ward").fit_predict(places[drawn])
    middles = np.stack([places[drawn[of_drawn == group]].mean(0) for group in range(of_drawn.max() + 1)])
    # |place - middle|^2 without what is the same for every middle.
    nearest = ((middles**2).sum(1) - 2 * places @ middles.T).argmin(1)
    sizes = np.bincount(nearest, minlength=len(middles))
    place = np.empty(len(middles), int)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(middles))
    return place[nearest]
