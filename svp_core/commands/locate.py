"""Locate particles in camera frames: their boxes, their crops as a source to classify, counts of each frame.

FRAMES is an image (PNG, TIFF of one or many pages), a folder or archive of them, or a video (AVI, MP4, MOV, MKV). With
a file as --out, only the table of boxes is written; with a folder, everything: `classify FOLDER/found` classifies the
particles and counts them per mL.
"""

import csv
import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import (
    add_engine,
    check_file,
    check_folder,
    chosen_engine,
    follow,
    pixel_size,
    scratch_folder,
)
from svp_core.tasks.frame_background import FILTER
from svp_core.tasks.locate import FOUND, FRAMES_FILE, NEIGHBOUR_UM, THRESHOLD, LocateRequest, locate


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of locate."""
    parser.add_argument("frames", metavar="FRAMES", help="image, folder, archive or video")
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="boxes.csv, or a folder")
    parser.add_argument(
        "--background",
        default=FILTER,
        choices=("filter", "frames", "calibration"),
        help="median filter of each frame, median of frames, or the calibration image",
    )
    parser.add_argument("--calibration", metavar="FILE", help="calibration image; default: the one beside the frames")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="difference, as a share of the background")
    parser.add_argument(
        "--neighbour-um", type=float, default=NEIGHBOUR_UM, help="parts at most this far apart are one particle, µm"
    )
    parser.add_argument("--um-per-px", type=pixel_size, help="pixel size that replaces the one in the files")
    parser.add_argument("--depth-um", type=float, help="depth of the liquid that a frame shows: gives the volume")
    parser.add_argument("--volume-ml", type=float, help="volume of all frames together, instead of the depth")
    parser.add_argument("--heads", metavar="MODEL", help="trained heads that split touching particles")
    add_engine(parser)


def run(options: Namespace) -> None:
    """Locate; print how many particles, and every frame that could not be read."""
    is_table = options.out.suffix.casefold() == ".csv"
    (check_file if is_table else check_folder)(options.out)
    request = LocateRequest(
        options.frames,
        "calibration" if options.calibration else options.background,
        options.threshold,
        options.neighbour_um,
        options.um_per_px,
        options.depth_um,
        options.volume_ml,
        options.calibration,
        heads=options.heads,
        engine=chosen_engine(options),
    )
    request.check()
    if is_table:
        with scratch_folder() as folder:
            _locate(request, folder)
            shutil.copyfile(folder / FOUND / "boxes.csv", options.out)
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        _locate(request, options.out)
        print(f"To classify them: classify {options.out / FOUND}")


def _locate(request: LocateRequest, folder: Path) -> None:
    follow(locate(request, folder), "frames")
    with (folder / FRAMES_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["reason"]:
            print(f"left out {row['frame']}: {row['reason']}", file=sys.stderr)
    read = [row for row in rows if not row["reason"]]
    particles, cut = (sum(int(row[name]) for row in read) for name in ("particles", "cut"))
    print(f"{particles:,} particles in {len(read):,} frames, {cut:,} of them cut by the border")
