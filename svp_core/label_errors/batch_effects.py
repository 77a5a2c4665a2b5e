"""Errors that a whole run or lot shares: one row instead of hundreds of suspects."""

from dataclasses import dataclass

import numpy as np

_LEAST = 5  # suspects; fewer are looked at one by one
_CHANCE = 1e-3  # over all findings looked for, that one arises by chance
_TIMES = 3  # as many as elsewhere, at least


@dataclass(frozen=True)
class BatchEffect:
    """One swap that a run has far more of than the others."""

    lot: object  # its name, as given
    given: int  # labels
    suggested: int
    suspects: int
    labelled: int  # images of the run that carry the label `given`
    elsewhere: float  # share of those suspects among the label's images of other runs, 0..1
    words: str


def batch_effects(labels, suggested, lots, *, class_names):
    """LotFindings, most suspects first. labels, suggested: int (N,) (Suspects.suggested); lots: (N,) names of runs.

    A finding needs five suspects with the same swap, three times the share that other runs have, and a chance below
    0.1 % over all that were looked for (one-sided binomial test against the share elsewhere).
    """
    from scipy.stats import binom

    lots = np.asarray(lots)
    names, number = np.unique(lots, return_inverse=True)
    number = number.reshape(len(lots))
    if len(names) < 2:
        return []
    class_count = int(max(labels.max(), suggested.max())) + 1
    carrying, swapped = np.zeros((len(names), class_count)), np.zeros((len(names), class_count, class_count))
    np.add.at(carrying, (number, labels), 1)
    np.add.at(swapped, (number, labels, suggested), 1)
    candidates = [(lot, given, other) for lot, given, other in np.argwhere(swapped >= _LEAST) if given != other]
    findings = []
    for lot, given, other in candidates:
        here, of = int(swapped[lot, given, other]), int(carrying[lot, given])
        elsewhere = (swapped[:, given, other].sum() - here + 0.5) / (carrying[:, given].sum() - of + 1)
        if here / of >= _TIMES * elsewhere and binom.sf(here - 1, of, elsewhere) * len(candidates) < _CHANCE:
            words = (
                f"{here:,} suspects, same swap, run {names[lot]}: {100 * here / of:.0f} % of its {of:,} images "
                f"labelled {class_names[given]} look like {class_names[other]}, {100 * elsewhere:.1f} % elsewhere"
            )
            findings.append(BatchEffect(names[lot], int(given), int(other), here, of, float(elsewhere), words))
    return sorted(findings, key=lambda finding: -finding.suspects)
