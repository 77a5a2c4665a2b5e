"""Counts of a classification by chosen settings; report, workbook and pages use them, so that their numbers agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.folded_classes import reference_for
from svp_core.classification.own_instrument import own_reference, why_not_corrected
from svp_core.classification.results import ClassificationResults, border_weights, model_of, numeric_column
from svp_core.classification.settings import CountSettings, volume_in_files
from svp_core.classification.strangers import mark_unlike, withheld_reason
from svp_core.classifier.confusion_reference import MATCHED_FILE, read_confusion_reference
from svp_core.errors import LabError
from svp_core.model_files import weights_sha256
from svp_core.novelty.calibration import LEVEL
from svp_core.stats import counts
from svp_core.stats.confusion import combine_references
from svp_core.stats.predictive_values import PredictiveValue, predictive_values

UNSURE = counts.UNSURE
VOLUME_ENTERED = "typed in"  # volume_from of a volume that the user entered
MIN_OWN = 10  # labelled particles of every class, from which on those of the instrument alone are a reference
ECD_PX = "ecd_px"  # column with the size at which the classifier saw a particle; correction goes by it


@dataclass(frozen=True, eq=False)
class CountResult:
    """Assigned classes, sizes and counts of the particles of a ClassificationResults."""

    labels: NDArray[np.object_]  # (N,): class key, UNSURE or UNLIKE
    sizes: NDArray[np.float64]  # (N,): diameter of the settings; NaN where not measured
    volume_ml: float | None
    volume_from: str  # where the volume was found, VOLUME_ENTERED, or why it is not used
    raw: list[counts.Count]  # cumulative, as assigned
    bands: list[counts.Count]  # as assigned, from each edge to the next
    corrected: list[counts.Count]  # cumulative, corrected for confusion; [] without a reference
    ppv: list[PredictiveValue]  # [] without a reference
    by_run: dict[str, list[counts.Count]]  # run -> raw counts by its own volume, [] if none has a size; {} for one run
    reference: counts.ConfusionReference | None
    no_reference: str  # why there is no reference, as a sentence; "" where there is one


def count_particles(results: ClassificationResults, settings: CountSettings) -> CountResult:
    """Count a whole classification.

    results: its table needs the settings' diameter, and ECD_PX where results.csv has it.
    """
    labels, diameters = assign_labels(results, settings), numeric_column(results, settings.diameter)
    volume_ml, volume_from = _volume(results, settings)
    options: dict[str, Any] = {
        "class_keys": results.class_keys,
        "volume_ml": volume_ml,
        "dilution": settings.dilution,
        "weights": border_weights(results),
    }
    sizes = diameters if settings.in_um else np.zeros(len(labels))
    reference, no_reference = reference_for_counts(results, settings)
    corrected, ppv = [], []
    if reference is not None:
        thresholds = thresholds_of(results, settings)
        sizes_px = sizes_in_px(results)
        corrected = counts.corrected_counts(
            labels,
            sizes,
            reference=reference,
            thresholds=thresholds,
            sizes_px=sizes_px,
            bins_um=settings.bins,
            **options,
        )
        ppv = predictive_values(
            labels, reference=reference, thresholds=thresholds, class_keys=results.class_keys, sizes_px=sizes_px
        )
    return CountResult(
        labels,
        diameters,
        volume_ml,
        volume_from,
        raw=counts.count_table(labels, sizes, bins_um=settings.bins, **options),
        bands=counts.count_table(labels, sizes, bins_um=settings.bins, differential=True, **options),
        corrected=corrected,
        ppv=ppv,
        by_run=_by_run(results, labels, sizes, settings, options),
        reference=reference,
        no_reference=no_reference,
    )


def count_selected(
    results: ClassificationResults, settings: CountSettings, selected: NDArray[np.bool_] | NDArray[np.intp]
) -> list[counts.Count]:
    """Raw cumulative counts of some particles only. selected: bool (N,), or int (n,) positions."""
    labels, sizes = assign_labels(results, settings), numeric_column(results, settings.diameter)
    sizes = sizes if settings.in_um else np.zeros(len(labels))
    volume_ml, _ = _volume(results, settings)
    return counts.count_table(
        labels[selected],
        sizes[selected],
        class_keys=results.class_keys,
        bins_um=settings.bins,
        volume_ml=volume_ml,
        dilution=settings.dilution,
        weights=None if (weights := border_weights(results)) is None else weights[selected],
    )


def sizes_in_px(results: ClassificationResults) -> NDArray[np.float64] | None:
    """ECD in pixels (N,), NaN where not measured; None where results.csv has none, or its table lacks ECD_PX."""
    return numeric_column(results, ECD_PX) if ECD_PX in results.table else None


def assign_labels(results: ClassificationResults, settings: CountSettings) -> NDArray[np.object_]:
    """Assigned class of each particle: object (N,), a class key, UNSURE below its class's threshold, or UNLIKE."""
    labels = counts.apply_thresholds(results.probs, results.class_keys, thresholds=thresholds_of(results, settings))
    return mark_unlike(labels, results, settings.unlike_below)


