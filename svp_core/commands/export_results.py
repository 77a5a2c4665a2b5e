"""Export a classification: workbook (.xlsx), tiles by class (.zip) or FlowCam's list of classes (.cla).

The ending of --out selects the format. RESULTS is the id of a "classify" job, or a folder with results.csv,
summary.json and tiles.npy.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import add_counting, add_sample, counting_settings, find_classification
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of export-results."""
    parser.add_argument("results", metavar="RESULTS", help="id of a classify job, or its folder")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.xlsx|FILE.zip|FILE.cla",
        help="file that ends with .xlsx, .zip or .cla",
    )
    parser.add_argument(
        "--run",
        dest="flowcam_run",
        metavar="RUN",
        help="for .cla: name of the FlowCam run, where the source holds several",
    )
    add_sample(parser)
    add_counting(parser)


def run(options: Namespace) -> None:
    """Write the file."""
    from svp_core.classification.counted import assign_labels
    from svp_core.classification.results import read_results_folder
    from svp_core.classification.settings import read_settings
    from svp_core.exports import export_cla, export_tiles_by_class, export_workbook

    folder, settings = find_classification(options.results), counting_settings(options)
    ending = options.out.suffix.casefold()
    if ending == ".xlsx":
        export_workbook(folder, options.out, settings=settings)
    elif ending == ".zip":
        export_tiles_by_class(folder, options.out, settings=settings)
    elif ending == ".cla":
        results = read_results_folder(folder)
        complete = read_settings(
            settings, summary=results.summary, columns=results.columns, class_keys=results.class_keys
        )
        export_cla(folder, options.out, assign_labels(results, complete), run=options.flowcam_run)
    else:
        raise LabError(f"{options.out.name} does not end with .xlsx, .zip or .cla.")
    print(f"{options.out} is written.")
