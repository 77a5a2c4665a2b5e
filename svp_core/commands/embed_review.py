"""Embed the particles of a review, for its map, its similar particles and its re-ranking."""

from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import follow, scratch_folder
from svp_core.tasks.embed_review import EmbedReviewRequest, embed_review


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of embed-review."""
    parser.add_argument("review", metavar="REVIEW", help="id of the review, as review-history list prints it")


def run(options: Namespace) -> None:
    """Store the embedding with the review; an existing one is kept."""
    with scratch_folder() as folder:
        follow(embed_review(EmbedReviewRequest(options.review), folder), "particles")
    print(f"The review {options.review} has its map.")
