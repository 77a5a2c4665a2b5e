"""Import a checkpoint of the published generator or ResNet-18, as its authors distribute it: a model folder."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_folder


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of import-published."""
    parser.add_argument("checkpoint", type=Path, help="the .pth file")
    parser.add_argument(
        "--class", dest="class_key", metavar="CLASS", help="class of a generator, where the file's name does not say it"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new model folder")


def run(options: Namespace) -> None:
    """Write the model folder, print how to use it."""
    from svp_core.model_import import import_published

    check_folder(options.out)
    kind = import_published(options.checkpoint, options.out, class_key=options.class_key)
    use = "classify SOURCE" if kind == "classifier" else "generate --class CLASS"
    print(f"Finished: {options.out}. Read its card.md; use it with {use} --weights {options.out}")
