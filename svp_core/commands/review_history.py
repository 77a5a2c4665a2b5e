"""The decisions of a review as a file: list the reviews, export a history, check it for tampering, import it.

A history is JSON lines with a hash chain. Note the last hash that export prints: with it, verify also finds a chain
that was made anew.
"""

from pathlib import Path

from svp_core.commands.arguments import check_file
from svp_core.errors import LabError


def add_arguments(parser):
    """What review-history takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|export|verify|import")
    actions.add_parser("list", help="the reviews of this workspace")
    export = actions.add_parser("export", help="write a review's history to a file")
    export.add_argument("review", help="id of the review, as list prints it")
    export.add_argument("--out", type=Path, required=True, help="the .jsonl file")
    verify = actions.add_parser("verify", help="is it what was written?")
    verify.add_argument("history", help="an exported file, or the id of a review")
    verify.add_argument("--head", help="the last hash, as export printed it")
    take = actions.add_parser("import", help="bring an exported history into this workspace")
    take.add_argument("history", type=Path)


def run(options):
    """What was done, for the person at the terminal."""
    {"list": _list, "export": _export, "verify": _verify, "import": _import}[options.action](options)


def _list(_options):
    from svp_core.review.store import list_reviews

    for found in list_reviews():
        counts = f"{found['decisions']:>7,} decisions on {found['particles']:,} particles"
        print(f"{found['review']}  {counts}  {found['name']}")


def _export(options):
    from svp_core.review.history_file import export_history

    check_file(options.out)
    verdict = export_history(options.review, options.out)
    if not verdict.sound:
        raise LabError(f"{options.out} was written, but the history is not what was decided. {verdict.problem}")
    print(f"{verdict.count:,} decisions are in {options.out}. Last hash: {verdict.head}")


def _verify(options):
    from svp_core.review.history_file import verify, verify_file

    is_file = Path(options.history).is_file()
    verdict = verify_file(options.history, head=options.head) if is_file else verify(options.history, head=options.head)
    if not verdict.sound:
        raise LabError(f"{options.history} is not what was decided. {verdict.problem}")
    print(f"{verdict.count:,} decisions, each as it was written. Last hash: {verdict.head}")


def _import(options):
    from svp_core.review.history_file import import_history

    review_id = import_history(options.history)
    print(f"The review is in this workspace: {review_id}")
