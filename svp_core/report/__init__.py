"""The report of a classification: one self-contained HTML file that prints well; the same inputs give the same bytes.

Nothing in it is loaded from elsewhere and nothing is executed: images are embedded, there is no script. It contains
neither the time of writing nor a path of this machine.
"""

from svp_core.classification.settings import default_settings
from svp_core.report.document import report_html, write_report

__all__ = ["default_settings", "report_html", "write_report"]
