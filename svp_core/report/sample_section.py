"""What was measured, in a report: the source, its runs, the instrument's settings, what the person wrote about it."""

import numpy as np

from svp_core.classification.counted import UNSURE, VOLUME_ENTERED
from svp_core.classification.results import scale_warning_of
from svp_core.classification.settings import runs_without_volume, volume_in_files
from svp_core.display import count_noun, format_percent, join_names
from svp_core.instruments.metadata import SOURCE_KINDS, format_volume
from svp_core.report.markup import Html, definition_list, join, paragraphs, tag


def sample_facts(found, counted, settings):
    """Html of what a reader asks first: how many particles of what, in which volume, at which scale."""
    summary = found.summary
    unsure = int((counted.labels == UNSURE).sum())
    return definition_list(
        [
            ("Source", summary.get("title") if settings.title.strip() not in ("", summary.get("title")) else None),
            ("Items offered", f"{found.offered:,}"),
            ("Particles named", f"{len(counted.labels) - unsure:,}"),
            ("Unsure", f"{unsure:,} ({format_percent(unsure / len(counted.labels))})" if len(counted.labels) else "0"),
            ("Rejected", f"{len(found.rejected):,}"),
            ("Pixel size", _scale(summary)),
            ("Volume imaged", _volume(counted, summary)),
            ("Dilution", f"{settings.dilution:g}" if settings.dilution != 1 else None),
            ("Named by", summary.get("weights")),
        ]
    )


def sample_warnings(found, counted, settings):
    """Html of what must be known before the counts are used; empty where there is nothing."""
    said = [sentence] if (sentence := scale_warning_of(found)) else []
    if found.missing:
        said.append(
            f"The classification was stopped after {found.offered:,} of {found.offered + found.missing:,} items: the "
            "counts are of those only, and nothing is given per mL."
        )
    elif counted.volume_ml is None and (lacking := runs_without_volume(found.summary.get("runs", []))):
        said.append(
            f"The files of {join_names(lacking)} do not say the volume imaged: of all runs together there are counts, "
            "and nothing per mL."
        )
    elif counted.volume_ml is None:
        said.append("The volume imaged is not known: there are counts, and nothing per mL.")
    if not settings.in_um:
        said.append(
            "The pixel size is not known, or sizes are asked for in pixels: particles are counted without sizes."
        )
    else:
        unsized, below = int(np.isnan(counted.sizes).sum()), int((counted.sizes < settings.bins[0]).sum())
        if unsized:
            said.append(f"{count_noun(unsized, 'particle')} without a size: in no size bin.")
        if below:
            said.append(f"{count_noun(below, 'particle')} smaller than {settings.bins[0]:g} µm: in no size bin.")
    for run in found.summary.get("runs", []):
        dilution = run.get("dilution")
        if dilution not in (None, 1) and dilution != settings.dilution:
            said.append(
                f"The files of {run['name']} say a dilution of {dilution:g}; figures per mL are multiplied by "
                f"{settings.dilution:g}."
            )
    return tag("div", *(tag("p", sentence) for sentence in said), class_="warning") if said else Html("")


def run_section(found, settings):
    """Html of every run with its settings, the reader's notes, and the person's remarks."""
    runs = found.summary.get("runs", [])
    notes = found.summary.get("notes", [])
    return join(
        tag("h3", "Remarks") if settings.remarks.strip() else None,
        paragraphs(settings.remarks),
        *(_run(run) for run in runs),
        tag("h3", "Notes of the reader") if notes else None,
        tag("ul", *(tag("li", note) for note in notes)) if notes else None,
    )


def _run(run):
    known = definition_list(
        [
            ("Kind", SOURCE_KINDS.get(run["kind"], run["kind"])),
            ("Instrument", run.get("instrument")),
            ("Particles", f"{run['count']:,}"),
            ("Pixel size", _with_place(run.get("um_per_px"), lambda um: f"{um:.6g} µm", run.get("um_per_px_from"))),
            ("Volume imaged", _with_place(run.get("volume_ml"), format_volume, run.get("volume_from"))),
            ("Dilution in its files", f"{run['dilution']:g}" if run.get("dilution") is not None else None),
            (
                "Share of the sample imaged",
                format_percent(run["efficiency"]) if run.get("efficiency") is not None else None,
            ),
        ]
    )
    settings = run.get("settings") or {}
    own = [tag("h4", "Settings and figures in its own files"), definition_list(settings.items())] if settings else None
    return join(tag("h3", run["name"]), known, own)


def _with_place(value, words, place):
    if value is None:
        return "not in its files"
    return words(value) + (f" ({place})" if place else "")


def _scale(summary):
    if summary.get("um_per_px"):
        return f"{summary['um_per_px']:g} µm"
    if any(run.get("um_per_px") for run in summary.get("runs", [])):
        return "not the same throughout; see the runs"
    return "unknown: sizes are in pixels"


def _volume(counted, summary):
    if counted.volume_ml is None:
        lacking = runs_without_volume(summary.get("runs", []))
        return counted.volume_from or (f"unknown of {join_names(lacking)}" if lacking else "unknown")
    words = format_volume(counted.volume_ml)
    if counted.volume_from != VOLUME_ENTERED:
        return words
    in_files, _ = volume_in_files(summary)
    return f"{words}, typed in" + ("" if in_files is None else f"; the files say {format_volume(in_files)}")
