"""Settings of counting and reporting: what the user chose, validated, with defaults from the classification."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from svp_core.classification.derived_columns import SIZE
from svp_core.classification.folded_classes import can_be_folded, fold_results, folded_keys
from svp_core.classification.results import (
    ClassificationResults,
    diameter_columns,
    is_in_um,
    is_instrument_diameter,
    read_heading,
    read_results_folder,
)
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL
from svp_core.particle_classes import SIZE_BINS_UM

CONFIDENCE_THRESHOLD = 0.8  # default for all classes
MAX_BINS = 12  # that fit a page
MAX_BIN_UM = 10_000.0
# Longest texts, in characters.
MAX_LENGTHS = {"title": 300, "author": 200, "remarks": 20_000, "sample": 200, "lot": 200, "operator": 200}
SAMPLE_FIELDS = {"sample": "Sample", "lot": "Lot", "operator": "Operator"}  # field -> label on reports and exports


@dataclass(frozen=True)
class CountSettings:
    """How a classification is counted, and what a report or an export says about its sample."""

    bins_um: tuple[float, ...] = SIZE_BINS_UM  # lower edges, ascending
    diameter: str = SIZE  # column of results.csv that gives a particle's size
    thresholds: dict[str, float] = field(default_factory=dict)  # class key -> minimum probability; others: unsure_below
    unsure_below: float = CONFIDENCE_THRESHOLD
    unlike_below: float = LEVEL  # a particle with at most this p-value is unlike all classes; 0: none is marked
    volume_ml: float | None = None  # imaged volume; None: unknown, so counts only
    dilution: float = 1.0  # concentrations per mL are multiplied by it
    title: str = ""
    author: str = ""
    remarks: str = ""
    date: str = ""  # YYYY-MM-DD; "" is left out
    sample: str = ""  # name or id of the sample
    lot: str = ""
    operator: str = ""  # who ran the instrument
    fold_others: bool = False  # glass flakes, fibres and other particles as one class, see folded_classes

    @property
    def in_um(self) -> bool:
        """Whether particles are counted by size; diameters in px give counts without sizes."""
        return is_in_um(self.diameter)

    @property
    def bins(self) -> tuple[float, ...]:
        """Lower edges used for counting: in µm, or (0,) for particles of any size."""
        return self.bins_um if self.in_um else (0.0,)

    def threshold(self, class_key: str) -> float:
        """Probability below which a particle whose most likely class is this one is unsure."""
        return self.thresholds.get(class_key, self.unsure_below)

    def sample_facts(self) -> dict[str, str]:
        """Label -> text of the sample, lot and operator that were entered."""
        texts = {label: getattr(self, name).strip() for name, label in SAMPLE_FIELDS.items()}
        return {label: text for label, text in texts.items() if text}


def default_settings(summary: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """Default settings as a dict for read_settings(), from summary.json and the columns of results.csv.

    Diameter: the size of record; without one, as in results of earlier versions, ECD in µm, in px where no scale is
    known. Imaged volume: where the files of all runs state it. Title:
    the source's. Sample, lot and operator: as summary.json has them.
    """
    texts: dict[str, Any] = {
        name: str(summary.get(name) or "")[: MAX_LENGTHS[name]] for name in ("title", *SAMPLE_FIELDS)
    }
    return asdict(
        CountSettings(
            diameter=_default_diameter(summary, list(columns)),
            volume_ml=volume_in_files(summary)[0],
            **texts,
        )
    )


def _default_diameter(summary: Mapping[str, Any], columns: Sequence[str]) -> str:
    scaled = bool(summary.get("um_per_px")) or any(run.get("um_per_px") for run in summary.get("runs", []))
    if SIZE in columns and (scaled or summary.get("size_rules")):
        return SIZE
    return "ecd_um" if scaled and "ecd_um" in columns else "ecd_px"


def volume_in_files(summary: Mapping[str, Any]) -> tuple[float | None, str]:
    """Imaged volume in mL of all runs together and where the files state it; (None, "") where a run has none."""
    runs = summary.get("runs", [])
    volumes = [run.get("volume_ml") for run in runs]
    if not volumes or None in volumes:
        return None, ""
    return sum(volumes), "; ".join(dict.fromkeys(run["volume_from"] for run in runs))


def runs_without_volume(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the runs (of summary.json) without an imaged volume where others have one, otherwise []."""
    without = [run["name"] for run in runs if run.get("volume_ml") is None]
    return without if len(without) < len(runs) else []


