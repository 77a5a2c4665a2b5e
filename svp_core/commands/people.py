"""People who may sign in: list them, add one, give one another role.

Roles: reader (sees and downloads), reviewer (also starts work, decides and signs), keeper (also renames, deletes and
gives roles). Used where sign-in is on (SVP_SIGN_IN).
"""

from argparse import ArgumentParser, Namespace

from svp_core.access.person import ROLES
from svp_core.access.sign_in import read_sign_in
from svp_core.errors import LabError
from svp_core.workspace.paths import workspace_root


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of people."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|add|role")
    actions.add_parser("list", help="list everybody with their role")
    add = actions.add_parser("add", help="let a person sign in")
    add.add_argument("login", metavar="LOGIN", help="e-mail address or account, as the sign-in states it")
    add.add_argument("name", metavar="NAME", help="full name, as it stands with decisions and signatures; it stays")
    add.add_argument("role", choices=ROLES, help="role")
    role = actions.add_parser("role", help="give a person another role")
    role.add_argument("login", metavar="LOGIN", help="as list prints it")
    role.add_argument("role", choices=[*ROLES, "none"], help="role; none: may not sign in any more")


def run(options: Namespace) -> None:
    """Run the action, print the list."""
    from svp_core.workspace.people import NO_ROLE, add_person, list_people, set_role

    if options.action != "list" and not read_sign_in():
        raise LabError(
            f"Sign-in is off, so nobody in {workspace_root()} is asked for a role; give this command the settings "
            "that the server has (SVP_SIGN_IN, SVP_WORKSPACE, SVP_DATABASE_URL, SVP_AUDIT_KEY)."
        )
    if options.action == "add":
        add_person(options.login, options.name, options.role)
    elif options.action == "role":
        set_role(options.login, NO_ROLE if options.role == "none" else options.role)
    for person in list_people():
        print(f"{person.role or 'none':<9} {person.login}  {person.name}")
