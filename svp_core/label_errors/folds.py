"""Cross-validation folds that keep the images of a run or lot, and near-duplicates, together."""

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.label_errors.validation import check_labels

FOLDS = 5


def assign_folds(
    labels: ArrayLike,
    *,
    groups: ArrayLike | Sequence[object] | None = None,
    duplicates: ArrayLike | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[NDArray[np.int64], list[str]]:
    """(fold of each image int (N,), notes): stratified folds that share no group and no duplicate.

    labels: int (N,); each fold gets about the same share of every class. groups: (N,) of anything, the run or lot of
    each image. Images of a class that comes from one group only cannot be kept together, or no fold could learn the
    class; a note says so. duplicates: int (N,), equal for near-duplicates. notes: sentences for the user.
    Like scikit-learn's StratifiedGroupKFold, which takes minutes when most images form a group of their own.
    """
    labels = check_labels(labels)
    rng, notes = np.random.default_rng(seed), []
    blocks = np.arange(len(labels)) if duplicates is None else number_names(duplicates)
    if groups is not None:
        group_numbers = number_names(groups)
        ungrouped, notes = _classes_of_one_group(labels, group_numbers, folds)
        blocks = _merge_blocks(blocks, group_numbers, ~ungrouped)
    class_count = int(labels.max()) + 1 if len(labels) else 0
    target = np.maximum(np.bincount(labels, minlength=class_count) / folds, 1e-9)
    filled, fold = np.zeros((folds, class_count)), np.zeros(len(labels), np.int64)
    for rows in _blocks_of_several(blocks, rng):
        # Put the block where its classes are missing most.
        counts = np.bincount(labels[rows], minlength=class_count)
        excess = (((filled + counts) ** 2 - filled**2) / target - 2 * counts).sum(1)
        best = int(np.argmin(excess + 1e-6 * filled.sum(1)))
        fold[rows], filled[best] = best, filled[best] + counts
    single = np.bincount(blocks, minlength=len(labels))[blocks] == 1
    for label in range(class_count):
        rows = rng.permutation(np.flatnonzero(single & (labels == label)))
        fold[rows] = _fill_evenly(filled[:, label], len(rows), rng)
    return fold, notes


def number_names(names: ArrayLike | Sequence[object]) -> NDArray[np.int64]:
    """Names of any type as int (N,), equal numbers for equal names."""
    array = np.asarray(names)
    return np.unique(array, return_inverse=True)[1].reshape(len(array))


def _classes_of_one_group(labels, groups, folds):
    """(bool (N,): images whose class comes from one group only, notes)."""
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < 2:
        return np.ones(len(labels), bool), []
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    alone = np.bincount(pairs[0]) == 1
    ungrouped, notes = alone[labels], []
    if alone.any():
        notes = [
            f"{alone.sum()} of {len(np.unique(labels))} classes come from a single run each; errors that such a run "
            "shares throughout cannot be found."
        ]
    if not ungrouped.all() and count < folds:
        notes.append(f"The images come from {count} runs, so {count} folds of whole runs are used instead of {folds}.")
    return ungrouped, notes


def _merge_blocks(blocks, groups, grouped):
    """Blocks in which the images of a group form one block as well, where `grouped`: connected components of both."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(blocks)
    # Nodes: images 0..n-1, then blocks, then groups.
    rows = np.arange(n)
    ends = np.concatenate([n + blocks, 2 * n + groups[grouped]])
    graph = coo_matrix((np.ones(len(ends), bool), (np.concatenate([rows, rows[grouped]]), ends)), (3 * n, 3 * n))
    return number_names(connected_components(graph, directed=False)[1][:n])


def _blocks_of_several(blocks, rng):
    """Rows of each block of two or more images, largest block first, blocks of equal size in random order."""
    order = np.argsort(blocks, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1) if len(order) else []
    parts = [part for part in parts if len(part) > 1]
    return sorted((parts[k] for k in rng.permutation(len(parts))), key=len, reverse=True)


def _fill_evenly(filled, count, rng):
    """Fold of each of `count` images, int (count,): each goes to the fold that holds fewest."""
    heap = list(zip(filled, rng.permutation(len(filled)), range(len(filled)), strict=True))
    heapq.heapify(heap)
    assigned = np.empty(count, np.int64)
    for index in range(count):
        height, tie, assigned[index] = heap[0]
        heapq.heapreplace(heap, (height + 1, tie, assigned[index]))
    return assigned
