"""Evaluate a classified run of polystyrene beads as the size standard of its instrument.

Prints mean, CV and bias of their sizes and the pixel size that they imply, and stores them with the instrument's
profile; the report prints them from then on.
"""

from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import find_classification


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of size-standard."""
    parser.add_argument("classification", metavar="RESULTS", help="job or folder of the classified bead run")
    parser.add_argument("--certified-um", type=float, required=True, help="certified diameter of the beads, µm")
    parser.add_argument("--uncertainty-um", type=float, default=0.0, help="its expanded uncertainty (k = 2), µm")
    parser.add_argument(
        "--instrument", metavar="PROFILE", help="id of the instrument; without it, that of the classification"
    )


def run(options: Namespace) -> None:
    """Print the figures, store them."""
    from svp_core.classification.own_instrument import profile_of
    from svp_core.classification.results import read_results_folder
    from svp_core.size_standard.wording import size_row, standard_sentences
    from svp_core.tasks.size_standard import evaluate_size_standard, keep_size_standard
    from svp_core.workspace.instrument_profiles import find_profile

    folder = find_classification(options.classification)
    own = profile_of(read_results_folder(folder).summary)
    profile = find_profile(options.instrument) if options.instrument else own
    standard = evaluate_size_standard(folder, options.certified_um, options.uncertainty_um)
    for sentence in standard_sentences(standard):
        print(sentence)
    for size in standard.sizes:
        print("  ".join(size_row(size)))
    if profile is None:
        print("Not stored: the classification belongs to no instrument of this workspace; name one with --instrument.")
        return
    keep_size_standard(profile.id, standard)
    print(f"Stored with instrument {profile.id}: {profile.name}")
