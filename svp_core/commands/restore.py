"""Restore a backup into an empty workspace folder (SVP_WORKSPACE) and check all of it.

Checked are the hash of every file, the database, and the hash chain of every review.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import print_progress


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of restore."""
    parser.add_argument("backup", type=Path, metavar="FILE.zip", help="file that svp-lab backup has written")


def run(options: Namespace) -> None:
    """Restore, print what was checked."""
    from svp_core.backup.restore import restore_backup
    from svp_core.workspace.paths import workspace_root

    steps = restore_backup(options.backup)
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            restored = end.value
            break
        print_progress(progress.message, progress.step, progress.total)
    print(
        f"Restored into {workspace_root()}, all of it as it was on {restored.created}: {restored.files:,} files, "
        f"{restored.reviews:,} reviews, {restored.decisions:,} decisions."
    )
