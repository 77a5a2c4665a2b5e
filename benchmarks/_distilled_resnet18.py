"""The shipped ResNet-18: a short training and a long one on other tiles, and a student that learns an answer of both.

Used by benchmarks/retrain_shipped.py, with its simulated tiles.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _drawn_instruments import class_of
from _student_training import MAIN, SHOWN, SPHERES, UM_PER_PX, Draw, Drawn, Tell, draw_shown, save_student, shown_groups
from numpy.typing import NDArray

from svp_core.classifier.augment import stretch
from svp_core.classifier.resnet import (
    Classifier,
    ClassifierConfig,
    build_classifier,
    load_classifier,
    with_new_last_layer,
)
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.device import best_device
from svp_core.embedding.features import embed_tiles
from svp_core.particle_classes import all_keys
from svp_core.progress import Progress, run_to_end
from svp_core.training.all_stages import keep_share
from svp_core.training.distillation import (
    LearningPlan,
    Teacher,
    label_answer,
    learn,
    teachers_answer,
)
from svp_core.training.last_layer import fit_last_layer

CLASS_SHARES = (0.24, 0.2, 0.2, 0.14, 0.07, 0.15)  # of the tiles shown, in the order of all_keys()
RECORDED = 100  # steps between two rows of the history
LONG = LearningPlan(4_000)
STUDENT = LearningPlan(2_000, learning_rate=4e-4, weight_decay=0.02, mixed=0.3)
LONG_TEMPERATURE = 0.75  # of the long training and the student: label smoothing keeps them too uncertain
# Tiles a class that the short training's last layer is fitted on, by law, spheres stretched.
FAINT_LAYER = {"usual": 900, "soft": 900, "fine": 500, "faint": 700, "wide": 300, "blurred": 400}
STRENGTH = 0.003  # of the last layers' regularisation
# The short training's share in the answer: among all MAIN classes, then between droplets and bubbles once more. It
# knows bubbles of other instruments, and takes their protein for droplets.
SHORT_SHARES = (((0, 1, 2), 0.25), ((1, 2), 0.4))
# Tiles a kind that the last layer of all classes is fitted on, by law; how much of the student's own each model keeps.
ALL_LAYER = {"usual": 1_200, "soft": 1_000, "fine": 700, "faint": 300, "wide": 200, "blurred": 200}
KEPT = {"resnet18": 1.0, "resnet18_six": 0.3}


def train_student(short: Path, validation: LabelledTiles, draw: Draw, out: Path, *, scale: float, tell: Tell) -> None:
    """Write the student as two model folders in `out`: resnet18, of MAIN, and resnet18_six, of all classes.

    short: model folder of the short training. validation: tiles of MAIN that fit the temperatures.
    """
    drawn = draw_shown(SHOWN, draw)
    groups, device = shown_groups(drawn, CLASS_SHARES), best_device()
    long_plan, student_plan = (replace(plan, steps=max(2, round(plan.steps * scale))) for plan in (LONG, STUDENT))
    config = ClassifierConfig(all_keys(), temperature=LONG_TEMPERATURE, um_per_px=UM_PER_PX, all_stages=True)
    untrained, labels = build_classifier(config), label_answer(len(all_keys()))
    network = run_to_end(learn(untrained, groups, labels, long_plan, device), tell)
    long = Classifier(network, config, None, device)
    # The short training's network, with a last layer that has seen faint and stretched spheres.
    faint = with_fitted_layer(load_classifier(short), drawn, FAINT_LAYER, MAIN, tell, stretch_spheres=True)
    answer = teachers_answer([Teacher(long, 1)], [Teacher(faint, 1)], shares=SHORT_SHARES)
    history: list[dict[str, float]] = []

    def record(progress: Progress) -> None:
        tell(progress)
        if progress.loss is not None and progress.step % RECORDED == 0:
            history.append({"step": progress.step, "loss": round(progress.loss, 4)})

    network = run_to_end(learn(network, groups, answer, student_plan, device), record)
    student = Classifier(network, config, None, device)
    fitted = with_fitted_layer(student, drawn, ALL_LAYER, all_keys(), tell)
    for name, keys in (("resnet18", MAIN), ("resnet18_six", all_keys())):
        mixed = replace(fitted, model=copy.deepcopy(fitted.model))
        keep_share(mixed, student, KEPT[name])
        student_of = of_classes(mixed, keys)
        save_student(student_of, drawn, validation, out / name, teachers="a short and a long training", history=history)


def with_fitted_layer(
    classifier: Classifier,
    drawn: Drawn,
    counts: dict[str, int],  # law -> tiles a kind
    keys: Sequence[str],
    tell: Tell,
    *,
    stretch_spheres: bool = False,
) -> Classifier:
    """The classifier with a last layer of these classes, fitted on so many tiles of each kind."""
    rng, tiles, labels = np.random.default_rng(5), [], []
    for (each, kind), of_kind in drawn.items():
        if class_of(kind) in keys:
            chosen = of_kind[rng.permutation(len(of_kind))[: counts.get(each.law, 0)]]
            tiles.append(stretched(chosen, rng) if stretch_spheres and kind in SPHERES else chosen)
            labels += [keys.index(class_of(kind))] * len(chosen)
    features = run_to_end(embed_tiles(classifier, np.concatenate(tiles)), tell)
    um_per_px = classifier.config.um_per_px
    return fit_last_layer(
        classifier, features, np.array(labels), class_keys=keys, um_per_px=um_per_px, strength=STRENGTH
    )


def stretched(tiles: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The tiles, uint8 (N, 64, 64), four fifths of them stretched."""
    images = stretch(torch.from_numpy(np.ascontiguousarray(tiles)).float().div(255)[:, None], rng, share=0.8)
    return (images[:, 0] * 255).round().byte().numpy()


def of_classes(classifier: Classifier, keys: Sequence[str]) -> Classifier:
    """The classifier for these of its classes alone."""
    rows = [classifier.config.class_keys.index(key) for key in keys]
    model: Any = with_new_last_layer(classifier, len(keys), all_stages=True)
    own: Any = classifier.model.get_submodule("fc")
    with torch.no_grad():
        model.fc.weight.copy_(own.weight[rows])
        model.fc.bias.copy_(own.bias[rows])
    return replace(classifier, model=model, config=replace(classifier.config, class_keys=tuple(keys)))
