"""Profiles of instruments: list them, export one to a file, import one from a file.

A profile is made when a run is classified on the page; it holds pixel size, imaging conditions and what was checked.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import check_file
from svp_core.errors import LabError


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of instrument."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|export|import")
    actions.add_parser("list", help="list the instruments of this workspace")
    export = actions.add_parser("export", help="write a profile to a file")
    export.add_argument("profile", metavar="PROFILE", help="id of the instrument, as list prints it")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="file to write")
    import_ = actions.add_parser("import", help="add an exported profile to this workspace")
    import_.add_argument("file", type=Path, metavar="FILE.json", help="an exported profile")


def run(options: Namespace) -> None:
    """Run the action, print its result."""
    {"list": _list, "export": _export, "import": _import}[options.action](options)


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
