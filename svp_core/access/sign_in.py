"""Settings of sign-in: one TOML file, named by SVP_SIGN_IN. Without it sign-in is off.

keepers = ["anna@lab.example"]    # logins that are always keepers
login = "email"                   # claim of the identity provider that names a person
hosts = ["svp.lab.example"]       # further names under which browsers reach the app; that of redirect_uri is known

[auth]                            # OpenID Connect, as Streamlit reads it ...
redirect_uri = "https://svp.lab.example/oauth2callback"
cookie_secret = "..."
client_id = "svp-lab"
client_secret = "..."
server_metadata_url = "https://id.lab.example/.well-known/openid-configuration"
client_kwargs = { scope = "openid profile email", prompt = "login" }

[proxy]                           # ... or a proxy that signs people in and names them in a header
header = "X-Remote-User"
name_header = "X-Remote-Name"     # optional: their full name
secret_header = "X-SVP-Secret"    # the proxy shows with it that the header is its own
secret = "..."
"""

import hmac
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from svp_core.errors import LabError

SIGN_IN = "SVP_SIGN_IN"
MIN_SECRET = 16  # characters
_AUTH = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_PROXY = ("header", "secret_header", "secret")


@dataclass(frozen=True)
class ProxySettings:
    """A proxy that signs people in."""

    header: str  # holds the login
    secret_header: str
    secret: str
    name_header: str = ""

    def login_of(self, headers: Mapping[str, str]) -> str:
        """Login in the headers of a request; "" where there is none or the secret is not the proxy's."""
        sent = headers.get(self.secret_header) or ""
        if not hmac.compare_digest(sent.encode(), self.secret.encode()):
            return ""
        return (headers.get(self.header) or "").strip()


@dataclass(frozen=True)
class SignIn:
    """Settings of sign-in."""

    file: Path
    keepers: tuple[str, ...]  # logins
    claim: str  # that names a person; of OpenID Connect
    asks_password: bool  # whether every sign-in asks for the password again (prompt = "login")
    proxy: ProxySettings | None  # None: OpenID Connect
    hosts: tuple[str, ...] = ()  # names under which browsers reach the app, besides those of this computer


def read_sign_in() -> SignIn | None:
    """The settings in the file that SVP_SIGN_IN names; None where it is not set. Raises LabError for a wrong file."""
    setting = os.environ.get(SIGN_IN)
    if not setting:
        return None
    path = Path(setting).expanduser()
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise LabError(
            f"{SIGN_IN} names {setting}, which cannot be read ({error.strerror}); correct the path."
        ) from None
    except ValueError as error:
        raise LabError(f"{setting} is not a valid TOML file ({error}); correct it.") from None
    keepers = content.get("keepers")
    if not isinstance(keepers, list) or not keepers or not all(isinstance(login, str) for login in keepers):
        raise LabError(f'{setting} names no keepers; add keepers = ["login of at least one person"] at its top.')
    if ("auth" in content) == ("proxy" in content):
        raise LabError(f"{setting} needs exactly one of the sections [auth] (OpenID Connect) and [proxy].")
    kind = "auth" if "auth" in content else "proxy"
    section = _section(content, kind, setting)
    kwargs = section.get("client_kwargs")
    return SignIn(
        path.resolve(),
        tuple(keepers),
        str(content.get("login", "email")),
        kind == "auth" and isinstance(kwargs, dict) and kwargs.get("prompt") == "login",
        _proxy(section) if kind == "proxy" else None,
        _hosts(content, section, setting),
    )


def _section(content: Mapping[str, Any], kind: str, setting: str) -> Mapping[str, Any]:
    section, keys = content[kind], _AUTH if kind == "auth" else _PROXY
    lacking = [key for key in keys if not isinstance(section, dict) or not isinstance(section.get(key), str)]
    if lacking:
        raise LabError(f"The section [{kind}] of {setting} lacks {', '.join(lacking)}; see Serving a lab in the help.")
    secret = "cookie_secret" if kind == "auth" else "secret"
    if len(section[secret]) < MIN_SECRET:
        raise LabError(
            f"{secret} in {setting} has {len(section[secret])} characters; use at least {MIN_SECRET} random ones."
        )
    return section


def _hosts(content: Mapping[str, Any], section: Mapping[str, Any], setting: str) -> tuple[str, ...]:
    hosts = content.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise LabError(f'hosts in {setting} is no list of names; write hosts = ["svp.lab.example"].')
    own = urlsplit(str(section.get("redirect_uri", ""))).hostname
    return tuple(dict.fromkeys([*([own] if own else []), *hosts]))


def _proxy(section: Mapping[str, Any]) -> ProxySettings:
    return ProxySettings(
        section["header"], section["secret_header"], section["secret"], str(section.get("name_header", ""))
    )
