"""Membership from images alone, as in the contest ImageCLEFmedical GANs 2023: support vectors and Ward clusters.

Both take feature vectors of real tiles, of which some were trained on, and of generated ones. Each result stands beside
the constant answer, which a published F1 must beat: where half are members, "all are" has F1 66.7 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.audit.membership import MembershipTest, Scores, membership_test

FOLDS = 5
PERMUTATIONS = 1000


@dataclass(frozen=True)
class FeatureAttack:
    """Result of an attack that answers for each tile whether it was trained on."""

    test: MembershipTest  # by its scores
    f1: float  # of its answers, members as positives
    constant_f1: float  # of answering "trained on" always


@dataclass(frozen=True)
class ClusterPurity:
    """Two clusters of the real tiles, without labels: do they part members from held-out tiles?"""

    purity: float  # share of tiles in the majority of their cluster
    constant_purity: float  # of one cluster: the share of the more frequent set
    p: float  # share of shuffled memberships with at least this purity
    sizes: tuple[int, int]


def svm_attack(members: ArrayLike, held_out: ArrayLike, generated: ArrayLike, *, seed: int = 0) -> FeatureAttack:
    """Support vector machine with RBF kernel on scaled features, five-fold cross-validated over the real tiles.

    members (M, D), held_out (N, D), generated (G, D): features. A tile is described by its features and by its
    difference from the nearest generated tile's; scales are those of the training folds. The folds are over real tiles,
    so that no tile is trained and tested on, as pairs of tiles would be. Raises LabError with fewer than two tiles in
    either set.
    """
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    members, held_out, generated = (np.asarray(each, float) for each in (members, held_out, generated))
    rows = np.concatenate([_described(each, generated) for each in (members, held_out)])
    is_member = np.arange(len(rows)) < len(members)
    scores = np.zeros(len(rows))
    folds = min(FOLDS, len(members), len(held_out))
    if folds > 1:
        for training, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(rows, is_member):
            machine = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
            machine.fit(rows[training], is_member[training])
            scores[test] = machine.decision_function(rows[test])
    return attack_result(scores[is_member], scores[~is_member], seed=seed)


def attack_result(members: Scores, held_out: Scores, *, seed: int = 0) -> FeatureAttack:
    """FeatureAttack of scores above 0 for tiles that are taken for members."""
    test = membership_test(members, held_out, seed=seed)
    hits, false_alarms, missed = (members > 0).sum(), (held_out > 0).sum(), (members <= 0).sum()
    share = len(members) / (len(members) + len(held_out))
    return FeatureAttack(test, float(2 * hits / max(1, 2 * hits + false_alarms + missed)), 2 * share / (1 + share))


def ward_purity(members: ArrayLike, held_out: ArrayLike, *, seed: int = 0) -> ClusterPurity:
    """Ward's clustering of the real tiles' scaled features in two; the purity is judged by shuffled memberships.

    members (M, D), held_out (N, D). Which cluster stands for "trained on" is not chosen by hand: either may.
    """
    from scipy.cluster.hierarchy import fcluster, ward

    rows = np.concatenate([np.asarray(members, float), np.asarray(held_out, float)])
    is_member = np.arange(len(rows)) < len(np.asarray(members))
    spread = rows.std(0)
    clusters = fcluster(ward((rows - rows.mean(0)) / np.where(spread > 0, spread, 1)), 2, "maxclust") - 1

    def purity(labels: NDArray[np.bool_]) -> float:
        counts = np.bincount(clusters, labels, 2), np.bincount(clusters, ~labels, 2)
        return float(np.maximum(*counts).sum() / len(labels))

    found, rng = purity(is_member), np.random.default_rng(seed)
    shuffled = np.array([purity(rng.permutation(is_member)) for _ in range(PERMUTATIONS)])
    share = max(is_member.mean(), 1 - is_member.mean())
    p = (1 + (shuffled >= found - 1e-12).sum()) / (1 + PERMUTATIONS)
    sizes = np.bincount(clusters, minlength=2)
    return ClusterPurity(found, float(share), float(p), (int(sizes[0]), int(sizes[1])))


def _described(rows: NDArray[np.float64], generated: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (rows**2).sum(1)[:, None] + (generated**2).sum(1) - 2 * rows @ generated.T
    return np.concatenate([rows, rows - generated[squares.argmin(1)]], axis=1)