def thresholds_of(results: ClassificationResults, settings: CountSettings) -> dict[str, float]:
    """Minimum probability of every class: class key -> 0..1."""
    return {key: settings.threshold(key) for key in results.class_keys}


def reference_for_counts(
    results: ClassificationResults, settings: CountSettings
) -> tuple[counts.ConfusionReference | None, str]:
    """confusion_reference_for(), as counts by these settings use it.

    None where the sample is unlike the labelled particles. The marks of these as unlike are left out where particles
    are not marked, or at another level.
    """
    if reason := withheld_reason(results):
        return None, reason
    reference, reason = confusion_reference_for(results)
    if reference is not None and settings.unlike_below != LEVEL:
        reference = replace(reference, unlike=None)
    return reference, reason


def confusion_reference_for(results: ClassificationResults) -> tuple[counts.ConfusionReference | None, str]:
    """Confusion reference of a classification; (None, reason as a sentence) without one.

    The one matched to its own images, which the classify task stored beside the results; otherwise that of its model.
    Where the classifier was validated on particles of the same instrument, they are part of it and count in full; alone
    they are a reference from MIN_OWN of every class on. For folded results it is folded as they are.
    """
    if reason := why_not_corrected(results.summary, results.class_keys):
        return None, reason
    simulated, reason = _simulated_reference(results)
    own = own_reference(results.summary, results.class_keys)
    if own is None:
        return simulated, reason
    if simulated is not None:
        return combine_references(simulated, own), ""
    fewest = int(np.bincount(own.labels, minlength=len(own.class_keys)).min())
    return (own, "") if fewest >= MIN_OWN else (None, reason)


def _simulated_reference(results: ClassificationResults) -> tuple[counts.ConfusionReference | None, str]:
    try:
        matched = read_confusion_reference(results.folder, file=MATCHED_FILE)
    except LabError as error:
        return None, str(error)
    if matched is not None and (found := reference_for(matched, results.class_keys)) is not None:
        return found, ""
    recorded_sha256 = results.summary.get("weights_sha256")
    try:
        folder = model_of(results.summary)
        reference = read_confusion_reference(folder)
        if recorded_sha256 and recorded_sha256 != weights_sha256(folder):
            return None, f"The weights of the model {folder.name} have changed since these particles were classified."
    except LabError as error:
        return None, str(error)
    if reference is None:
        return None, "This model comes without results on labelled particles that it was not trained on."
    found = reference_for(reference, results.class_keys)
    if found is None:
        return None, "The model's results on labelled particles are for other classes than these results."
    return found, ""


def band_of(sizes: ArrayLike, bins: Sequence[float]) -> NDArray[np.intp]:
    """Index of each size's bin, int (N,): 0 for the first one, -1 below it or without a size."""
    sizes = np.asarray(sizes, float)
    return np.where(np.isnan(sizes), -1, np.searchsorted(np.asarray(bins, float), sizes, side="right") - 1)


def _volume(results: ClassificationResults, settings: CountSettings) -> tuple[float | None, str]:
    in_files, volume_from = volume_in_files(results.summary)
    if results.missing:
        return None, f"not used, because {results.missing:,} particles of the source were not processed"
    if settings.volume_ml is None:
        return None, ""
    same = in_files is not None and abs(settings.volume_ml - in_files) <= 1e-9 * in_files
    return settings.volume_ml, volume_from if same else VOLUME_ENTERED


def _by_run(
    results: ClassificationResults,
    labels: NDArray[np.object_],
    sizes: NDArray[np.float64],
    settings: CountSettings,
    options: Mapping[str, Any],
) -> dict[str, list[counts.Count]]:
    runs = results.summary.get("runs", [])
    if len(runs) < 2:
        return {}
    weights = options["weights"]
    run_names, by_run = results.table["run"].to_numpy(object), {}
    for run in runs:
        mask = run_names == run["name"]
        if mask.any() and np.isnan(sizes[mask]).all():  # no size is known, so a count of 0 would be wrong
            by_run[run["name"]] = []
            continue
        volume_ml = None if results.missing else run.get("volume_ml")
        by_run[run["name"]] = counts.count_table(
            labels[mask],
            sizes[mask],
            bins_um=settings.bins,
            **{**options, "volume_ml": volume_ml, "weights": None if weights is None else weights[mask]},
        )
    return by_run
