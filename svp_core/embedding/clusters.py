"""Clusters of similar particles for labelling in groups, and a two-dimensional map of similarity."""

import numpy as np
from numpy.typing import NDArray

FIT_SAMPLE = 2000  # particles, drawn at random, that the clusters are formed of; the others join the nearest
_DIMENSIONS = 64  # leading principal components; the later ones only add noise to clusters
_MIN_PARTICLES = 10  # fewer are not mapped by t-SNE
_TSNE_STEPS = 500  # with twice as many the map is the same
_BATCH_SIZE = 20_000  # particles placed on the map at a time; bounds memory


def tsne_map(coordinates: NDArray, *, seed: int = 0) -> NDArray[np.float32]:
    """Map of the particles, float32 (N, 2): similar ones lie close together; large distances have little meaning.

    coordinates: float (N, d), from label_errors.pca. t-SNE (van der Maaten and Hinton 2008) of the directions from the
    mean of all; of more than 2,000 particles it is fitted to 2,000 drawn at random, and each other particle is placed
    among the three of those most similar to it.
    """
    from sklearn.manifold import TSNE
    from sklearn.neighbors import NearestNeighbors

    coordinates = np.asarray(coordinates[:, :_DIMENSIONS], np.float32)
    if len(coordinates) < _MIN_PARTICLES or not coordinates.any():
        plane = np.zeros((len(coordinates), 2), np.float32)
        plane[:, : coordinates.shape[1]] = coordinates[:, :2]
        return plane
    length = np.linalg.norm(coordinates, axis=1, keepdims=True)
    unit = np.divide(coordinates, length, out=np.zeros_like(coordinates), where=length > 0)
    sample = np.sort(np.random.default_rng(seed).permutation(len(coordinates))[:FIT_SAMPLE])
    perplexity = min(30, (len(sample) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, max_iter=_TSNE_STEPS, random_state=seed)
    sample_plane = tsne.fit_transform(unit[sample])
    plane = np.empty((len(coordinates), 2), np.float32)
    for start in range(0, len(coordinates), _BATCH_SIZE):
        distances, neighbours = (
            NearestNeighbors(n_neighbors=3, algorithm="brute")
            .fit(unit[sample])
            .kneighbors(unit[start : start + _BATCH_SIZE])
        )
        weight = 1 / (distances + 1e-3)
        mean = (sample_plane[neighbours] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
        plane[start : start + len(mean)] = mean
    plane[sample] = sample_plane
    return plane


def ward_groups(coordinates: NDArray, count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Cluster of each particle, int (N,), 0 for the largest: Ward's minimum variance (Ward 1963), cut at `count`.

    coordinates: float (N, d), from label_errors.pca. With fewer particles than `count` there are fewer clusters.
    """
    from sklearn.cluster import AgglomerativeClustering

    coordinates = np.asarray(coordinates[:, :_DIMENSIONS], np.float32)
    count = min(count, len(coordinates))
    if count < 2:
        return np.zeros(len(coordinates), int)
    sample = np.sort(np.random.default_rng(seed).permutation(len(coordinates))[:FIT_SAMPLE])
    sample_groups = AgglomerativeClustering(min(count, len(sample)), linkage="ward").fit_predict(coordinates[sample])
    centres = np.stack(
        [coordinates[sample[sample_groups == group]].mean(0) for group in range(sample_groups.max() + 1)]
    )
    # |coordinates - centre|^2 without the term that is the same for every centre.
    nearest = ((centres**2).sum(1) - 2 * coordinates @ centres.T).argmin(1)
    sizes = np.bincount(nearest, minlength=len(centres))
    rank = np.empty(len(centres), int)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(centres))
    return rank[nearest]
