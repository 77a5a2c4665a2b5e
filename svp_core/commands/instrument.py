"""Profiles of instruments: list them, export one to a file, import one from a file, name a run of known particles.

A profile is made when a run is classified on the page; it holds pixel size, imaging conditions and what was checked.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of instrument."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|export|import|known-run")
    actions.add_parser("list", help="list the instruments of this workspace")
    export = actions.add_parser("export", help="write a profile to a file")
    export.add_argument("profile", metavar="PROFILE", help="id of the instrument, as list prints it")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="file to write")
    import_ = actions.add_parser("import", help="add an exported profile to this workspace")
    import_.add_argument("file", type=Path, metavar="FILE.json", help="an exported profile")
    known = actions.add_parser("known-run", help="calibrate what is unlike all classes on a run of known particles")
    known.add_argument("profile", metavar="PROFILE", help="id of the instrument, as list prints it")
    known.add_argument("job", nargs="?", metavar="JOB", help="id of its classification of known, clean particles")
    known.add_argument("--forget", action="store_true", help="judge by the shipped calibration again")


def run(options: Namespace) -> None:
    """Run the action, print its result."""
    {"list": _list, "export": _export, "import": _import, "known-run": _known_run}[options.action](options)


def _list(_options: Namespace) -> None:
    from svp_core.tasks.instrument_runs import classifications_of
    from svp_core.workspace.instrument_profiles import list_profiles

    for profile in list_profiles():
        runs = len(classifications_of(profile.id))
        print(f"{profile.id}  {profile.um_per_px:>8.4g} µm/px  {runs:>4,} classifications  {profile.name}")


def _export(options: Namespace) -> None:
    from svp_core.workspace.instrument_profiles import export_profile

    check_file(options.out)
    options.out.write_text(export_profile(options.profile), "utf-8")
    print(f"{options.out} holds the profile.")


def _import(options: Namespace) -> None:
    from svp_core.workspace.instrument_profiles import import_profile

    try:
        text = options.file.read_bytes()
    except OSError as error:
        raise LabError(f"{options.file} cannot be read ({error.strerror}); give an exported profile.") from None
    profile = import_profile(text)
    print(f"Instrument {profile.id}: {profile.name}")


def _known_run(options: Namespace) -> None:
    from svp_core.tasks.known_run import forget_known_run, name_known_run
    from svp_core.workspace.instrument_profiles import find_profile

    profile = find_profile(options.profile)
    if options.forget:
        for sha256 in profile.novelty or {}:
            forget_known_run(profile.id, sha256)
        print("Novelty is calibrated on simulated particles again.")
        return
    if not options.job:
        raise LabError("Name a classification of known, clean particles of this instrument, or give --forget.")
    profile = name_known_run(profile.id, options.job)
    for record in filter(None, map(profile.known_run_of, profile.novelty or {})):
        print(f"{record['weights']}: {record['description']}.")
    print("Runs that are classified on this instrument from now on are judged by it.")
