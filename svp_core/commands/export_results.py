"""Export a classification: workbook (.xlsx), images (.zip) or FlowCam's list of classes (.cla).

The ending of --out selects the format; --format selects what a .zip holds: tiles by class, an EcoTaxa import or a
LabelChecker table with its images. RESULTS is the id of a "classify" job, or a folder with results.csv,
summary.json and tiles.npy.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svp_core.commands.arguments import add_counting, add_sample, counting_settings, find_classification
from svp_core.errors import LabError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ZIP_FORMATS = ("tiles", "ecotaxa", "labelchecker")


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
        "--format",
        choices=ZIP_FORMATS,
        default=ZIP_FORMATS[0],
        help="for .zip: tiles by class, or table and images for EcoTaxa or LabelChecker (default: %(default)s)",
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
    from svp_core.exports import (
        export_cla,
        export_ecotaxa,
        export_labelchecker,
        export_tiles_by_class,
        export_workbook,
    )

    folder, settings = find_classification(options.results), counting_settings(options)
    ending = options.out.suffix.casefold()
    if ending == ".xlsx":
        export_workbook(folder, options.out, settings=settings)
    elif ending == ".zip" and options.format == "ecotaxa":
        export_ecotaxa(folder, options.out, _labels(folder, settings), settings=settings)
    elif ending == ".zip" and options.format == "labelchecker":
        export_labelchecker(folder, options.out, _labels(folder, settings), settings=settings)
    elif ending == ".zip":
        export_tiles_by_class(folder, options.out, settings=settings)
    elif ending == ".cla":
        export_cla(folder, options.out, _labels(folder, settings), run=options.flowcam_run)
    else:
        raise LabError(f"{options.out.name} does not end with .xlsx, .zip or .cla.")
    print(f"{options.out} is written.")


def _labels(folder: Path, settings: Mapping[str, Any]) -> "NDArray[np.object_]":
    """Assigned class of every classified particle with these settings."""
    from svp_core.classification.counted import assign_labels
    from svp_core.classification.settings import read_with_settings

    return assign_labels(*read_with_settings(folder, settings))
