"""Thresholds that promise something on instruments like a classification's, at its own mixture of classes."""

import numpy as np

from svp_core.classification.counted import confusion_reference_for, sizes_in_px
from svp_core.classification.results import ClassificationResults
from svp_core.classification.settings import CONFIDENCE_THRESHOLD
from svp_core.classification.strangers import withheld_reason
from svp_core.stats.calibration import Promise, promised_thresholds
from svp_core.stats.confusion import similar_in_px
from svp_core.stats.counts import apply_thresholds, corrected_counts


def promises_for(results: ClassificationResults) -> list[Promise]:
    """The promised threshold of every class; [] where the reference does not tell instruments apart.

    results: its table needs counted.ECD_PX where results.csv has it. The mixture is that of the corrected counts at the
    default threshold; only reference particles as large as these results' ones count.
    """
    reference, _ = (None, "") if withheld_reason(results) else confusion_reference_for(results)
    if reference is None or reference.instruments is None or not len(results.probs):
        return []
    keys = results.class_keys
    thresholds = dict.fromkeys(keys, CONFIDENCE_THRESHOLD)
    sizes_px = sizes_in_px(results)
    rows = corrected_counts(
        apply_thresholds(results.probs, keys, thresholds=thresholds),
        np.zeros(len(results.probs)),
        sizes_px=sizes_px,
        reference=reference,
        class_keys=keys,
        bins_um=(0.0,),
        thresholds=thresholds,
    )
    if sizes_px is not None and reference.sizes_px is not None:
        reference = reference.select(similar_in_px(reference, np.nan_to_num(sizes_px)))
    return promised_thresholds(reference, mixture={row.class_key: row.count for row in rows})
