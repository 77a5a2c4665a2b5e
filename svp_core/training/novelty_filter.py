"""Train an autoencoder filter: from a folder of normal particles to its model folder."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svp_core.display import format_percent
from svp_core.errors import LabError
from svp_core.model_files import as_stored
from svp_core.novelty.calibration import LEVEL
from svp_core.progress import Progress

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier
    from svp_core.novelty.autoencoder import AutoencoderConfig
    from svp_core.novelty.reconstruction import ReconstructionFilter, ReconstructionPlan
    from svp_core.novelty.roc import RocCurve

MAX_POINTS = 200  # of a ROC curve in config.json
LIMITS = (
    "What it cannot rebuild is unlike what it was trained on. Particles that are smaller, fainter or smoother than "
    "the normal ones are rebuilt well, whatever they are, and not found (benchmarks/novelty_filters.py). Its residual "
    "shows where a particle differs; the distances of the command `novelty` decide."
)


def train_novelty_filter(
    source: str | Path,
    out: str | Path,
    *,
    classifier: "Classifier",
    config: "AutoencoderConfig",
    plan: "ReconstructionPlan",
    strangers: str | Path | None = None,
    note: str = "",
) -> Generator[Progress, None, list[tuple[str, str]]]:
    """Train a filter on the particles of a folder, run or archive into the model folder `out`; yields Progress.

    classifier: names the particles, within whose classes p-values are counted. strangers: labelled ones, on which the
    ROC of the card is measured; nothing is chosen by them. Returns (name, reason) of the items that were left out.
    Raises LabError for too few particles.
    """
    from svp_core.device import best_device
    from svp_core.novelty.filter_file import save_filter
    from svp_core.novelty.reconstruction import MIN_PARTICLES, train_filter

    tiles, named, left_out = yield from _read(source, classifier)
    if len(tiles) < MIN_PARTICLES:
        raise LabError(
            f"{Path(source).name} holds {len(tiles):,} particles that can be measured; an autoencoder filter needs at "
            f"least {MIN_PARTICLES} normal ones."
        )
    against = None
    if strangers is not None:
        against = yield from _read(strangers, classifier)
        if not len(against[0]):
            raise LabError(f"{Path(strangers).name} holds no particle that can be measured; give labelled strangers.")
    trained = yield from train_filter(tiles, named, config=config, plan=plan, device=best_device())
    roc = None if against is None else filter_roc(trained, against[0], against[1])
    stored = {
        "plan": as_stored(plan),
        "trained_on": len(tiles) - len(trained.scores),
        "calibrated_on": len(trained.scores),
        "note": note,
        **({} if roc is None or against is None else {"roc": roc_as_stored(roc, strangers=len(against[0]))}),
    }
    save_filter(out, trained, config=stored, card=_card(trained, stored, note))
    return left_out


def filter_roc(trained: "ReconstructionFilter", tiles: NDArray[np.uint8], named: NDArray[np.integer]) -> "RocCurve":
    """ROC of a filter between its calibration tiles and strangers uint8 (N, 64, 64), named by their classes (N,)."""
    from svp_core.novelty.roc import roc_curve

    scores = trained.score(tiles)
    # A calibration tile among the others: its own score counts as the 1 of a new one.
    known_p = trained.p_values(trained.scores, trained.named) - 1 / (len(trained.scores) + 1)
    return roc_curve(trained.scores, scores, known_p, trained.p_values(scores, named))


def roc_as_stored(roc: "RocCurve", *, strangers: int) -> dict[str, Any]:
    """A ROC curve as JSON, of at most MAX_POINTS points."""
    shown = np.unique(np.linspace(0, len(roc.found) - 1, min(MAX_POINTS, len(roc.found))).astype(int))
    return {
        "strangers": strangers,
        "auc": round(roc.auc, 4),
        "youden": as_stored(roc.youden),
        "conformal": as_stored(roc.conformal),
        "false_alarms": [round(float(value), 4) for value in roc.false_alarms[shown]],
        "found": [round(float(value), 4) for value in roc.found[shown]],
    }


def _read(
    source: str | Path, classifier: "Classifier"
) -> Generator[Progress, None, tuple[NDArray[np.uint8], NDArray[np.integer], list[tuple[str, str]]]]:
    """(tiles, most likely classes, items left out with reasons) of the particles of a source; yields Progress."""
    from svp_core.classification.classify import classify_source
    from svp_core.instruments.brightness import settled_choices
    from svp_core.instruments.detect import detect_source

    keys: Sequence[str] = classifier.config.class_keys
    found, tiles, named, left_out = detect_source(source), [], [], []
    choices = settled_choices(found, None)
    for batch in classify_source(source, classifier, choices=choices, instrument=found.columns, count=found.count):
        tiles.append(batch.tiles)
        named += [keys.index(row["label"]) for row in batch.rows if row["status"] == "ok"]
        left_out += [(row["image"], row["reason"]) for row in batch.rows if row["status"] != "ok"]
        yield Progress(0, None, f"Reading {found.title}: {len(named):,} particles")
    return np.concatenate(tiles) if tiles else np.zeros((0, 64, 64), np.uint8), np.array(named, int), left_out


def _card(trained: "ReconstructionFilter", stored: dict[str, Any], note: str) -> str:
    kind = "texture-weighted" if trained.config.weighted else "plain"
    lines = [
        "# Autoencoder filter",
        "",
        *([note, ""] if note else []),
        f"{kind[0].upper()}{kind[1:]}; {trained.config.latent} numbers in the bottleneck. Trained on "
        f"{stored['trained_on']:,} normal particles, p-values counted among {stored['calibrated_on']:,} others.",
        "",
        LIMITS,
    ]
    if roc := stored.get("roc"):
        youden, used = roc["youden"], roc["conformal"]
        lines += [
            "",
            f"On {roc['strangers']:,} labelled strangers: AUC {roc['auc']:.3f}.",
            "",
            "| threshold | strangers found | normal ones marked |",
            "|---|---|---|",
            f"| conformal, p ≤ {LEVEL:g} (used) | {format_percent(used['found'])} | "
            f"{format_percent(used['false_alarms'])} |",
            f"| Youden (chosen with these strangers; shown only) | {format_percent(youden['found'])} | "
            f"{format_percent(youden['false_alarms'])} |",
        ]
    return "\n".join(lines) + "\n"
