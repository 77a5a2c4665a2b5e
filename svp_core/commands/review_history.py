"""Decisions of a review as a file: list reviews, export a history, verify that it is unaltered, import it.

A history is a file of JSON lines with a hash chain. Note the last hash that export prints: with it, verify also detects
a chain that was rebuilt.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of review-history."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|export|verify|import")
    actions.add_parser("list", help="list the reviews of this workspace")
    export = actions.add_parser("export", help="write the history of a review to a file")
    export.add_argument("review", metavar="REVIEW", help="id of the review, as list prints it")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl", help="file to write")
    verify = actions.add_parser("verify", help="check that a history is unaltered")
    verify.add_argument("history", metavar="HISTORY", help="an exported file, or the id of a review")
    verify.add_argument("--head", metavar="HASH", help="the last hash, as export printed it")
    import_ = actions.add_parser("import", help="import an exported history into this workspace")
    import_.add_argument("history", type=Path, metavar="FILE.jsonl", help="an exported file")


def run(options: Namespace) -> None:
    """Run the action, print its result."""
    {"list": _list, "export": _export, "verify": _verify, "import": _import}[options.action](options)


def _list(_options: Namespace) -> None:
    from svp_core.review.store import list_reviews

    for review in list_reviews():
        counts = f"{review['decisions']:>7,} decisions on {review['particles']:,} particles"
        print(f"{review['review']}  {counts}  {review['name']}")


def _export(options: Namespace) -> None:
    from svp_core.review.history_file import export_history

    check_file(options.out)
    verdict = export_history(options.review, options.out)
    if not verdict.sound:
        raise LabError(f"{options.out} was written, but its history was altered. {verdict.problem}")
    print(f"{verdict.count:,} decisions are in {options.out}. Last hash: {verdict.head}")


def _verify(options: Namespace) -> None:
    from svp_core.review.history_file import verify, verify_file

    is_file = Path(options.history).is_file()
    verdict = verify_file(options.history, head=options.head) if is_file else verify(options.history, head=options.head)
    if not verdict.sound:
        raise LabError(f"{options.history} was altered. {verdict.problem}")
    print(f"Unaltered: {verdict.count:,} decisions. Last hash: {verdict.head}")


def _import(options: Namespace) -> None:
    from svp_core.review.history_file import import_history

    print(f"Review: {import_history(options.history)}")
