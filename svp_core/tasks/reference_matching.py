"""Match a confusion reference to the images of a classification; keep it for other runs of the same instrument."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svp_core.errors import LabError
from svp_core.files import atomic_write, file_sha256
from svp_core.profiles.conditions import conditions_from_dict
from svp_core.workspace.paths import workspace_root

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier

MAX_KEPT = 200  # references, about 100 kB each


def match_reference(folder: Path, summary: dict[str, Any], classifier: "Classifier") -> str:
    """Write the reference matched to a classification's images into its folder; returns a note, "" without one.

    summary: with the conditions and the model's sha256, as in summary.json. Nothing is written where the conditions are
    unknown or the library does not cover the classifier's classes: then the model's own reference is used.
    """
    from svp_core.classification.strangers import unlike_marker
    from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
    from svp_core.novelty.calibration_file import FILE as NOVELTY_FILE
    from svp_core.reference_library.library import library_version
    from svp_core.reference_library.matching import matched_reference

    conditions = conditions_from_dict(summary.get("conditions"))
    version = library_version(conditions.magnification) if conditions else ""
    if conditions is None or not version:
        return ""
    conditions = conditions.rounded()
    novelty = classifier.folder / NOVELTY_FILE if classifier.folder else None
    marks = file_sha256(novelty) if novelty and novelty.is_file() else ""  # another calibration marks other particles
    facts = [summary["weights_sha256"], marks, version, conditions.as_dict() | {"um_per_px": None}]
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    kept = workspace_root() / "references" / f"{name}.safetensors"
    if not kept.is_file():
        try:
            reference = matched_reference(classifier, conditions, mark_unlike=unlike_marker(classifier))
        except LabError as error:
            return f"Counts are corrected by the model's own reference: {error}"
        if reference is None:
            return ""
        kept.parent.mkdir(exist_ok=True)
        atomic_write(kept, lambda path: write_confusion_reference(path.parent, reference, file=path.name))
        _remove_oldest(kept.parent)
    atomic_write(folder / MATCHED_FILE, lambda path: shutil.copyfile(kept, path))
    return ""


def _remove_oldest(folder: Path) -> None:
    """Keep the newest MAX_KEPT files; each can be made again."""
    files = [path for path in folder.glob("*.safetensors") if not path.name.startswith(".")]  # others are being written
    files.sort(key=lambda path: path.stat().st_mtime)
    for path in files[:-MAX_KEPT]:
        path.unlink(missing_ok=True)
