"""Import labelled images into the workspace as a data set, from a folder, archive or instrument run."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import follow, print_left_out, scratch_folder
from svp_core.tasks.import_images import ImportRequest, import_images, imported_dataset


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of import-images."""
    parser.add_argument("source", type=Path, help="one sub-folder per class; or any source that classify reads")
    parser.add_argument("--name", help="of the data set; else the name of the source")
    parser.add_argument("--class", dest="class_name", help="all images are of this class")


def run(options: Namespace) -> None:
    """Import the images, print the id of the data set; excluded items are listed with their reasons."""
    name = options.name or options.source.resolve().stem
    with scratch_folder() as folder:
        follow(import_images(ImportRequest(str(options.source), name, options.class_name), folder), "images")
        dataset, left_out = imported_dataset(folder)
    print_left_out(left_out.itertuples(index=False))
    print(f"Data set: {dataset}")
