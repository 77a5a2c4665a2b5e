"""Exports as downloads: bytes made for one request, and the file name they are offered under.

Never write an export to a fixed path in a job's folder: two sessions that export the same classification would get
each other's rows.
"""

import re
from collections.abc import Callable
from pathlib import Path

from svp_core.files import bytes_written_by

MAX_STEM = 80  # characters of a sample's name in a file name


def export_bytes(export: Callable[[Path], object]) -> bytes:
    """Bytes of the file that export(path) writes; each call has a private temporary path.

    Example: export_bytes(lambda path: export_workbook(job_folder, path, rows, settings=settings)).
    """
    return bytes_written_by(export)


def download_name(sample: str, content: str, extension: str, date: str = "") -> str:
    """File name "<sample>_<content>_<date>.<extension>"; empty parts are left out.

    sample: name of the sample or source; characters that some system refuses in file names become "_". date:
    "YYYY-MM-DD". Example: download_name("Syringe 7", "report", "html", "2025-04-09") is
    "Syringe 7_report_2025-04-09.html".
    """
    parts = [safe_file_stem(sample), safe_file_stem(content, default=""), safe_file_stem(date, default="")]
    return f"{'_'.join(part for part in parts if part)}.{extension.lstrip('.')}"


def safe_file_stem(name: str, *, default: str = "results") -> str:
    """This name as part of a file name on every system: letters, digits, space, ".", "-" and "_", at most MAX_STEM."""
    return re.sub(r"[^\w. -]", "_", name).strip(" .")[:MAX_STEM].rstrip(" .") or default
