"""Write the report of a classification as one HTML file: counts, plots, examples, method.

RESULTS is the id of a "classify" job, or a folder with results.csv, summary.json and tiles.npy. The same inputs give
the same bytes.
"""

from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path

from svp_core.commands.arguments import add_counting, add_sample, counting_settings, find_classification


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of report."""
    parser.add_argument("results", metavar="RESULTS", help="id of a classify job, or its folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="file to write")
    content = parser.add_argument_group("content")
    content.add_argument("--title", help="title; else the name of the source")
    content.add_argument("--author", help="who prepared the report")
    content.add_argument("--remarks", help="text under the title")
    content.add_argument("--date", default=date.today().isoformat(), help="date of the report")
    add_sample(parser)
    add_counting(parser)


def run(options: Namespace) -> None:
    """Write the report."""
    from svp_core.report import write_report

    texts = {name: getattr(options, name) for name in ("title", "author", "remarks", "date")}
    texts = {name: text for name, text in texts.items() if text is not None}
    write_report(find_classification(options.results), options.out, settings={**counting_settings(options), **texts})
    print(f"Report: {options.out}")