def read_settings(
    values: Mapping[str, Any] | None,
    *,
    summary: Mapping[str, Any],
    columns: Iterable[str],
    class_keys: Sequence[str],
) -> CountSettings:
    """Validated settings from a dict of CountSettings fields; fields left out (or None for all) take their default.

    class_keys: of results.csv; with fold_others, thresholds are of the folded ones.
    Raises LabError for a value that cannot be used, ValueError for a field that does not exist.
    """
    columns = list(columns)
    settings = CountSettings(**{**default_settings(summary, columns), **_known_fields(values or {})})
    offered = diameter_columns(columns)
    if settings.diameter not in offered and not (
        settings.diameter in columns and is_instrument_diameter(settings.diameter)
    ):
        usable = ", ".join(name for name in offered if "." not in name)
        raise LabError(f"These results have no diameter {settings.diameter!r}; choose one of {usable}.")
    for name, longest in MAX_LENGTHS.items():
        if (length := len(getattr(settings, name))) > longest:
            raise LabError(f"The {name} has {length:,} characters; use at most {longest:,}.")
    _check_date(settings.date)
    _check_fold(settings.fold_others, class_keys)
    keys = folded_keys(class_keys) if settings.fold_others else class_keys
    volume_ml = settings.volume_ml
    return replace(
        settings,
        bins_um=_checked_bins(settings.bins_um),
        thresholds=_checked_thresholds(settings.thresholds or {}, keys),
        unsure_below=_number(settings.unsure_below, "The confidence threshold", 0, 1),
        unlike_below=_number(settings.unlike_below, "The level at which particles are unlike", 0, 0.5),
        volume_ml=None if volume_ml is None else _number(volume_ml, "The imaged volume in mL", 1e-9, 1e6),
        dilution=_number(settings.dilution, "The dilution", 1e-6, 1e9),
    )


def read_with_settings(
    folder: str | Path, values: Mapping[str, Any] | None, columns: Iterable[str] = ()
) -> tuple[ClassificationResults, CountSettings]:
    """Results of a job folder as these settings count them, folded where they say so, and the settings, validated.

    columns: of results.csv, for .table beside the settings' diameter; those that it lacks are left out. Errors: of
    read_results_folder() and read_settings().
    """
    summary, names, keys = read_heading(folder)
    settings = read_settings(values, summary=summary, columns=names, class_keys=keys)
    wanted = dict.fromkeys((settings.diameter, *columns))
    results = read_results_folder(folder, [name for name in wanted if name in names])
    return (fold_results(results) if settings.fold_others else results), settings


def _known_fields(values: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = CountSettings.__dataclass_fields__
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r}; settings are {', '.join(fields)}")
    return values


def _checked_bins(bins_um: Iterable[Any]) -> tuple[float, ...]:
    bins = tuple(_number(edge, "A size bin", 0, MAX_BIN_UM) for edge in bins_um)
    if not 1 <= len(bins) <= MAX_BINS or any(a >= b for a, b in itertools.pairwise(bins)):
        shown = ", ".join(f"{edge:g}" for edge in bins[:20]) or "(none)"
        raise LabError(f"Invalid size bins {shown}; give 1 to {MAX_BINS} ascending lower edges like 2, 5, 10, 25.")
    return bins


def _checked_thresholds(thresholds: Mapping[str, Any], class_keys: Sequence[str]) -> dict[str, float]:
    unknown = [key for key in thresholds if key not in class_keys]
    if unknown:
        raise LabError(
            f"There is a threshold for {unknown[0]!r}, which is not a class of these results; their classes are "
            f"{', '.join(class_keys)}."
        )
    return {key: _number(value, f"The threshold of {key}", 0, 1) for key, value in thresholds.items()}


def _number(value: Any, what: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        raise LabError(f"{what} must be a number from {low:g} to {high:g}; got {str(value)[:40]!r}.")
    return number


def _check_fold(fold_others: Any, class_keys: Sequence[str]) -> None:
    if not isinstance(fold_others, bool):
        raise LabError(f"Whether other particles are one class must be true or false; got {str(fold_others)[:40]!r}.")
    if fold_others and not can_be_folded(class_keys):
        raise LabError(
            f"These results have the classes {', '.join(class_keys)}, so there are no further ones to count as other; "
            "count them as they are."
        )


def _check_date(text: str) -> None:
    try:
        if not text or date.fromisoformat(text).isoformat() == text:
            return
    except ValueError:
        pass
    raise LabError(f"The date {text[:40]!r} is invalid; write it like 2025-04-09.")
