"""Generate particle images with a diffusion model: PNG images and manifest.csv."""

import csv
import shutil
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from svp_core.commands.arguments import (
    MODEL_HELP,
    add_engine,
    check_folder,
    chosen_engine,
    print_progress,
    run_seed,
    whole_number,
)
from svp_core.tasks.generate import GenerateRequest, generate
from svp_core.tasks.generation_request import DEFAULT_GENERATOR
from svp_core.tile_file import read_tiles


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of generate."""
    parser.add_argument("--class", dest="class_key", required=True, metavar="CLASS", help="key of the class")
    parser.add_argument("--count", type=whole_number, default=16, help="number of images")
    parser.add_argument("--seed", type=run_seed, default=0, help="the same seed gives the same images")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the images")
    add_engine(parser)
    model = parser.add_argument_group("model")
    model.add_argument("--weights", default=DEFAULT_GENERATOR, metavar="MODEL", help=MODEL_HELP)
    model.add_argument(
        "--sampler", help="preview, standard (used if none is given) or diverse; of a published model fast or exact"
    )
    model.add_argument("--steps", type=whole_number, help="denoising steps; else those of the sampler")


def run(options: Namespace) -> None:
    """Run the task "generate" and write each finished tile as an image; finished images survive a Ctrl-C."""
    from svp_core.images import encode_png

    check_folder(options.out)
    names = ("class_key", "count", "seed", "sampler", "steps", "weights")
    request = GenerateRequest(**{name: getattr(options, name) for name in names}, engine=chosen_engine(options))
    written = 0
    with TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        for progress in generate(request, scratch):
            if progress.step > written:
                options.out.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(scratch / "manifest.csv", options.out / "manifest.csv")
                with (options.out / "manifest.csv").open(newline="", encoding="utf-8") as file:
                    rows = list(csv.DictReader(file))
                for position, tile in enumerate(read_tiles(scratch / "tiles.npy")[written:], written):
                    (options.out / rows[position]["image"]).write_bytes(encode_png(tile))
                written = progress.step
            print_progress("images", progress.step, progress.total)
        shutil.copyfile(scratch / "provenance.json", options.out / "provenance.json")
