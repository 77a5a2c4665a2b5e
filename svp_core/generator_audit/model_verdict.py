"""The verdict of the latest audit, kept with a model: for its card, and to ask before its weights are handed out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.files import remove_leftovers, write_json
from svp_core.generator_audit.verdict import RED
from svp_core.model_files import read_model_folder

FILE = "audit.json"  # in a model's folder; an audit at the end of its training is in its config.json
KEPT = (
    "seed", "sigmas", "draws", "classes", "n_members", "n_held_out", "notes", "reference", "refused", "copies",
    "verdict",
)  # fmt: skip
NOT_AUDITED = (
    "Not audited: whether it gives its training images away is not known. The page Audits, or the command audit, "
    "measures it."
)


def summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an audit's report: all but curves and single tiles."""
    membership = report["membership"]
    figures = membership and {key: value for key, value in membership.items() if key not in ("roc", "plain")}
    return {"membership": figures, **{key: report[key] for key in KEPT}}


def record_audit(model: Path, report: Mapping[str, Any]) -> None:
    """Keep an audit with the model that it was made of."""
    remove_leftovers(model)  # of an audit that was killed while it wrote this file
    write_json(model / FILE, summary(report))


def recorded_audit(model: Path) -> dict[str, Any] | None:
    """The latest audit of a model, as summary() gives it; None without one. Raises LabError where there is no model."""
    config = read_model_folder(model).config
    try:
        latest = json.loads((model / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        latest = config.get("audit")
    return latest if isinstance(latest, dict) and "verdict" in latest else None


def check_export(model: Path, *, confirmed: bool) -> None:
    """Raise LabError where the model's audit was red and nobody has confirmed that it is handed out all the same."""
    audit = recorded_audit(model)
    if audit is not None and audit["verdict"]["level"] == RED and not confirmed:
        raise LabError(
            f"The audit of {model.name} says: {audit['verdict']['headline']} To export it all the same, confirm with "
            "--despite-audit."
        )


def audit_text(audit: Mapping[str, Any] | None) -> str:
    """An audit's verdict as paragraphs of Markdown. audit: as summary() gives it; None: there was none."""
    if audit is None:
        return NOT_AUDITED
    verdict = audit["verdict"]
    paragraphs = [f"**{verdict['headline']}**", *verdict["sentences"], *audit.get("notes", ())]
    if "n_members" in audit:
        reference = f"calibrated by {audit['reference']}" if audit["reference"] else "without a reference"
        paragraphs.append(
            f"By denoising loss at noise {', '.join(f'{sigma:g}' for sigma in audit['sigmas'])}, {audit['draws']} "
            f"draws, {reference}; {audit['n_members']:,} training and {audit['n_held_out']:,} held-out tiles, seed "
            f"{audit['seed']}. Chance: the same between random halves of the held-out tiles, 95 % of 200 splits."
        )
    return "\n\n".join(paragraphs)
