"""Record denoising trajectories, from pure noise to the finished images: trajectory.npz."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import MODEL_HELP, check_folder, follow, run_seed, whole_number
from svp_core.tasks.denoise import DenoiseRequest, denoise
from svp_core.tasks.generation_request import DEFAULT_GENERATOR


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of denoise."""
    parser.add_argument(
        "--class",
        dest="class_keys",
        action="append",
        required=True,
        metavar="CLASS",
        help="key of a class; repeat it for several",
    )
    parser.add_argument("--count", type=whole_number, default=2, help="images per class")
    parser.add_argument("--seed", type=run_seed, default=0, help="the same seed gives the images of generate")
    parser.add_argument("--sampler", help="key of a sampler of the model; else its default")
    parser.add_argument("--steps", type=whole_number, help="denoising steps; else those of the sampler")
    parser.add_argument("--weights", default=DEFAULT_GENERATOR, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write")


def run(options: Namespace) -> None:
    """Write trajectory.npz into the folder."""
    check_folder(options.out)
    request = DenoiseRequest(
        tuple(options.class_keys),
        options.count,
        options.seed,
        sampler=options.sampler,
        weights=options.weights,
        steps=options.steps,
    )
    request.check()
    options.out.mkdir(parents=True, exist_ok=True)
    follow(denoise(request, options.out), "steps")
    print(f"Trajectories: {options.out / 'trajectory.npz'}")
