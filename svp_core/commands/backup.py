"""Write a backup of the workspace as one file: database, data, models, reviews; nobody has to stop working.

Keep it on another disk, and try now and then whether it can be restored (svp-lab restore).
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file, print_progress


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of backup."""
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="file to write")
    parser.add_argument("--without-uploads", action="store_true", help="leave out what was uploaded to be classified")


def run(options: Namespace) -> None:
    """Write the backup."""
    from svp_core.backup.write import write_backup

    check_file(options.out)
    for progress in write_backup(options.out, uploads=not options.without_uploads):
        print_progress(progress.message, progress.step, progress.total)
    print(f"Backup: {options.out} ({options.out.stat().st_size / 1024**2:,.0f} MB)")
