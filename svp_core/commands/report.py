"""The report of a classification as one HTML file: counts, plots, examples, method. The same inputs, the same bytes.

It is of a "classify" job: its id, or a folder with results.csv, summary.json and tiles.npy.
"""

from datetime import date
from pathlib import Path

from svp_core.commands.arguments import add_counting, counting_settings, find_classification


def add_arguments(parser):
    """What report takes."""
    parser.add_argument("results", help="id of a classify job, or its folder")
    for name in ("title", "author", "remarks"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--date", default=date.today().isoformat(), help="that stands in the report; today otherwise")
    add_counting(parser)
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """Write the report."""
    from svp_core.report import write_report

    told = {name: getattr(options, name) for name in ("title", "author", "remarks", "date")}
    told = {name: text for name, text in told.items() if text is not None}
    write_report(find_classification(options.results), options.out, settings={**counting_settings(options), **told})
    print(f"The report is in {options.out}.")
