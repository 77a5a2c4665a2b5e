"""Make a run of a checkpoint of the published generator or ResNet-18, as its authors send it: a run folder."""

from pathlib import Path

from svp_core.commands.arguments import check_folder


def add_arguments(parser):
    """What import-published takes."""
    parser.add_argument("checkpoint", type=Path, help="the .pth file")
    parser.add_argument("--class", dest="class_key", help="of a generator whose file's name does not say")
    parser.add_argument("--out", type=Path, required=True, help="run folder, new")


def run(options):
    """The run, and how to use it."""
    from svp_core.model_import import import_published

    check_folder(options.out)
    part = import_published(options.checkpoint, options.out, class_key=options.class_key)
    use = "classify SOURCE" if part == "classifier" else "generate --class CLASS"
    print(f"Finished: {options.out}. Read its card.md; use it with {use} --weights {options.out}")
