"""Results as files for other programs: a workbook, tiles by class, FlowCam's own list of classes.

Each takes the folder of a "classify" job and makes one file; what is there is replaced only once the new one is whole.
results.csv itself is the fourth: every item offered, with all that is known of it.
"""

from svp_core.exports.labels import cla_runs, run_cla
from svp_core.exports.tiles import tiles_by_class
from svp_core.exports.workbook import results_xlsx

__all__ = ["cla_runs", "results_xlsx", "run_cla", "tiles_by_class"]
