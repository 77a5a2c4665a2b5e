"""Audit of the checkpoint that a training offers: does it give its training tiles away?"""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.generator_audit.audit import audit_generator
from svp_core.generator_audit.model_verdict import summary
from svp_core.generator_audit.tiles import choose_tiles
from svp_core.generator_audit.verdict import OPEN
from svp_core.model_files import SHIPPED_MODELS, read_model_folder, weights_sha256
from svp_core.progress import Progress
from svp_core.training.checkpoints import Part

SHIPPED_GENERATOR = SHIPPED_MODELS / "generator"


def audit_checkpoint(
    generator: unet.Generator,
    parts: Mapping[str, Part],
    generated: NDArray[np.uint8],
    description: Mapping[str, Any],
    *,
    step: int,
    total: int,
) -> Generator[Progress, None, dict[str, Any] | None]:
    """Yield Progress, return the audit's summary for config.json and card; None where none was asked for.

    parts: "training" and "held_out" tiles; generated: new tiles (classes * n, 64, 64), class by class. description: the
    training's plan: checks.audited, tiles of each set, and the model it started from. The summary: verdict, membership
    without its curve, and how it was measured. Where nothing can be compared, the verdict says why.
    """
    most = description["checks"].get("audited", 0)
    if not most:
        return None
    keys = generator.class_keys
    made = dict(zip(keys, np.split(generated, len(keys)), strict=True))
    reference, name = find_training_reference(description)
    try:
        tiles = choose_tiles(_labelled(parts["training"], keys), _labelled(parts["held_out"], keys), most=most)
        auditing = audit_generator(
            generator,
            tiles,
            reference=None if reference is None else unet.load_generator(reference, device=generator.device),
            generated=made,
            reference_name=name,
            split_at_random=True,
        )
        while True:
            try:
                progress = next(auditing)
            except StopIteration as end:
                report = end.value.report
                break
            yield Progress(step, total, f"Audit: {progress.message[:1].lower()}{progress.message[1:]}")
    except LabError as error:
        return {"verdict": {"level": OPEN, "headline": "It could not be audited.", "sentences": [str(error)]}}
    return summary(report)


def find_training_reference(description: Mapping[str, Any]) -> tuple[Path | None, str]:
    """(folder, name) of a generator that has not seen the tiles of a training; (None, "") where there is none.

    The model it started from, while it still has the weights it had then; otherwise the shipped generator.
    """
    base, started_from = (description.get("asked") or {}).get("base"), description.get("from")
    if base and started_from:
        try:
            if weights_sha256(base) == started_from["weights_sha256"]:
                return Path(base), f"{started_from['name']}, from which the training started"
        except LabError:
            pass  # it was deleted meanwhile
    try:
        return read_model_folder(
            SHIPPED_GENERATOR
        ).folder, "the shipped generator, taken to have seen none of these tiles"
    except LabError:
        return None, ""


def _labelled(part: Part, keys: Sequence[str]) -> LabelledTiles:
    tiles, labels, names = part
    return LabelledTiles(tiles, np.asarray(labels, np.int64), tuple(keys), tuple(names), ())
