"""Simulate particle images with wave optics, with their ground truth."""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from svp_core.commands.arguments import add_engine, check_folder, pixel_size, print_progress, run_seed, whole_number
from svp_core.errors import LabError
from svp_core.execution import WorkItem, executor

MAX_COUNT = 1_000_000  # particles per run, see scenes.particle_seed


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of simulate."""
    parser.add_argument(
        "--class",
        dest="kind",
        required=True,
        metavar="CLASS",
        help="protein, silicone_oil, air_bubble, glass_flake, fibre, opaque or cell",
    )
    parser.add_argument("--count", type=whole_number, default=100, help="number of particles")
    parser.add_argument("--seed", type=run_seed, default=0, help="the same seed gives the same particles")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for images and truth")
    add_engine(parser)
    optics = parser.add_argument_group("optics")
    optics.add_argument("--um-per-px", type=pixel_size, help="pixel size, µm; else drawn per particle")
    optics.add_argument(
        "--instruments",
        default="usual",
        metavar="LAW",
        help="what instruments and shapes are drawn from: usual, soft, or another of imaging_conditions.LAWS",
    )


def run(options: Namespace) -> None:
    """Write PNG images into a sub-folder named after the class, and a CSV file with the truth beside it."""
    from svp_core.images import TILE_PX, encode_png
    from svp_core.optics import scenes
    from svp_core.optics.imaging_conditions import LAWS

    if options.kind not in scenes.KINDS:
        raise LabError(f"{options.kind!r} cannot be simulated; classes are {', '.join(scenes.KINDS)}.")
    if options.instruments not in LAWS:
        raise LabError(f"There is no law {options.instruments!r} of instruments; there are {', '.join(LAWS)}.")
    if options.count > MAX_COUNT:
        raise LabError(f"{options.count:,} particles were requested; one run can simulate 1 to {MAX_COUNT:,}.")
    check_folder(options.out)
    (options.out / options.kind).mkdir(parents=True, exist_ok=True)
    law, writer, tile_bytes = LAWS[options.instruments], None, TILE_PX**2
    with (options.out / f"{options.kind}.csv").open("w", newline="", encoding="utf-8") as file:
        function = partial(_simulate, options.kind, um_per_px=options.um_per_px, law=law)
        seeds = (scenes.particle_seed(options.seed, position) for position in range(options.count))
        items = (WorkItem(seed, tile_bytes, context=seed) for seed in seeds)
        with closing(executor(options.engine).map_ordered(function, items, workers=0)) as particles:
            for done, (seed, (pixels, truth)) in enumerate(particles, 1):
                name = f"{options.kind}/{options.kind}_{seed:08d}.png"
                (options.out / name).write_bytes(encode_png(pixels))
                writer = writer or _truth_writer(file, truth)
                writer.writerow({"image": name, **truth})
                print_progress("particles", done, options.count)


def _simulate(kind: str, seed: int, *, um_per_px: float | None, law: Any) -> tuple[Any, dict[str, Any]]:
    """(pixels, truth) of a particle."""
    from svp_core.optics.scenes import simulate

    particle = simulate(kind, seed, um_per_px=um_per_px, law=law)
    return particle.pixels, particle.truth


def _truth_writer(file: TextIO, truth: Mapping[str, Any]) -> "csv.DictWriter[str]":
    writer = csv.DictWriter(file, ["image", *truth], lineterminator="\n", restval="")
    writer.writeheader()
    return writer
