"""Train a generator or classifier on a folder with one sub-folder a class: a run folder."""

import sys
from pathlib import Path

from svp_core.commands.arguments import show, whole_number
from svp_core.errors import LabError


def add_arguments(parser):
    """What train takes."""
    parser.add_argument("what", choices=("generator", "classifier"))
    parser.add_argument("source", type=Path)
    parser.add_argument("--validation", type=Path, help="classifier: tiles that pick the checkpoint")
    parser.add_argument("--images", type=whole_number, help="generator: images shown in all, repeats counted")
    parser.add_argument("--epochs", type=float, help="classifier: times each tile is shown")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--note", default="", help="what the tiles are, for the card")
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """The run; started again with the same arguments, an interrupted training goes on."""
    from svp_core import training
    from svp_core.classifier.train import TrainingPlan as ClassifierPlan
    from svp_core.generator.train import TrainingPlan as GeneratorPlan
    from svp_core.labelled import read_labelled

    data = read_labelled(options.source)
    for name, reason in data.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    chosen = {"seed": options.seed}
    if options.what == "generator":
        chosen |= {"images": options.images} if options.images else {}
        steps = training.train_generator(data, options.out, plan=GeneratorPlan(**chosen), note=options.note)
    else:
        if options.validation is None:
            raise LabError("A classifier needs --validation FOLDER: labelled tiles that are not trained on.")
        chosen |= {"epochs": options.epochs} if options.epochs else {}
        validation = read_labelled(options.validation)
        steps = training.train_classifier(
            data, options.out, validation=validation, plan=ClassifierPlan(**chosen), note=options.note
        )
    for progress in steps:
        show(f"steps, loss {progress.loss:.3f}", progress.step, progress.total)
    print(f"Finished: {options.out}")
