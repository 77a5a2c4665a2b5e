"""Results as files for other programs: a workbook, tiles by class, FlowCam's own list of classes.

Each takes the folder of a "classify" job and makes one file; what is there is replaced only once the new one is whole.
results.csv itself is the fourth: every item offered, with all that is known of it.
"""

from svp_core.exports.labels import export_cla, runs_for_cla
from svp_core.exports.tiles import export_tiles_by_class
from svp_core.exports.workbook import export_workbook

__all__ = ["export_cla", "export_tiles_by_class", "export_workbook", "runs_for_cla"]
