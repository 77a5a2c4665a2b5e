"""Who may be served: this machine only, unless people sign in and the folders that may be read are named."""

import ipaddress
import os
from pathlib import Path

from svp_core.access.sign_in import SIGN_IN, read_sign_in
from svp_core.audit_trail.key import KEY
from svp_core.errors import LabError

DATA_ROOTS = "SVP_DATA_ROOTS"


def is_local(address: str | None) -> bool:
    """Whether a server that is bound to this address answers this machine only. None and "": to all machines."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address or "0.0.0.0").is_loopback
    except ValueError:
        return False


def check_serving(address: str | None, workspace: Path) -> None:
    """Raise LabError, one sentence, where a server at this address would let people in who must not be.

    A server is safe where it is bound to this machine and sign-in is off (one person's computer), or where sign-in,
    the folders that may be read and a key of the audit trail outside the workspace are set.
    """
    sign_in = read_sign_in()
    if sign_in is None and is_local(address):
        return
    roots, key = os.environ.get(DATA_ROOTS), os.environ.get(KEY)
    if lacking := [name for name, value in ((SIGN_IN, sign_in), (DATA_ROOTS, roots)) if not value]:
        raise LabError(
            f"SvP Lab does not open at {address or 'all addresses'} for others: {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not set; see Serving a lab in the README, or use 127.0.0.1."
        )
    if not key or Path(key).expanduser().resolve().is_relative_to(workspace):
        raise LabError(
            f"Where people sign in, {KEY} must name a file outside the workspace {workspace}, which only this server's "
            "account may read; see Serving a lab in the README."
        )
    if sign_in and not sign_in.proxy:
        _check_authlib()


def _check_authlib() -> None:
    try:
        import authlib  # noqa: F401
    except ImportError:
        raise LabError(
            "Sign-in by OpenID Connect needs Authlib; install it with: pip install -r requirements-server.txt"
        ) from None
