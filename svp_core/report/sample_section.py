"""Sample section of a report: key facts, warnings, runs with the instrument's settings, notes and remarks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from svp_core.classification.counted import UNSURE, VOLUME_ENTERED, CountResult
from svp_core.classification.results import ClassificationResults, notes_of, scale_warning_of
from svp_core.classification.settings import CountSettings, runs_without_volume, volume_in_files
from svp_core.classification.strangers import has_novelty, verdict_sentence
from svp_core.display import count_noun, format_percent, format_share, join_names, model_label
from svp_core.instruments.metadata import SOURCE_KINDS, format_volume
from svp_core.particle_classes import UNLIKE
from svp_core.report.render import Fact, facts


@dataclass(frozen=True)
class Run:
    """A run of the instrument with its settings."""

    name: str
    facts: list[Fact]
    settings: list[Fact]


@dataclass(frozen=True)
class SampleSection:
    """Remarks, runs and notes."""

    remarks: str
    runs: list[Run]
    notes: list[str]


def sample_facts(results: ClassificationResults, counted: CountResult, settings: CountSettings) -> list[Fact]:
    """Key facts for the head of the report: sample, number of particles, imaged volume, pixel size."""
    summary, total = results.summary, len(counted.labels)
    unsure, unlike = (int((counted.labels == label).sum()) for label in (UNSURE, UNLIKE))
    return facts(
        [
            *settings.sample_facts().items(),
            ("Source", summary.get("title") if settings.title.strip() not in ("", summary.get("title")) else None),
            ("Items processed", f"{results.offered:,}"),
            ("Particles classified", f"{total - unsure - unlike:,}"),
            ("Unsure", f"{unsure:,} ({format_share(unsure, total)})" if total else "0"),
            ("Unlike all classes", f"{unlike:,} ({format_share(unlike, total)})" if has_novelty(results) else None),
            ("Rejected", f"{len(results.rejected):,}"),
            ("Pixel size", _scale(summary)),
            ("Volume imaged", _volume(counted, summary)),
            ("Dilution", f"{settings.dilution:g}" if settings.dilution != 1 else None),
            ("Classified by", model_label(summary.get("weights") or "")),
        ]
    )


def sample_warnings(results: ClassificationResults, counted: CountResult, settings: CountSettings) -> list[str]:
    """What must be known before the counts are used: sentences, none where there is nothing."""
    warnings = [
        verdict_sentence(results),
        scale_warning_of(results),
        _volume_warning(results, counted),
        *_size_warnings(counted, settings),
    ]
    for run in results.summary.get("runs", []):
        dilution = run.get("dilution")
        if dilution not in (None, 1) and dilution != settings.dilution:
            warnings.append(
                f"The files of {run['name']} state a dilution of {dilution:g}; concentrations per mL are multiplied "
                f"by {settings.dilution:g}."
            )
    return [warning for warning in warnings if warning]


def sample_section(results: ClassificationResults, settings: CountSettings) -> SampleSection:
    """Every run with its settings, the notes from reading the files, and the author's remarks."""
    summary = results.summary
    return SampleSection(settings.remarks, [_run(run) for run in summary.get("runs", [])], notes_of(summary))


def _volume_warning(results: ClassificationResults, counted: CountResult) -> str:
    if results.missing:
        return (
            f"The classification was stopped after {results.offered:,} of {results.offered + results.missing:,} items: "
            "counts are of those only, and no concentrations per mL are given."
        )
    if counted.volume_ml is not None:
        return ""
    if lacking := runs_without_volume(results.summary.get("runs", [])):
        return (
            f"The files of {join_names(lacking)} do not state the imaged volume: for all runs together there are "
            "counts, but no concentrations per mL."
        )
    return "The imaged volume is not known: there are counts, but no concentrations per mL."


def _size_warnings(counted: CountResult, settings: CountSettings) -> list[str]:
    if not settings.in_um:
        return ["The pixel size is not known, or sizes are requested in pixels: particles are counted without sizes."]
    warnings = []
    unsized, below = int(np.isnan(counted.sizes).sum()), int((counted.sizes < settings.bins[0]).sum())
    if unsized:
        warnings.append(f"{count_noun(unsized, 'particle')} without a size: in no size bin.")
    if below:
        warnings.append(f"{count_noun(below, 'particle')} smaller than {settings.bins[0]:g} µm: in no size bin.")
    return warnings


def _run(run: Mapping[str, Any]) -> Run:
    known = [
        ("Kind", SOURCE_KINDS.get(run["kind"], run["kind"])),
        ("Instrument", run.get("instrument")),
        ("Particles", f"{run['count']:,}"),
        ("Pixel size", _with_origin(run.get("um_per_px"), lambda um: f"{um:.6g} µm", run.get("um_per_px_from"))),
        ("Volume imaged", _with_origin(run.get("volume_ml"), format_volume, run.get("volume_from"))),
        ("Dilution in its files", f"{run['dilution']:g}" if run.get("dilution") is not None else None),
        (
            "Share of the sample imaged",
            format_percent(run["efficiency"]) if run.get("efficiency") is not None else None,
        ),
    ]
    return Run(run["name"], facts(known), facts((run.get("settings") or {}).items()))


def _with_origin(value: float | None, text: Callable[[float], str], origin: str | None) -> str:
    if value is None:
        return "not in its files"
    return text(value) + (f" ({origin})" if origin else "")


def _scale(summary: Mapping[str, Any]) -> str:
    if summary.get("um_per_px"):
        return f"{summary['um_per_px']:g} µm"
    if any(run.get("um_per_px") for run in summary.get("runs", [])):
        return "differs between the runs; see there"
    return "unknown: sizes are in pixels"


def _volume(counted: CountResult, summary: Mapping[str, Any]) -> str:
    if counted.volume_ml is None:
        lacking = runs_without_volume(summary.get("runs", []))
        return counted.volume_from or (f"unknown for {join_names(lacking)}" if lacking else "unknown")
    text = format_volume(counted.volume_ml)
    if counted.volume_from != VOLUME_ENTERED:
        return text
    in_files, _ = volume_in_files(summary)
    return f"{text}, typed in" + ("" if in_files is None else f"; the files state {format_volume(in_files)}")
