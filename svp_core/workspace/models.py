"""The models that can be used: those shipped, and the lab's own in the workspace. Each is a run folder.

A model is called by its name everywhere: on pages, in a job's config, in manifests. The lab's own lie in
workspace/models/NAME.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from svp_core.errors import LabError
from svp_core.model_files import SHIPPED_MODELS, find_model_folder, read_model_folder
from svp_core.workspace.paths import workspace_root


@dataclass(frozen=True)
class Model:
    """One model to choose."""

    name: str
    folder: Path
    config: dict  # of its run; "generator" and the like say what it is
    shipped: bool


def list_models(*parts):
    """Models whose config describes one of these parts ("generator", "published", "classifier"): shipped ones first.

    Then the lab's own, by name. A run that is unfinished or damaged is left out; loading it says what is wrong.
    """
    found = []
    for shipped, place in ((True, SHIPPED_MODELS), (False, models_folder())):
        for config_file in sorted(place.glob("*/config.json")):
            try:
                run = read_model_folder(config_file.parent)
            except LabError:
                continue
            if any(part in run.config for part in parts):
                found.append(Model(run.name, run.folder, run.config, shipped))
    return found


def find_model(name_or_path):
    """Folder of a model, from its name or from the path of a run folder. Raises LabError where there is none."""
    own = models_folder() / str(name_or_path)
    if _is_name(str(name_or_path)) and (own / "config.json").is_file() and not (SHIPPED_MODELS / own.name).exists():
        return own
    return find_model_folder(name_or_path)


def new_model_folder(name):
    """Where a model of this name is to be written; not made yet. Raises LabError for a name that is taken or unfit."""
    name = name.strip()
    if not _is_name(name):
        raise LabError(f"{name!r} cannot name a model; use 1 to 60 letters, digits, spaces, points, - and _.")
    if (SHIPPED_MODELS / name).exists() or (models_folder() / name).exists():
        raise LabError(f"There is a model called {name!r} already; choose another name.")
    return models_folder() / name


def models_folder():
    """Folder of the lab's own models, made when missing."""
    folder = workspace_root() / "models"
    folder.mkdir(exist_ok=True)
    return folder


def _is_name(name):
    # No leading point or space: the first would be hidden, the second lost in a listing.
    return bool(re.fullmatch(r"\w[\w .-]{0,59}", name)) and not name.endswith((".", " "))
