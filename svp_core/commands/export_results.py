"""A classification for other programs: a workbook (.xlsx), tiles by class (.zip) or FlowCam's list of classes (.cla).

The ending of --out says which. It is of a "classify" job: its id, or a folder with results.csv, summary.json and
tiles.npy.
"""

from pathlib import Path

from svp_core.commands.arguments import add_counting, counting_settings, find_classification
from svp_core.errors import LabError


def add_arguments(parser):
    """What export-results takes."""
    parser.add_argument("results", help="id of a classify job, or its folder")
    parser.add_argument(
        "--run", dest="flowcam_run", help="for .cla: name of the FlowCam run, where the source holds several"
    )
    add_counting(parser)
    parser.add_argument("--out", type=Path, required=True, help="file that ends with .xlsx, .zip or .cla")


def run(options):
    """Write the file that was asked for."""
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
        found = read_results_folder(folder)
        chosen = read_settings(settings, summary=found.summary, columns=found.columns, class_keys=found.class_keys)
        export_cla(folder, options.out, assign_labels(found, chosen), run=options.flowcam_run)
    else:
        raise LabError(f"{options.out.name} does not say what to write; end it with .xlsx, .zip or .cla.")
    print(f"{options.out} is written.")
