"""Audit trail: verify, list or export it; verify a signed report; go on with a new key.

verify checks every entry against the key of the trail (SVP_AUDIT_KEY) and the decisions of every review against their
seals; with a signed report, that it is still what was signed.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of audit-trail."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify|list|export|new-key")
    verify = actions.add_parser("verify", help="check that trail, reviews and, if given, a report are unaltered")
    verify.add_argument("report", nargs="?", type=Path, metavar="REPORT.html", help="a signed report")
    actions.add_parser("list", help="print the entries, newest last")
    export = actions.add_parser("export", help="write the entries to a file")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write: .csv or .jsonl")
    actions.add_parser("new-key", help="go on with a new key where the old one is lost")


def run(options: Namespace) -> None:
    """Run the action, print its result."""
    {"verify": _verify, "list": _list, "export": _export, "new-key": _new_key}[options.action](options)


def _verify(options: Namespace) -> None:
    from svp_core.review.closing import signed_states
    from svp_core.review.history_file import verify
    from svp_core.review.seal import noted_reviews
    from svp_core.review.store import list_reviews
    from svp_core.workspace.changes import verify_trail

    problems, check, noted = [], verify_trail(), noted_reviews()  # before the reviews: more may be made meanwhile
    if not check.sound:
        problems.append(f"{check.problem} Intact before: {check.count:,}.")
    reviews = list_reviews() + list_reviews(deleted=True)
    for header in reviews:
        states = [verify(header["review"]).problem, *(state.problem for state in signed_states(header["review"]))]
        problems += [f"Review {header['name']!r}: {problem}" for problem in dict.fromkeys(states) if problem]
    for review in sorted(noted - {header["review"] for header in reviews}):
        problems.append(f"Review {review} is not in the database any more; its decisions were removed with it.")
    if options.report:
        from svp_core.report.signed_report import verify_report

        state = verify_report(options.report)
        print("\n".join(state.lines))
        problems += [state.problem] if state.problem else []
    if problems:
        raise LabError("\n".join(problems))
    print(f"Unaltered: {check.count:,} entries of the audit trail, {len(reviews):,} reviews.")


def _list(_options: Namespace) -> None:
    from svp_core.display import format_utc
    from svp_core.workspace.changes import list_entries

    for entry in reversed(list_entries()):
        why = f"  ({entry.why})" if entry.why else ""
        what = f"{entry.action} {entry.kind} {entry.title or entry.subject}"
        print(f"{entry.number:>6}  {format_utc(entry.time)}  {entry.name} ({entry.via})  {what}{why}")


def _export(options: Namespace) -> None:
    from svp_core.files import atomic_write
    from svp_core.workspace.trail_export import entries_as_csv, entries_as_jsonl

    check_file(options.out)
    data = (entries_as_jsonl if options.out.suffix == ".jsonl" else entries_as_csv)({})
    atomic_write(options.out, lambda path: path.write_bytes(data))
    print(f"Audit trail: {options.out}")


def _new_key(_options: Namespace) -> None:
    from svp_core.workspace.changes import begin_new_key

    print(f"The audit trail goes on with a new key in {begin_new_key().file}.")
