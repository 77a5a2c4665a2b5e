"""Make tiles with a diffusion model: PNG images and manifest.csv."""

import csv
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from svp_core.commands.arguments import check_folder, print_progress, run_seed, whole_number
from svp_core.tasks.generate import GenerateRequest, generate
from svp_core.tile_file import read_tiles


def add_arguments(parser):
    """What generate takes."""
    parser.add_argument("--class", dest="class_key", required=True)
    parser.add_argument("--count", type=whole_number, default=16)
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--sampler", help="preview, standard (default) or diverse; of a published model fast or exact")
    parser.add_argument("--steps", type=whole_number, help="network calls an image; left out, the sampler's own")
    parser.add_argument("--weights", default="generator", help="name of a model or a run folder")
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """The task "generate", its tiles written out as images while they are made. What is finished outlives a Ctrl-C."""
    from svp_core.images import encode_png

    check_folder(options.out)
    names = ("class_key", "count", "seed", "sampler", "steps", "weights")
    request = GenerateRequest(**{name: getattr(options, name) for name in names})
    written = 0
    with TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for progress in generate(request, scratch):
            if progress.step > written:
                options.out.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(scratch / "manifest.csv", options.out / "manifest.csv")
                with open(options.out / "manifest.csv", newline="", encoding="utf-8") as file:
                    rows = list(csv.DictReader(file))
                for position, tile in enumerate(read_tiles(scratch / "tiles.npy")[written:], written):
                    (options.out / rows[position]["image"]).write_bytes(encode_png(tile))
                written = progress.step
            print_progress("images", progress.step, progress.total)
        shutil.copyfile(scratch / "provenance.json", options.out / "provenance.json")
