"""Train heads that split touching particles, on located frames whose boxes were checked or imported as true ones.

Prints recall, precision and AP50 on held-out frames, for the threshold rule, the heads alone and both together.
"""

import json
from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import follow, run_seed, scratch_folder
from svp_core.tasks.box_scoring import SHIPPED
from svp_core.tasks.train_heads import RESULT_FILE, WAYS, HeadsRequest, train_heads


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of train-heads."""
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="jobs of Frames that located the particles")
    parser.add_argument("--name", required=True, help="name of the new model")
    parser.add_argument("--weak", action="store_true", help="the frames have one box each (weak labels)")
    parser.add_argument("--embedding", default=SHIPPED, help="classifier, or full path of a folder with a DINOv3 ViT")
    parser.add_argument("--seed", type=run_seed, default=0, help="of the held-out frames and the training")


def run(options: Namespace) -> None:
    """Train, print the table."""
    request = HeadsRequest(options.name, tuple(options.jobs), options.weak, options.embedding, options.seed)
    with scratch_folder() as folder:
        follow(train_heads(request, folder), "epochs")
        result = json.loads((folder / RESULT_FILE).read_text("utf-8"))
    for way, figures in result["figures"].items():
        texts = (f"{name} {value:.3f} ({low:.3f} to {high:.3f})" for name, (value, low, high) in figures.items())
        print(f"{WAYS[way]}: {', '.join(texts)}")
    print(f"{result['held_out']} of {result['frames']} frames held out")
