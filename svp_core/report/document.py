"""The report as HTML: data from the sections' modules, layout from templates/report.html.j2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from svp_core.classification.correction_basis import correction_basis
from svp_core.classification.counted import ECD_PX, UNSURE, CountResult, count_particles, sizes_in_px, thresholds_of
from svp_core.classification.results import ClassificationResults, measure_label, numeric_column
from svp_core.classification.settings import CountSettings, read_with_settings
from svp_core.classification.size_comparison import COMPARED_COLUMNS, size_comparison_of
from svp_core.files import atomic_write
from svp_core.particle_classes import UNLIKE
from svp_core.report import count_tables, examples, instrument_section, method_section, plots, sample_section
from svp_core.report.confidence_table import confidence_table
from svp_core.report.decisions import review_decisions
from svp_core.report.render import css_string, render
from svp_core.workspace.signatures import Signature

_STYLE = Path(__file__).with_name("style.css")
_SHAPE = "circularity"  # y axis of the scatter plot


@dataclass(frozen=True)
class Plots:
    """Plots of sizes, shapes and confidence."""

    size_label: str
    sizes: plots.Histograms
    has_bin_lines: bool
    shapes: plots.Scatter | None
    confidence: plots.Histograms


def write_report(job_folder: str | Path, path: str | Path, *, settings: Mapping[str, Any] | None = None) -> None:
    """Write the report of a classify job's folder to a file.

    settings: fields of CountSettings; those left out take their default, see default_settings(). Raises LabError where
    the folder is not a finished classification, a setting is invalid, or the file cannot be written.
    """
    data = report_html(job_folder, settings=settings).encode("utf-8")
    atomic_write(path, lambda temporary: temporary.write_bytes(data))


def report_html(
    job_folder: str | Path, *, settings: Mapping[str, Any] | None = None, signatures: Sequence[Signature] = ()
) -> str:
    """The report as text; settings and errors as for write_report(). signatures: printed at its end."""
    results, chosen = read_with_settings(job_folder, settings, (_SHAPE, ECD_PX, *COMPARED_COLUMNS))
    counted, comparison = count_particles(results, chosen), size_comparison_of(results)
    order = [*results.class_keys, *(label for label in (UNSURE, UNLIKE) if (counted.labels == label).any())]
    title = chosen.title.strip() or str(results.summary.get("title", "")) or "Particle report"
    return render(
        "report.html.j2",
        title=title,
        style=_style(title, chosen.date),
        byline=" · ".join(part for part in (chosen.author.strip(), chosen.date) if part),
        author=chosen.author.strip(),
        facts=sample_section.sample_facts(results, counted, chosen),
        informational=method_section.INFORMATIONAL,
        warnings=sample_section.sample_warnings(results, counted, chosen),
        size_comparison=comparison.sentence if comparison else "",
        cumulative=count_tables.cumulative_table(counted, chosen),
        small_size_notes=count_tables.small_size_notes(chosen),
        size_tables=count_tables.size_range_tables(counted, chosen),
        runs=count_tables.run_tables(counted, chosen),
        ppv=count_tables.ppv_rows(counted),
        correction_basis=correction_basis(counted.reference, sizes_in_px(results)),
        no_reference=counted.no_reference,
        confidence_worth=confidence_table(counted.reference),
        plots=_plots(results, counted, chosen, order),
        examples=examples.example_tables(results, counted, chosen, order),
        instrument=instrument_section.instrument_section(results),
        sample=sample_section.sample_section(results, chosen),
        unsure=examples.unsure_list(results, counted, chosen),
        rejected=examples.rejected_list(results),
        reviews=review_decisions(results.folder),
        method=method_section.method_section(results, counted, chosen),
        signatures=signatures,
    )


def _style(title: str, date: str) -> Markup:
    """The style sheet, with title and date at the foot of every printed page."""
    footer = css_string(" · ".join(part for part in (title[:80], date) if part))
    return Markup(_STYLE.read_text("utf-8").replace('"FOOTER"', footer))


def _plots(
    results: ClassificationResults, counted: CountResult, settings: CountSettings, order: Sequence[str]
) -> Plots:
    size_label = measure_label(settings.diameter)
    shapes = None
    if _SHAPE in results.columns:
        shapes = plots.scatter(
            counted.sizes,
            numeric_column(results, _SHAPE),
            counted.labels,
            order,
            x_title=size_label,
            y_title=measure_label(_SHAPE),
            log=True,
        )
    confidence = results.probs.max(1, initial=0)
    best = np.zeros(0, int) if not len(confidence) else results.probs.argmax(1)
    most_likely = np.asarray(results.class_keys, object)[best]
    thresholds = thresholds_of(results, settings)
    return Plots(
        size_label=size_label,
        sizes=plots.histograms(
            {key: counted.sizes[counted.labels == key] for key in order},
            title=size_label,
            log=True,
            lines=dict.fromkeys(order, settings.bins),
        ),
        has_bin_lines=settings.in_um,
        shapes=shapes,
        confidence=plots.histograms(
            {key: confidence[most_likely == key] for key in results.class_keys},
            title="Probability of the most likely class",
            ends=(0.0, 1.0),
            lines={key: (thresholds[key],) for key in results.class_keys},
        ),
    )
