"""Which particles are unlike normal ones? novelty.csv with scores, p-values and the nearest known; a verdict in words.

Normal are the known particles of the classifier, or any set that --normal names: a folder, archive, instrument run, or
the id of a data set. A particle with p 0.05 is more unusual than 95 % of the normal ones. --out FOLDER writes all that
the page shows.
"""

import json
import shutil
from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import (
    MODEL_HELP,
    add_engine,
    add_source_and_out,
    check_file,
    check_folder,
    chosen_engine,
    follow,
    pixel_size,
    scratch_folder,
)
from svp_core.tasks.classify import DEFAULT_CLASSIFIER
from svp_core.tasks.novelty import NoveltyRequest, novelty


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of novelty."""
    add_source_and_out(parser)
    add_engine(parser)
    parser.add_argument(
        "--normal", metavar="FOLDER", help="at least 100 normal particles; default: the classifier's known particles"
    )
    parser.add_argument("--weights", default=DEFAULT_CLASSIFIER, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--um-per-px", type=pixel_size, help="pixel size, µm, that replaces the one in the files")
    parser.add_argument(
        "--autoencoder", metavar="MODEL", help="filter of `train novelty`: its residual and p-value as further columns"
    )
    parser.add_argument(
        "--clean", action="store_true", help="the source holds no strangers: check that the normal set fits it"
    )


def run(options: Namespace) -> None:
    """Judge every particle, print the verdict."""
    from svp_core.tasks.novelty_table import TABLE

    request = NoveltyRequest(
        str(options.source),
        options.normal,
        options.weights,
        options.um_per_px,
        autoencoder=options.autoencoder,
        clean=options.clean or None,
        engine=chosen_engine(options),
    )
    request.check()
    if options.out.suffix.casefold() == ".csv" and not options.out.is_dir():
        check_file(options.out)
        with scratch_folder() as folder:
            follow(novelty(request, folder), "particles")
            summary = json.loads((folder / "summary.json").read_text("utf-8"))
            shutil.copyfile(folder / TABLE, options.out)
    else:
        check_folder(options.out)
        options.out.mkdir(parents=True, exist_ok=True)
        follow(novelty(request, options.out), "particles")
        summary = json.loads((options.out / "summary.json").read_text("utf-8"))
    print(*summary["verdict"]["sentences"], sep="\n")
    print(f"{summary['offered']:,} rows in {options.out}; rejected {summary['rejected']:,}")
