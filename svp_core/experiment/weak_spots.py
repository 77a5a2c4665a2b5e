"""Where a classifier is weak, so that tiles are added there alone: sizes with low recall, or confused particles.

Judged on the real training tiles by logistic regression on their features, predicted out of fold. No held-out particle
takes part.
"""

import numpy as np
from numpy.typing import NDArray

from svp_core.experiment.design import SIZE
from svp_core.experiment.leak_guard import SyntheticTiles
from svp_core.experiment.learners import LOGISTIC_C, MAX_ITERATIONS, Examples

SIZE_BINS = 3  # of equal number, per class
_FOLDS = 3


def weak_rows(
    where: str,
    own: Examples,
    synthetic: SyntheticTiles,
    features: NDArray[np.floating],  # of the synthetic tiles
    minority: list[int],
) -> NDArray[np.int64]:
    """Positions of the synthetic tiles that are added, ascending.

    where: SIZE: those as large as the real tiles of their class in the thirds by size with less recall than the class;
    CONFUSION: the half of each class that is nearest to the class it is confused with most.
    """
    probs, model = _out_of_fold(own)
    if where == SIZE:
        return _of_weak_sizes(own, probs, synthetic, minority)
    return _of_confused(own, probs, model, synthetic, features, minority)


def _of_weak_sizes(own, probs, synthetic, minority):
    real_sizes, right, rows = diameters(own.tiles), probs.argmax(1) == own.labels, []
    for label in minority:
        members = np.flatnonzero((own.labels == label) & ~np.isnan(real_sizes))
        candidates = np.flatnonzero(synthetic.labels == label)
        if not len(members):
            rows.append(candidates)
            continue
        edges = np.quantile(real_sizes[members], np.linspace(0, 1, SIZE_BINS + 1)[1:-1])
        real_bin = np.searchsorted(edges, real_sizes[members])
        filled = [one for one in range(SIZE_BINS) if (real_bin == one).any()]
        weak = [one for one in filled if right[members[real_bin == one]].mean() <= right[members].mean()]
        made = np.nan_to_num(diameters(synthetic.tiles[candidates]))
        rows.append(candidates[np.isin(np.searchsorted(edges, made), weak)])
    return np.sort(np.concatenate(rows))


def _of_confused(own, probs, model, synthetic, features, minority):
    rows, columns = [], {label: column for column, label in enumerate(model.classes_)}
    for label in minority:
        candidates = np.flatnonzero(synthetic.labels == label)
        # Both ways: its particles called another class, and others called this one.
        called, others = probs[own.labels == label].sum(0), np.zeros(probs.shape[1])
        np.add.at(others, own.labels, probs[:, label])
        confused = called + others
        confused[label] = -1
        rival = int(confused.argmax())
        if not len(candidates) or label not in columns or rival not in columns:
            rows.append(candidates)
            continue
        scores = model.predict_proba(features[candidates])
        lead = scores[:, columns[label]] - scores[:, columns[rival]]
        rows.append(candidates[np.argsort(lead, kind="stable")[: -(-len(candidates) // 2)]])
    return np.sort(np.concatenate(rows))


def diameters(tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Equivalent circular diameter of each tile in px, float (N,); nan where nothing stands out."""
    from svp_core.morphology import measure

    return np.array([measure(tile)["ecd_px"] or np.nan for tile in tiles], float)


def _out_of_fold(own):
    """(probabilities of the real tiles (N, K) predicted out of fold, a model of all of them)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    def model():
        return make_pipeline(StandardScaler(), LogisticRegression(C=LOGISTIC_C, max_iter=MAX_ITERATIONS))

    probs = np.zeros((len(own.labels), int(own.labels.max()) + 1))
    number = np.random.default_rng(0).permutation(len(own.labels)) % _FOLDS
    with threadpool_limits(1):
        for one in range(_FOLDS):
            inside = number == one
            if len(np.unique(own.labels[~inside])) < 2:
                continue
            fitted = model().fit(own.features[~inside], own.labels[~inside])
            probs[np.ix_(np.flatnonzero(inside), fitted[-1].classes_)] = fitted.predict_proba(own.features[inside])
        return probs, model().fit(own.features, own.labels)
