"""Find out what the particles of a review look like: for the map, the most alike ones and ranking anew."""

import numpy as np

from svp_core.errors import LabError
from svp_core.progress import Progress
from svp_core.review.embedding_store import load_embedding, save_embedding
from svp_core.review.store import open_review
from svp_core.workspace.models import find_model

WEIGHTS = "resnet18"  # whose features: never trained on anybody's labels but the simulator's
NEIGHBOURS = 15
_BATCH = 512  # tiles seen between two steps
_FITTED_ON = 8000  # tiles, drawn at random, that the space is built of


def embed_review(config, folder):
    """Keep workspace.likeness.Likeness of a review. config: review (its id)."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.embedding.clusters import tsne_map
    from svp_core.embedding.features import layered_features
    from svp_core.label_errors import find_neighbours, fit_pca

    review = open_review(config["review"])
    if load_embedding(review):
        return
    if review.tiles is None:
        raise LabError("This history came without images; there is nothing to compare.")
    classifier, count = load_classifier(find_model(WEIGHTS)), len(review.tiles)
    order = np.random.default_rng(0).permutation(count)
    space, places, kept, done = None, None, [], 0
    for start in range(0, count, _BATCH):
        rows = order[start : start + _BATCH]
        features = layered_features(classifier, np.ascontiguousarray(review.tiles[rows]))
        if space is None:
            kept.append((rows, features))
        else:
            places[rows] = space.of(features)
        done += len(rows)
        if space is None and (done >= _FITTED_ON or done == count):
            space = fit_pca(np.concatenate([features for _, features in kept]))
            places = np.empty((count, space.axes.shape[1]), np.float32)
            for earlier, features in kept:
                places[earlier] = space.of(features)
            kept = []
        yield Progress(done, count, f"{done:,} of {count:,} particles looked at")
    yield Progress(count, count, "Laying out the map")
    nearest = find_neighbours(places, k=NEIGHBOURS)
    save_embedding(review.id, review.table["particle"].tolist(), nearest.positions, places, tsne_map(places))
