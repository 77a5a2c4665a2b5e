"""Boxes of located particles, as corrected: export them, compare them with true ones, crop the particles again.

LOCATED is the id of a job of Frames, or the folder that `locate` wrote. With a folder as --out, the corrected particles
are cropped into it, as a source to classify.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file, check_folder, find_classification, follow
from svp_core.errors import LabError

FORMAT_NAMES = {"yolo": "YOLO", "coco": "COCO", "label-studio": "Label Studio"}


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of frame-boxes."""
    parser.add_argument("located", metavar="LOCATED", help="job of Frames, or folder that locate wrote")
    parser.add_argument("--out", type=Path, metavar="PATH", help="file of this format; a folder for cropped particles")
    parser.add_argument("--format", choices=tuple(FORMAT_NAMES), help="format of the file")
    parser.add_argument(
        "--truth", type=Path, nargs="+", metavar="FILE", help="true boxes to compare with: YOLO or COCO"
    )


def run(options: Namespace) -> None:
    """Export, compare, or both."""
    from svp_core.tasks.box_exchange import compare_with_truth, export_boxes, read_files, save_truth
    from svp_core.tasks.crop_corrected import write_corrected
    from svp_core.tasks.located import read_located

    if not options.out and not options.truth:
        raise LabError("Nothing to do: give --out to export, --truth to compare, or both.")
    folder = find_classification(options.located)
    located = read_located(folder, "" if Path(options.located).is_dir() else options.located)
    if options.out and options.format:
        check_file(options.out)
        options.out.write_bytes(export_boxes(located, FORMAT_NAMES[options.format]))
        print(f"Written: {options.out}")
    elif options.out:
        check_folder(options.out)
        options.out.mkdir(parents=True, exist_ok=True)
        follow(write_corrected(located, options.out), "frames")
        print(f"To classify them: classify {options.out / 'found'}")
    if options.truth:
        imported = read_files(located, {path.name: _content(path) for path in options.truth})
        for fault in imported.faults:
            print(f"left out: {fault}")
        save_truth(located, imported.boxes, source=", ".join(map(str, options.truth)), reviewer="")
        figures = compare_with_truth(located)
        for name in ("recall", "precision", "ap"):
            figure = getattr(figures, name)
            title = "AP50" if name == "ap" else name.capitalize()
            print(f"{title} {figure.value:.3f} (95 % {figure.low:.3f} to {figure.high:.3f})")
        print(f"{figures.true_boxes:,} true boxes, {figures.boxes:,} boxes, {figures.frames:,} frames, IoU 0.5")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabError(f"{str(path)[:200]} cannot be read ({error.strerror}).") from None
