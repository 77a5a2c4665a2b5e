"""Embed the particles of a review: features, nearest neighbours and map coordinates, for the map and re-ranking."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.progress import Progress, Steps
from svp_core.review.embedding_store import load_embedding, save_embedding
from svp_core.review.store import open_review
from svp_core.tasks.request import JobRequest
from svp_core.workspace.models import find_model

FEATURE_MODEL = "resnet18"  # source of the features: trained on the simulator's labels only, never on a person's
NEIGHBOURS = 15
_BATCH_SIZE = 512  # tiles embedded between two steps
_PCA_SAMPLE = 8000  # tiles, drawn at random, that the PCA is fitted to


@dataclass(frozen=True)
class EmbedReviewRequest(JobRequest):
    """The embedding of one review."""

    review: str  # id

    @property
    def title(self) -> str:
        return "Map of a review"


def embed_review(request: EmbedReviewRequest, _folder: Path) -> Steps:
    """Store the ReviewEmbedding of a review; an embedding that exists is kept."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.clusters import tsne_map
    from svp_core.embedding.features import layered_features
    from svp_core.label_errors import find_neighbours, fit_pca

    review = open_review(request.review)
    if load_embedding(review):
        return
    if review.tiles is None:
        raise LabError("This review was imported without images, so nothing can be embedded.")
    classifier, count = load_classifier(find_model(FEATURE_MODEL)), len(review.tiles)
    order = np.random.default_rng(0).permutation(count)
    pca, unprojected, done = None, [], 0
    coordinates = np.empty((0, 0), np.float32)  # until the PCA is fitted
    for start in range(0, count, _BATCH_SIZE):
        rows = order[start : start + _BATCH_SIZE]
        features = layered_features(classifier, np.ascontiguousarray(review.tiles[rows]))
        if pca is None:
            unprojected.append((rows, features))
        else:
            coordinates[rows] = pca.transform(features)
        done += len(rows)
        if pca is None and (done >= _PCA_SAMPLE or done == count):
            pca = fit_pca(np.concatenate([features for _, features in unprojected]))
            coordinates = np.empty((count, pca.axes.shape[1]), np.float32)
            for earlier, features in unprojected:
                coordinates[earlier] = pca.transform(features)
            unprojected = []
        yield Progress(done, count, f"{done:,} of {count:,} particles embedded")
    yield Progress(count, count, "Laying out the map")
    nearest = find_neighbours(coordinates, k=NEIGHBOURS)
    save_embedding(review.id, review.table["particle"].tolist(), nearest.positions, coordinates, tsne_map(coordinates))
