"""The shipped ResNet-50: a student of the shipped ResNet-18, from the weights of a short training of its own.

Used by benchmarks/retrain_shipped.py, with its simulated tiles.
"""

from dataclasses import replace
from pathlib import Path

from _student_training import MAIN, SHOWN, UM_PER_PX, Draw, Shown, Tell, draw_shown, save_student, shown_groups

from svp_core.classifier.resnet import load_classifier
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.device import best_device
from svp_core.progress import run_to_end
from svp_core.training.distillation import LearningPlan, Teacher, learn, teachers_answer

DENSE = 320  # run seed of SHOWN: protein as strong as droplets
JOINED = Shown(("silicone_oil",), 324, "joined", 2_000, 6)
CLASS_SHARES = (0.36, 0.38, 0.26)  # of the tiles shown, in the order of MAIN
# What the label has to say between protein and oil, beside the ResNet-18, by law; elsewhere OTHERWISE.
LABEL_SHARES, OTHERWISE = {"joined": 0.7, "dense": 0.7, "faint": 0.4}, 0.2
PLAN = LearningPlan(450, learning_rate=4e-4, weight_decay=0.02, averaging=0.99, mixed=0.3, rivals=((0,), (1,)))


def train_deeper_student(
    trained: Path, teacher: Path, validation: LabelledTiles, draw: Draw, out: Path, *, scale: float, tell: Tell
) -> None:
    """Write the student's model folder `out`.

    trained: model folder of its short training. teacher: that of the ResNet-18. validation: tiles of MAIN that fit the
    temperature.
    """
    shown = [replace(each, kinds=tuple(kind for kind in each.kinds if kind in MAIN)) for each in SHOWN]
    shown = [replace(each, weight=4) if each.run_seed == DENSE else each for each in shown if each.kinds] + [JOINED]
    shown = [replace(each, label_share=LABEL_SHARES.get(each.law, OTHERWISE)) for each in shown]
    drawn = draw_shown(shown, draw)
    groups, device = shown_groups(drawn, CLASS_SHARES), best_device()
    before, answer = load_classifier(trained), teachers_answer([Teacher(load_classifier(teacher), 1)])
    plan = replace(PLAN, steps=max(2, round(PLAN.steps * scale)))
    network = run_to_end(learn(before.model, groups, answer, plan, device), tell)
    student = replace(before, model=network, config=replace(before.config, um_per_px=UM_PER_PX))
    save_student(student, drawn, validation, out, teachers="the shipped ResNet-18")
