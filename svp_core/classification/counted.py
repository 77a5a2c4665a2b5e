"""A classification counted by chosen settings: the figures of report and workbook, so that the two always agree."""

from dataclasses import dataclass

import numpy as np

from svp_core.classification.results import model_of, numeric_column
from svp_core.classification.settings import volume_in_files
from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.errors import LabError
from svp_core.model_files import weights_sha256
from svp_core.stats import counts

UNSURE = counts.UNSURE
VOLUME_ENTERED = "typed in"
SEEN_PX = "ecd_px"  # column that says how large the classifier saw a particle; counts are corrected by it


@dataclass(frozen=True, eq=False)
class CountResult:
    """Names, sizes and counts of the particles of a Classified."""

    labels: np.ndarray  # object (N,): class key or UNSURE
    sizes: np.ndarray  # float (N,): the diameter of the settings; nan where there is none
    volume_ml: float | None
    volume_from: str  # where the volume stands, "typed in", or why it is not used
    raw: list  # of counts.Count, cumulative, as named
    bands: list  # the same from each edge to the next
    corrected: list  # cumulative, corrected for confusion; [] without a reference
    ppv: list  # of counts.Ppv; [] without a reference
    by_run: dict  # name of the run -> raw counts by its own volume, [] where none has a size; {} for one run
    reference: counts.ConfusionReference | None
    no_reference: str  # why there is none, in words; "" where there is one


def count_particles(found, settings):
    """The Counted of a whole classification, whose table has the settings' diameter, and SEEN_PX where there is one."""
    labels, sizes = assign_labels(found, settings), numeric_column(found, settings.diameter)
    volume_ml, volume_from = _volume(found, settings)
    how = {"class_keys": found.class_keys, "volume_ml": volume_ml, "dilution": settings.dilution}
    counted = sizes if settings.in_um else np.zeros(len(labels))
    (reference, no_reference), corrected, ppv = confusion_reference_for(found), [], []
    if reference is not None:
        known = {"reference": reference, "thresholds": thresholds_of(found, settings)}
        in_px = numeric_column(found, SEEN_PX) if SEEN_PX in found.table else None
        corrected = counts.corrected_counts(labels, counted, sizes_px=in_px, bins_um=settings.bins, **how, **known)
        ppv = counts.predictive_values(labels, class_keys=found.class_keys, **known)
    return CountResult(
        labels,
        sizes,
        volume_ml,
        volume_from,
        raw=counts.count_table(labels, counted, bins_um=settings.bins, **how),
        bands=counts.count_table(labels, counted, bins_um=settings.bins, differential=True, **how),
        corrected=corrected,
        ppv=ppv,
        by_run=_by_run(found, labels, counted, settings, how),
        reference=reference,
        no_reference=no_reference,
    )


def count_selected(found, settings, chosen):
    """Raw cumulative counts of some particles only: list of counts.Count. chosen: bool (N,)."""
    labels, sizes = assign_labels(found, settings), numeric_column(found, settings.diameter)
    sizes = sizes if settings.in_um else np.zeros(len(labels))
    volume_ml, _ = _volume(found, settings)
    return counts.count_table(
        labels[chosen],
        sizes[chosen],
        class_keys=found.class_keys,
        bins_um=settings.bins,
        volume_ml=volume_ml,
        dilution=settings.dilution,
    )


def assign_labels(found, settings):
    """What each particle is called: object (N,), a class key, or UNSURE below its class's threshold."""
    return counts.apply_thresholds(found.probs, found.class_keys, thresholds=thresholds_of(found, settings))


def thresholds_of(found, settings):
    """Class key -> least probability, for every class."""
    return {key: settings.least(key) for key in found.class_keys}


def confusion_reference_for(found):
    """(counts.Reference of this classification's model, or None; why there is none, in words)."""
    named_by = found.summary.get("weights_sha256")
    try:
        folder = model_of(found.summary)
        reference = read_confusion_reference(folder)
        if named_by and named_by != weights_sha256(folder):
            return None, f"The model {folder.name} has other weights now than those that named these particles."
    except LabError as error:
        return None, str(error)
    if reference is None:
        return None, "It is not known how this model names labelled particles that it was not trained on."
    if tuple(reference.class_keys) != found.class_keys:
        return None, "What is known of this model is of other classes than these results."
    return reference, ""


def band_of(sizes, bins):
    """Place of each size in the bins, int (N,): 0 from the first edge on, -1 below it or without a size."""
    return np.where(np.isnan(sizes), -1, np.searchsorted(np.asarray(bins, float), sizes, side="right") - 1)


def _volume(found, settings):
    in_files, stands = volume_in_files(found.summary)
    if found.missing:
        return None, f"not used, since {found.missing:,} particles of the source were not reached"
    if settings.volume_ml is None:
        return None, ""
    same = in_files is not None and abs(settings.volume_ml - in_files) <= 1e-9 * in_files
    return settings.volume_ml, stands if same else VOLUME_ENTERED


def _by_run(found, labels, sizes, settings, how):
    runs = found.summary.get("runs", [])
    if len(runs) < 2:
        return {}
    run_of, by_run = found.table["run"].to_numpy(object), {}
    for run in runs:
        mine = run_of == run["name"]
        unsized = mine.any() and np.isnan(sizes[mine]).all()  # then nothing is known of any size: no 0
        volume_ml = None if found.missing else run.get("volume_ml")
        by_run[run["name"]] = (
            []
            if unsized
            else counts.count_table(labels[mine], sizes[mine], bins_um=settings.bins, **how | {"volume_ml": volume_ml})
        )
    return by_run
