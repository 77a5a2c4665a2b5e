"""Training, validation and test fold of one seed: real particles, whole runs apart, lookalikes together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.label_errors.folds import FOLDS, assign_folds

MIN_PER_CLASS = 10  # different particles: two for each of five folds


@dataclass(frozen=True)
class Fold:
    """Positions of the real particles of one seed, each in one of the three parts, ascending."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    notes: tuple[str, ...] = ()  # sentences for the user


def check_enough(labels: NDArray[np.integer], blocks: NDArray[np.integer], class_keys: Sequence[str]) -> None:
    """Raise LabError where there are fewer than two classes, or too few different particles of one.

    blocks: int (N,), equal for lookalikes.
    """
    present = [key for label, key in enumerate(class_keys) if (labels == label).any()]
    if len(present) < 2:
        raise LabError(
            f"All particles are of one class, {', '.join(present) or 'none'}; an experiment compares classifiers, "
            "which need at least two classes."
        )
    different = {key: len(np.unique(blocks[labels == label])) for label, key in enumerate(class_keys)}
    few = {key: count for key, count in different.items() if count < MIN_PER_CLASS}
    if few:
        named = ", ".join(f"{key} {count}" for key, count in list(few.items())[:5])
        raise LabError(
            f"Too few different particles of {named}; give at least {MIN_PER_CLASS} of every class, so that each of "
            f"{FOLDS} parts has some, or leave the class out."
        )


def split_folds(
    labels: NDArray[np.integer],
    class_keys: Sequence[str],
    *,
    blocks: NDArray[np.integer],  # (N,), equal for lookalikes
    groups: Sequence[str] | None = None,  # run or lot of each particle; None where unknown
    seed: int,
) -> Fold:
    """Fold of one seed: a fifth is for the test, a fifth for validation, the rest for training.

    Particles of one run stay in one part where there are runs enough; otherwise a note says so. Raises LabError where
    some class would have nothing to train on.
    """
    check_enough(labels, blocks, class_keys)
    several = groups is not None and len(set(groups)) > 1
    for use_groups in (True, False) if several else (False,):
        fold, notes = assign_folds(labels, groups=groups if use_groups else None, duplicates=blocks, seed=seed)
        rotation = _best_rotation(fold, labels, len(class_keys), whole=use_groups)
        if rotation is None:
            continue
        parts = _parts(fold, rotation)
        if several and not use_groups:
            notes.append(
                f"The particles come from {len(set(groups or ()))} runs, too few to hold out whole ones with every "
                "class; they are split without regard to the run, so figures say nothing about a new run."
            )
        return Fold(*parts, notes=(*notes, *_absent(parts, labels, class_keys)))
    raise LabError(
        "Some class has all its different particles in one part of the split; give more particles of it, or leave it "
        "out."
    )


def _best_rotation(fold, labels, class_count, *, whole):
    """Number of the part to test on; None where none leaves every class something to train on.

    whole: of whole runs, every class must be in all three parts.
    """
    counts = np.zeros((FOLDS, class_count), int)
    np.add.at(counts, (fold, labels), 1)
    possible = []
    for test in range(FOLDS):
        validation = (test + 1) % FOLDS
        training = np.delete(counts, [test, validation], axis=0).sum(0)
        complete = int((counts[test] > 0).sum() + (counts[validation] > 0).sum())
        if (training > 0).all() and counts[test].any() and counts[validation].any():
            possible.append((-complete, test))
    if not possible or (whole and -min(possible)[0] < 2 * class_count):
        return None
    return min(possible)[1]


def _parts(fold, test):
    validation = (test + 1) % FOLDS
    is_test, is_validation = fold == test, fold == validation
    return tuple(np.flatnonzero(part) for part in (~is_test & ~is_validation, is_validation, is_test))


def _absent(parts, labels, class_keys):
    notes = []
    for name, part in zip(("validation", "test"), parts[1:], strict=True):
        absent = [key for label, key in enumerate(class_keys) if not (labels[part] == label).any()]
        if absent:
            notes.append(f"The {name} fold of a seed has no {', '.join(absent[:5])}; its figures leave that out.")
    return notes
