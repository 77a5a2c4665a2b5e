"""On which labelled particles corrected counts are based, and whether those are as small as the particles counted."""

import numpy as np
from numpy.typing import NDArray

from svp_core.display import format_percent
from svp_core.stats.confusion import ConfusionReference, smallest_labelled_px

TOLD_FROM = 0.05  # share of particles smaller than the labelled ones, from which on it is said


def correction_basis(reference: ConfusionReference | None, sizes_px: NDArray[np.floating] | None) -> str:
    """On which particles corrected counts and predictive values are based: sentences beside them; "" without any.

    sizes_px: float (N,), of the particles counted, NaN where not measured; None where not known. Where many are smaller
    than the labelled ones, that is said.
    """
    if reference is None:
        return ""
    basis = f"Corrected counts and predictive values are estimated on labelled particles: {reference.description}."
    smallest = smallest_labelled_px(reference)
    measured = np.zeros(0) if sizes_px is None else sizes_px[np.isfinite(sizes_px)]
    if not len(measured) or (share := float(np.mean(measured < smallest))) < TOLD_FROM:
        return basis
    return (
        f"{basis} {format_percent(share)} of the particles here are smaller than nearly all labelled ones of a class "
        f"({smallest:.1f} px); they are corrected like larger ones, and their intervals are too narrow."
    )
