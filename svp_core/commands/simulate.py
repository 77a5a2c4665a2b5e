"""Draw particles by physical optics, with their truth."""

import csv
from pathlib import Path

from svp_core.commands.arguments import check_folder, pixel_size, print_progress, run_seed, whole_number
from svp_core.errors import LabError

MAX_COUNT = 1_000_000  # particles of one run, see scenes.particle_seed


def add_arguments(parser):
    """What simulate takes."""
    parser.add_argument(
        "--class", dest="kind", required=True, help="protein, silicone_oil, air_bubble, glass_flake or fibre"
    )
    parser.add_argument("--count", type=whole_number, default=100)
    parser.add_argument("--seed", type=run_seed, default=0)
    parser.add_argument("--um-per-px", type=pixel_size, help="pixel size; left out, that of some instrument is drawn")
    parser.add_argument("--instruments", choices=("usual", "soft", "other"), default="usual", help="see scenes.LAWS")
    parser.add_argument("--out", type=Path, required=True)


def run(options):
    """PNG images in a sub-folder of the class, and one csv of truth beside it."""
    from svp_core.images import encode_png
    from svp_core.optics import scenes

    if options.kind not in scenes.KINDS:
        raise LabError(f"{options.kind!r} cannot be simulated; kinds are {', '.join(scenes.KINDS)}.")
    if options.count > MAX_COUNT:
        raise LabError(f"{options.count:,} particles were asked for; 1 to {MAX_COUNT:,} can be drawn in one run.")
    check_folder(options.out)
    (options.out / options.kind).mkdir(parents=True, exist_ok=True)
    law, writer = scenes.LAWS[options.instruments], None
    with open(options.out / f"{options.kind}.csv", "w", newline="", encoding="utf-8") as file:
        for k in range(options.count):
            seed = scenes.particle_seed(options.seed, k)
            drawn = scenes.simulate(options.kind, seed, um_per_px=options.um_per_px, law=law)
            name = f"{options.kind}/{options.kind}_{seed:08d}.png"
            (options.out / name).write_bytes(encode_png(drawn.pixels))
            writer = writer or _truth_writer(file, drawn.truth)
            writer.writerow({"image": name, **drawn.truth})
            print_progress("particles", k + 1, options.count)


def _truth_writer(file, truth):
    writer = csv.DictWriter(file, ["image", *truth], lineterminator="\n", restval="")
    writer.writeheader()
    return writer
