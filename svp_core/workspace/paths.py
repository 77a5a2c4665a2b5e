"""Where things lie: the repository, what it ships, and the workspace folder of this lab."""

import os
from pathlib import Path

from svp_core.errors import LabError


def repo_root():
    """Folder of this copy of SvP Lab, the one that holds app.py."""
    return Path(__file__).resolve().parents[2]


def sample_folder():
    """Folder of the shipped sample data."""
    return repo_root() / "sample_data"


def workspace_root():
    """The folder in which this lab's work is kept, created when it is missing.

    SVP_WORKSPACE names it; without that it is `workspace` beside app.py. Raises LabError when it cannot be made.
    """
    folder = Path(os.environ.get("SVP_WORKSPACE") or repo_root() / "workspace").expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"The workspace folder {folder} cannot be made ({error.strerror}); "
            "set SVP_WORKSPACE to a folder you may write to."
        ) from None
    return folder
