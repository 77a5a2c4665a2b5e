"""People of a lab for tests: act as one of them, and the settings file of sign-in."""

import time
from contextlib import contextmanager

from svp_core.access.person import KEEPER, OIDC, READER, REVIEWER, Person, acting_as

READS = Person("rita@lab.example", "Rita Reader", READER, OIDC)
REVIEWS = Person("anna@lab.example", "Anna", REVIEWER, OIDC)
KEEPS = Person("kim@lab.example", "Kim Keeper", KEEPER, OIDC)


@contextmanager
def acting(person):
    """Act as this person, who has just entered their password."""
    fresh = Person(person.login, person.name, person.role, person.via, time.time())
    with acting_as(fresh):
        yield fresh


def write_settings(
    path, *, prompt="login", keepers=(KEEPS.login,), issuer="http://127.0.0.1:1", app="http://127.0.0.1:2"
):
    """A settings file of sign-in by OpenID Connect; returns its path as text."""
    path.write_text(
        f"keepers = {list(keepers)!r}\n[auth]\nredirect_uri = '{app}/oauth2callback'\n"
        "cookie_secret = '0123456789abcdef0123456789abcdef'\nclient_id = 'svp-lab'\n"
        f"client_secret = 'a secret of sixteen'\nserver_metadata_url = '{issuer}/.well-known/openid-configuration'\n"
        f"client_kwargs = {{ scope = 'openid profile email', prompt = '{prompt}' }}\n",
        "utf-8",
    )
    return str(path)
