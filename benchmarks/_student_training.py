"""What the students of the shipped classifiers share: the simulated tiles shown to them, and how they are saved.

Used by benchmarks/_distilled_resnet18.py and _distilled_resnet50.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from _drawn_instruments import class_of
from numpy.typing import NDArray

from svp_core.classifier.resnet import Classifier, config_as_dict
from svp_core.classifier.training_loop import fit_temperature
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.embedding.features import embed_tiles
from svp_core.model_files import save_model
from svp_core.particle_classes import all_keys
from svp_core.progress import Progress, run_to_end
from svp_core.training.distillation import TileGroup
from svp_core.training.last_layer import layer_probs

MAIN = ("protein", "silicone_oil", "air_bubble")  # of the shipped resnet18
UM_PER_PX = (0.2, 1.4)  # range of pixel sizes of nearly all tiles shown


@dataclass(frozen=True)
class Shown:
    """Simulated particles 0 to count - 1 of a run, and how often they are shown, relative to the class's others."""

    kinds: tuple[str, ...]
    run_seed: int
    law: str
    count: int
    weight: float
    label_share: float = 0.0  # see TileGroup


SPHERES, FURTHER = ("silicone_oil", "air_bubble"), ("glass_flake", "fibre", "opaque", "cell")
SHOWN = (
    Shown(MAIN, 300, "usual", 2_500, 2),
    Shown(MAIN, 301, "soft", 3_000, 3),
    Shown(MAIN, 302, "fine", 1_500, 1.5),
    Shown(SPHERES, 303, "faint", 1_250, 1.5),
    Shown(("silicone_oil",), 321, "faint", 4_000, 2),
    Shown(MAIN, 304, "wide", 1_200, 1.3),
    Shown(MAIN, 305, "blurred", 1_500, 3),
    Shown(("protein",), 320, "dense", 3_000, 2),
    Shown(FURTHER, 310, "usual", 1_000, 2),
    Shown(FURTHER, 312, "soft", 800, 3),
    Shown(FURTHER, 322, "fine", 600, 1.5),
    Shown(("glass_flake", "opaque", "cell"), 323, "usual", 1_000, 2),
)

Draw = Callable[[str, int, str, int], NDArray[np.uint8]]  # (kind, run seed, law, count) -> tiles (N, 64, 64)
Tell = Callable[[Progress], None]
Drawn = dict[tuple[Shown, str], NDArray[np.uint8]]  # tiles of each kind


def draw_shown(shown: Sequence[Shown], draw: Draw) -> Drawn:
    """The tiles of all these."""
    return {(each, kind): draw(kind, each.run_seed, each.law, each.count) for each in shown for kind in each.kinds}


def shown_groups(drawn: Drawn, class_shares: Sequence[float]) -> list[TileGroup]:
    """The tiles as groups, so that every class is shown as often as its share says, in the order of all_keys()."""
    labels = [all_keys().index(class_of(kind)) for _, kind in drawn]
    totals = np.bincount(labels, [each.weight for each, _ in drawn], minlength=len(all_keys()))
    return [
        TileGroup(tiles, label, class_shares[label] * each.weight / totals[label], each.label_share)
        for ((each, _), tiles), label in zip(drawn.items(), labels, strict=True)
    ]


def save_student(
    classifier: Classifier,
    drawn: Drawn,
    validation: LabelledTiles,
    folder: Path,
    *,
    teachers: str,
    history: Sequence[dict[str, float]] = (),
) -> None:
    """Write the model folder, with the temperature that fits the validation tiles best, among their classes.

    drawn: the tiles that were shown. teachers: what it learnt from, for the note.
    """
    rows = [classifier.config.class_keys.index(key) for key in validation.class_keys]
    features = run_to_end(embed_tiles(classifier, validation.tiles))
    log_probs = torch.from_numpy(np.log(layer_probs(classifier, features)))[:, rows]
    config = replace(classifier.config, temperature=fit_temperature(log_probs, validation.labels))
    shown = dict.fromkeys(each for each, _ in drawn)
    laws = ", ".join(f"{each.count:,} of run seed {each.run_seed} ({each.law} law)" for each in shown)
    note = f"Simulated particles: svp_core.optics, per kind {laws}; a student of {teachers}, see card.md."
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in classifier.model.state_dict().items()}
    counts = dict.fromkeys(config.class_keys, 0)
    for (_, kind), tiles in drawn.items():
        if class_of(kind) in counts:
            counts[class_of(kind)] += len(tiles)
    written = {**config_as_dict(config), "trained_on": counts, "note": note}
    save_model(folder, config=written, tensors=tensors, card=f"# {folder.name}\n\n{note}\n", history=history)
