"""The models that can be used: those shipped, and the lab's own in the workspace. Each is a model folder.

A model is identified by its name everywhere: on pages, in a job's settings, in manifests. The lab's own lie in
workspace/models/NAME. After a rename the former names stay valid, and reserved: what names the model keeps working.
"""

import json
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svp_core.access.person import KEEPER, REVIEWER, Person
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.model_files import SHIPPED_MODELS, find_model_folder, read_model_folder
from svp_core.workspace.changes import MODEL, change
from svp_core.workspace.dependents import Dependent, check_not_in_use, model_dependents
from svp_core.workspace.paths import remove_folder, workspace_folder

_FORMER_NAMES = "former_names.json"  # in a model's folder: list of names, oldest first


@dataclass(frozen=True)
class Model:
    """One model that can be chosen."""

    name: str
    folder: Path
    config: dict[str, Any]  # config.json; its keys "generator" and the like say what the model is
    shipped: bool


def list_models(*kinds: str) -> list[Model]:
    """Models whose config describes one of these kinds ("generator", "published", "classifier").

    Shipped ones first, then the lab's own, by name. Unfinished or damaged ones are left out; loading them says why.
    """
    models = []
    for shipped, parent in ((True, SHIPPED_MODELS), (False, models_folder())):
        for config_file in sorted(parent.glob("*/config.json")):
            try:
                files = read_model_folder(config_file.parent)
            except LabError:
                continue
            if any(kind in files.config for kind in kinds):
                models.append(Model(files.name, files.folder, files.config, shipped))
    return models


def find_model(name_or_path: str | Path) -> Path:
    """Folder of a model, from its name, a former name or the path of a model folder. Raises LabError if unknown."""
    name = str(name_or_path)
    if _is_valid_name(name) and not (SHIPPED_MODELS / name).exists():
        if (models_folder() / name / "config.json").is_file():
            return models_folder() / name
        if renamed := _find_by_former_name(name):
            return renamed
    return find_model_folder(name_or_path)


def new_model_folder(name: str) -> Path:
    """Folder for a new model of this name; not created yet. Raises LabError for a name that is taken or invalid."""
    name = name.strip()
    if not _is_valid_name(name):
        raise LabError(
            f"{name!r} is not a valid name for a model; use 1 to 60 letters, digits, spaces, points, - and _."
        )
    if (SHIPPED_MODELS / name).exists() or (models_folder() / name).exists():
        raise LabError(f"There is already a model called {name!r}; choose another name.")
    if renamed := _find_by_former_name(name):
        raise LabError(f"{name!r} is a former name of the model {renamed.name!r}; choose another name.")
    return models_folder() / name


def creating_model(folder: Path, **details: str) -> AbstractContextManager[Person]:
    """The change in whose block a new model appears in this folder; see changes.change."""
    return change(REVIEWER, "create", MODEL, folder.name, folder.name, **details)


def models_folder() -> Path:
    """Folder of the lab's own models; created if missing."""
    return workspace_folder("models")


def list_model_dependents(name: str) -> list[Dependent]:
    """Reviews and jobs that name one of the lab's own models, under its name or a former one."""
    folder = _own_folder(name)
    return model_dependents({folder.name, *_former_names(folder)}, folder)


def rename_model(name: str, new_name: str) -> Path:
    """Rename one of the lab's own models; returns its new folder.

    Its former name stays valid in find_model, so that finished jobs, reviews and links still lead to it. Raises
    LabError for a shipped or unknown model, for a new name that is taken or invalid, and while a job needs the model.
    """
    folder, new_name = _own_folder(name), new_name.strip()
    if new_name == folder.name:
        return folder
    former_names = _former_names(folder)
    target = models_folder() / new_name if new_name in former_names else new_model_folder(new_name)
    check_not_in_use(folder.name, list_model_dependents(folder.name))
    # Written first: a folder that was not renamed after all merely has its present name listed.
    names = [former for former in former_names if former != new_name]
    with change(KEEPER, "rename", MODEL, target.name, target.name, before=folder.name):
        write_json(folder / _FORMER_NAMES, [*names, folder.name])
        try:
            return folder.rename(target)
        except OSError as error:
            reason = error.strerror or str(error)
            raise LabError(
                f"The model {folder.name!r} cannot be renamed ({reason}); close programs that use it."
            ) from None


def delete_model(name: str) -> None:
    """Delete one of the lab's own models for good.

    Jobs and reviews that have used it keep their results. Raises LabError for a shipped or unknown model, and while a
    job needs it.
    """
    folder = _own_folder(name)
    check_not_in_use(folder.name, list_model_dependents(folder.name))
    with change(KEEPER, "delete", MODEL, folder.name, folder.name):
        remove_folder(folder)


def _own_folder(name: str) -> Path:
    """Folder of one of the lab's own models, also an unfinished or damaged one. Raises LabError for any other."""
    if (SHIPPED_MODELS / name).is_dir():
        raise LabError(f"{name!r} is shipped with SvP Lab; only models of this workspace can be renamed or deleted.")
    folder = models_folder() / name
    if not _is_valid_name(name) or not folder.is_dir():
        raise LabError(f"There is no model called {name[:80]!r} in this workspace; choose one from the list.")
    return folder


def _find_by_former_name(name: str) -> Path | None:
    for path in sorted(models_folder().glob(f"*/{_FORMER_NAMES}")):
        if name in _former_names(path.parent):
            return path.parent
    return None


def _former_names(folder: Path) -> list[str]:
    try:
        names = json.loads((folder / _FORMER_NAMES).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _is_valid_name(name: str) -> bool:
    # A leading point would hide the folder; a trailing space or point is lost in listings and on Windows.
    return bool(re.fullmatch(r"\w[\w .-]{0,59}", name)) and not name.endswith((".", " "))
