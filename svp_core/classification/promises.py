"""Thresholds that promise something on instruments like a classification's, at its own mixture of classes."""

import numpy as np

from svp_core.classification.counted import ECD_PX, confusion_reference_for
from svp_core.classification.results import ClassificationResults, numeric_column
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import withheld_reason
from svp_core.stats.calibration import Promise, promised_thresholds
from svp_core.stats.counts import apply_thresholds, corrected_counts


def promises_for(results: ClassificationResults) -> list[Promise]:
    """The promised threshold of every class; [] where the reference does not tell instruments apart.

    results: its table needs ECD_PX where results.csv has it. The mixture is that of the corrected counts at the default
    threshold.
    """
    reference, _ = (None, "") if withheld_reason(results) else confusion_reference_for(results)
    if reference is None or reference.instruments is None or not len(results.probs):
        return []
    keys = results.class_keys
    thresholds = dict.fromkeys(keys, CONFIDENCE_THRESHOLD)
    rows = corrected_counts(
        apply_thresholds(results.probs, keys, thresholds=thresholds),
        np.zeros(len(results.probs)),
        sizes_px=numeric_column(results, ECD_PX) if ECD_PX in results.table else None,
        reference=reference,
        class_keys=keys,
        bins_um=(0.0,),
        thresholds=thresholds,
    )
    return promised_thresholds(reference, mixture={row.class_key: row.count for row in rows})
