"""Who is judged by whom: folds that keep a run or lot, and copies of one picture, together."""

import heapq

import numpy as np

from svp_core.label_errors.validation import check_labels

FOLDS = 5


def assign_folds(labels, *, groups=None, copies=None, folds=FOLDS, seed=0):
    """(fold of each image int (N,), notes): images in one fold share no group and no picture with those of another.

    labels: int (N,); every fold has about the same share of each class. groups: (N,) of anything, the run or lot of an
    image; images of a class that comes from one group alone cannot be kept together, since nothing would be learnt of
    the class: a note says so. copies: int (N,), images with the same number are near-duplicates. notes: sentences.
    Like scikit-learn's StratifiedGroupKFold, which takes minutes where most images are a group of their own.
    """
    labels = check_labels(labels)
    rng, notes = np.random.default_rng(seed), []
    blocks = np.arange(len(labels)) if copies is None else numbered(copies)
    if groups is not None:
        groups = numbered(groups)
        free, notes = _not_kept_together(labels, groups, folds)
        blocks = _joined(blocks, groups, ~free)
    class_count = int(labels.max()) + 1 if len(labels) else 0
    wanted = np.maximum(np.bincount(labels, minlength=class_count) / folds, 1e-9)
    filled, fold = np.zeros((folds, class_count)), np.zeros(len(labels), np.int64)
    for rows in _blocks_of_several(blocks, rng):
        # Wherever its classes are missed most.
        held = np.bincount(labels[rows], minlength=class_count)
        over = (((filled + held) ** 2 - filled**2) / wanted - 2 * held).sum(1)
        best = int(np.argmin(over + 1e-6 * filled.sum(1)))
        fold[rows], filled[best] = best, filled[best] + held
    single = np.bincount(blocks, minlength=len(labels))[blocks] == 1
    for label in range(class_count):
        rows = rng.permutation(np.flatnonzero(single & (labels == label)))
        fold[rows] = _levelled(filled[:, label], len(rows), rng)
    return fold, notes


def numbered(names):
    """Any names as int (N,), equal for equal names."""
    names = np.asarray(names)
    return np.unique(names, return_inverse=True)[1].reshape(len(names))


def _not_kept_together(labels, groups, folds):
    """(bool (N,), notes): images whose class comes from one group alone."""
    count = int(groups.max()) + 1 if len(groups) else 0
    if count < 2:
        return np.ones(len(labels), bool), []
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    alone = np.bincount(pairs[0]) == 1
    free, notes = alone[labels], []
    if alone.any():
        notes = [
            f"{alone.sum()} of {len(np.unique(labels))} classes come from one run each, so errors that such a run "
            "shares throughout stay hidden."
        ]
    if not free.all() and count < folds:
        notes.append(f"The images come from {count} runs, so there are {count} folds of whole runs instead of {folds}.")
    return free, notes


def _joined(blocks, groups, together):
    """Blocks in which the images of a group are one block too, where `together`: connected parts of both."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(blocks)
    # Images are nodes 0..n-1, then come the blocks, then the groups.
    rows = np.arange(n)
    ends = np.concatenate([n + blocks, 2 * n + groups[together]])
    graph = coo_matrix((np.ones(len(ends), bool), (np.concatenate([rows, rows[together]]), ends)), (3 * n, 3 * n))
    return numbered(connected_components(graph, directed=False)[1][:n])


def _blocks_of_several(blocks, rng):
    """Rows of every block of more than one image, largest first, those of one size in random order."""
    order = np.argsort(blocks, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1) if len(order) else []
    parts = [part for part in parts if len(part) > 1]
    return sorted((parts[k] for k in rng.permutation(len(parts))), key=len, reverse=True)


def _levelled(filled, count, rng):
    """Fold of each of `count` images, int (count,): each goes where there are fewest."""
    heap = list(zip(filled, rng.permutation(len(filled)), range(len(filled)), strict=True))
    heapq.heapify(heap)
    given = np.empty(count, np.int64)
    for place in range(count):
        height, tie, given[place] = heap[0]
        heapq.heapreplace(heap, (height + 1, tie, given[place]))
    return given
