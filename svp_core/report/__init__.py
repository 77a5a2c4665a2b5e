"""The hand-over report: one self-contained HTML file that prints well; the same inputs give the same bytes.

Nothing in it is fetched from anywhere, nothing of it runs: pictures are in it, there is no script. No time of writing
and no path of this machine stands in it.
"""

from pathlib import Path

import numpy as np

from svp_core.classification.counted import ECD_PX, count_particles, thresholds_of
from svp_core.classification.results import measure_label, numeric_column, read_results_folder
from svp_core.classification.settings import default_settings, read_settings
from svp_core.files import atomic_write
from svp_core.report import count_tables, examples, method_section, plots, sample_section
from svp_core.report.decisions import decisions_section
from svp_core.report.markup import Html, as_css_text, join, tag
from svp_core.stats.counts import UNSURE

__all__ = ["default_settings", "write_report"]

_STYLE = Path(__file__).with_name("style.css")
_SHAPE = "circularity"  # the other axis of the scatter
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(job_folder, path, *, settings=None):
    """Write the report of a classify job's folder to this path.

    settings: dict with bins_um, diameter (column of results.csv), thresholds (class key -> least probability),
    unsure_below, volume_ml, dilution, title, author, remarks and date ("YYYY-MM-DD"); what is left out is standard,
    see standard_settings. Raises LabError where the folder is no finished classification, a setting cannot be, or the
    file cannot be written.
    """
    data = report_html(job_folder, settings=settings).encode("utf-8")
    atomic_write(path, lambda unfinished: unfinished.write_bytes(data))


def report_html(job_folder, *, settings=None):
    """The report as text; see write_report."""
    found = read_results_folder(job_folder)
    chosen = read_settings(settings, summary=found.summary, columns=found.columns, class_keys=found.class_keys)
    wanted = dict.fromkeys((chosen.diameter, _SHAPE, ECD_PX))
    found = read_results_folder(job_folder, [name for name in wanted if name in found.columns])
    counted = count_particles(found, chosen)
    order = [*found.class_keys, *([UNSURE] if (counted.labels == UNSURE).any() else [])]
    title = chosen.title.strip() or str(found.summary.get("title", "")) or "Particle report"
    parts = [
        (
            "",
            [
                _header(title, chosen),
                sample_section.sample_facts(found, counted, chosen),
                method_section.informational_note(),
                sample_section.sample_warnings(found, counted, chosen),
            ],
        ),
        ("Counts", _counts(counted, chosen)),
        ("Sizes and shapes", _plots(found, counted, chosen, order)),
        ("Examples", _examples(found, counted, chosen, order)),
        ("Sample and instrument", [sample_section.run_section(found, chosen)]),
        ("Unsure particles", [examples.unsure_list(found, counted, chosen)]),
        ("Rejected items", [examples.rejected_list(found)]),
        ("Reviewers' decisions", [decisions_section(found.folder)]),
        ("Method", [method_section.method_section(found, counted, chosen)]),
        ("Signatures", [_signatures(chosen)]),
    ]
    sections = [tag("section", tag("h2", head) if head else None, *body) for head, body in parts if join(*body)]
    return _page(title, chosen.date, sections)


def _page(title, date, sections):
    footer = as_css_text(" · ".join(part for part in (title[:80], date) if part))
    style = _STYLE.read_text("utf-8").replace('"FOOTER"', footer)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width"),
        tag("style", Html(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *sections)), lang='en')}\n"


def _header(title, settings):
    by = [part for part in (settings.author.strip(), settings.date) if part]
    return tag(
        "header",
        tag("p", "Particle report · flow imaging microscopy", class_="kind"),
        tag("h1", title),
        tag("p", " · ".join(by), class_="by") if by else None,
    )


def _counts(counted, settings):
    notes = [*count_tables.small_notes(settings)]
    return [
        count_tables.cumulative_table(counted, settings),
        *(tag("p", note, class_="note") for note in notes),
        count_tables.size_range_table(counted, settings) if len(settings.bins) > 1 else None,
        count_tables.run_tables(counted, settings),
        count_tables.ppv_table(counted)
        if counted.ppv
        else tag("p", f"Counts are not corrected for confusion between classes. {counted.no_reference}", class_="note"),
    ]


def _plots(found, counted, settings, order):
    words = measure_label(settings.diameter)
    by_class = {key: counted.sizes[counted.labels == key] for key in order}
    shown = [
        tag("h3", f"How large: {words}"),
        plots.histograms(by_class, words=words, log=True, marks=dict.fromkeys(order, settings.bins)),
        _note("Each panel has its own height." + (" Broken lines: the size bins." if settings.in_um else "")),
    ]
    if _SHAPE in found.columns:
        picture, drawn, both = plots.scatter(
            counted.sizes,
            numeric_column(found, _SHAPE),
            counted.labels,
            order,
            x_words=words,
            y_words=measure_label(_SHAPE),
            log=True,
        )
        shown += [tag("h3", "How round"), picture]
        shown += [_note(f"{drawn:,} of {both:,} particles are drawn, every class with its share.")] * (drawn < both)
    best = found.probs.max(1, initial=0)
    likeliest = np.asarray(found.class_keys, object)[found.probs.argmax(1)] if len(best) else np.array([], object)
    least = thresholds_of(found, settings)
    return [
        *shown,
        tag("h3", "How sure"),
        plots.histograms(
            {key: best[likeliest == key] for key in found.class_keys},
            words="Probability of the likeliest class",
            ends=(0.0, 1.0),
            marks={key: (least[key],) for key in found.class_keys},
        ),
        _note("By the likeliest class; left of the broken line a particle is unsure."),
    ]


def _examples(found, counted, settings, order):
    if not len(counted.labels):
        return []
    scales = found.table["um_per_px"].dropna().unique()
    side = found.tiles.shape[1]
    words = (
        f"Up to {examples.EXAMPLES} particles of each class and size, drawn by chance and not chosen. A picture is "
        f"{side} x {side} px"
    )
    if len(scales) == 1:
        return [
            tag(
                "p",
                words,
                f" or {side * scales[0]:.3g} µm across; what is larger is cut off. ",
                examples.scale_bar(scales[0]),
            ),
            examples.example_tables(found, counted, settings, order),
        ]
    more = "; the particles differ in pixel size." if len(scales) else "; the pixel size is not known."
    return [tag("p", words, more), examples.example_tables(found, counted, settings, order)]


def _signatures(settings):
    blank = tag("div", tag("span", ""), tag("small", "Date"))
    line = [
        tag("div", tag("span", settings.author.strip()), tag("small", "Written by")),
        tag("div", tag("span", ""), tag("small", "Signature")),
        blank,
    ]
    check = [
        tag("div", tag("span", ""), tag("small", "Read by")),
        tag("div", tag("span", ""), tag("small", "Signature")),
        blank,
    ]
    return tag("div", tag("div", *line), tag("div", *check), class_="signatures")


def _note(text):
    return tag("p", text, class_="note")
