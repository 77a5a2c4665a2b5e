"""Results as files for other programs: a workbook, tiles by class, FlowCam's list of classes, EcoTaxa, LabelChecker.

Each function takes the folder of a "classify" job and writes one file, whole or not at all; download.export_bytes gives
the bytes for one request instead. results.csv itself is the fourth export: every item with everything known about it.
"""

from svp_core.exports.flowcam_classes import export_cla, runs_for_cla
from svp_core.exports.other_programs import export_ecotaxa, export_labelchecker
from svp_core.exports.tiles_by_class import export_tiles_by_class
from svp_core.exports.workbook import export_workbook

__all__ = [
    "export_cla",
    "export_ecotaxa",
    "export_labelchecker",
    "export_tiles_by_class",
    "export_workbook",
    "runs_for_cla",
]
