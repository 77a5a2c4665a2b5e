"""Comparisons of two samples by the ranks of their values."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def probability_larger(a: NDArray, b: NDArray) -> float:
    """Share of pairs in which the value of a (M,) is larger than that of b (N,), ties counted half.

    Mann-Whitney's U / (M N); with scores of positives as a and of negatives as b, the area under the ROC curve.
    """
    m, n = len(a), len(b)
    return (rankdata(np.concatenate([a, b]))[:m].sum() - m * (m + 1) / 2) / (m * n)
