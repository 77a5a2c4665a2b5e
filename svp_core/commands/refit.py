"""Refit a classifier's last layer with the labels of its validation on an instrument.

It becomes a model only where the interval of the gain, on labels it did not see, lies above zero.
"""

from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import follow, scratch_folder
from svp_core.errors import LabError
from svp_core.tasks.refit import adopt_refit, refit, refit_request, refit_result


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of refit."""
    parser.add_argument("profile", metavar="PROFILE", help="id of the instrument, as `instrument list` prints it")
    parser.add_argument("--name", required=True, help="of the new model")
    parser.add_argument(
        "--simulated",
        action="store_true",
        help="start from simulated instruments like this one; on particles not made by the simulator, such layers were "
        "right less often by 3 to 12 points",
    )
    parser.add_argument("--weights", metavar="MODEL", help="name of the validated classifier, where there are several")


def run(options: Namespace) -> None:
    """Refit, print the accuracy before and after, add the model where it gains."""
    from svp_core.validation.wording import percent, points

    request = refit_request(options.profile, _validated(options.profile, options.weights), simulated=options.simulated)
    with scratch_folder() as folder:
        follow(refit(request, folder), "particles")
        result = refit_result(folder)
        print(f"{result['n']:,} labels: {percent(result['before'])} right before, {percent(result['after'])} after")
        print(f"Gain: {points(result['difference'])} points")
        if result["is_offered"]:
            print(f"Model: {adopt_refit(request, folder, options.name)}")
        else:
            print("No model was added: the interval of the gain does not lie above zero.")


def _validated(profile_id: str, name: str | None) -> str:
    """sha256 of the validated classifier's weights. Raises LabError where it is not the only one."""
    from svp_core.workspace.instrument_profiles import find_profile

    records = (find_profile(profile_id).validation or {}).items()
    found = {sha256: record["weights"] for sha256, record in records if name in (None, record["weights"])}
    if len(found) != 1:
        names = ", ".join(sorted({record["weights"] for _, record in records})) or "none"
        raise LabError(f"Name the validated classifier with --weights; validated on this instrument: {names}.")
    return next(iter(found))
