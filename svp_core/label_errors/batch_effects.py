"""Batch effects: label errors that a whole run or lot shares, reported once instead of hundreds of times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MIN_SUSPECTS = 5  # fewer are reviewed one by one
_MAX_P = 1e-3  # familywise, over all findings tested
_MIN_RATIO = 3  # to the share in other runs


@dataclass(frozen=True)
class BatchEffect:
    """A confusion of two classes that one run has far more often than the others."""

    batch: object  # name of the run or lot
    given: int  # class index
    suggested: int
    suspects: int
    labelled: int  # images of the run that carry the label `given`
    elsewhere: float  # share of those suspects among the label's images in other runs, 0..1
    text: str


def batch_effects(
    labels: NDArray[np.int64],
    suggested: NDArray[np.int64],
    batches: ArrayLike | Sequence[object],
    *,
    class_names: Sequence[str],
) -> list[BatchEffect]:
    """BatchEffects, most suspects first. labels, suggested: int (N,) (LabelScores.suggested); batches: (N,) run names.

    A finding needs five suspects with the same confusion, three times the share in other runs, and p below 0.1 % over
    all findings tested (one-sided binomial test against the share elsewhere, Bonferroni).
    """
    from scipy.stats import binom

    array = np.asarray(batches)
    names, number = np.unique(array, return_inverse=True)
    number = number.reshape(len(array))
    if len(names) < 2:
        return []
    class_count = int(max(labels.max(), suggested.max())) + 1
    label_counts, confusions = np.zeros((len(names), class_count)), np.zeros((len(names), class_count, class_count))
    np.add.at(label_counts, (number, labels), 1)
    np.add.at(confusions, (number, labels, suggested), 1)
    candidates = [row for row in np.argwhere(confusions >= _MIN_SUSPECTS) if row[1] != row[2]]
    findings = []
    for run, given, other in candidates:
        count, labelled = int(confusions[run, given, other]), int(label_counts[run, given])
        elsewhere = (confusions[:, given, other].sum() - count + 0.5) / (label_counts[:, given].sum() - labelled + 1)
        p = binom.sf(count - 1, labelled, elsewhere) * len(candidates)
        if count / labelled >= _MIN_RATIO * elsewhere and p < _MAX_P:
            text = (
                f"Run {names[run]}: {count:,} of its {labelled:,} images labelled {class_names[given]} "
                f"({100 * count / labelled:.0f} %) look like {class_names[other]}; elsewhere {100 * elsewhere:.1f} %"
            )
            findings.append(BatchEffect(names[run], int(given), int(other), count, labelled, float(elsewhere), text))
    return sorted(findings, key=lambda finding: -finding.suspects)
