"""Retrain the classifier on the labels of a review; it becomes a model of the workspace."""

from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import follow, scratch_folder, whole_number
from svp_core.tasks.retrain import RetrainRequest, retrain, retrain_summary


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of retrain."""
    parser.add_argument("review", metavar="REVIEW", help="id of the review, as review-history list prints it")
    parser.add_argument("--name", required=True, help="of the new model")
    parser.add_argument("--decisions", type=whole_number, help="length of the decision log to train on; else all of it")


def run(options: Namespace) -> None:
    """Train, print the accuracy on held-out particles with the labels before and after the review."""
    from svp_core.review.decision_log import history

    decisions = options.decisions or max((decision.number for decision in history(options.review)), default=0)
    with scratch_folder() as folder:
        follow(retrain(RetrainRequest(options.review, options.name, decisions), folder), "particles")
        summary = retrain_summary(folder)
    for note in summary["notes"]:
        print(note)
    for check in summary["checks"]:
        before, after = (f"{100 * check[when]['value']:.1f} %" for when in ("before", "after"))
        print(f"{check['of']}, {check['class'] or 'all classes'}, n = {check['n']:,}: {before} before, {after} after")
    print(f"Model: {summary['model']}")
