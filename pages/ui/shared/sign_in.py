"""Sign-in: who the visitor is, by Streamlit's OpenID Connect or a proxy's header; nobody else sees a page.

Where sign-in is off (SVP_SIGN_IN is not set) nothing is drawn and the visitor is the account of this computer.
"""

import hashlib
import json

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from svp_core.access.person import OIDC, PROXY, ROLE_TEXTS, Person, account, current_person
from svp_core.access.sign_in import SignIn, read_sign_in
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.workspace.people import find_person

NOT_SIGNED_IN = "Nobody is signed in, so nothing can be changed; reload the page and sign in."

# Sign-ins that were ended with Sign out. Streamlit forgets the cookie only; other tabs of the browser, which are
# connected already, would stay signed in as long as they are open. They do not outlive this process either.
_ended: set[str] = set()


def identify() -> Person:
    """The visitor whose script is running. Raises LabError where nobody is signed in who may be here."""
    sign_in = read_sign_in()
    if sign_in is None:
        return account()
    if get_script_run_ctx(suppress_warning=True) is None:
        raise LabError(NOT_SIGNED_IN)
    login, name, password_at = _claims(sign_in)
    if not login:
        raise LabError(NOT_SIGNED_IN)
    listed = find_person(login, name=name, keepers=sign_in.keepers)
    if listed is None:
        raise LabError(f"{login} is not on this lab's list of people; ask a keeper to add you.")
    return Person(listed.login, listed.name, listed.role, PROXY if sign_in.proxy else OIDC, password_at)


def may_enter() -> bool:
    """Whether the visitor may see pages."""
    try:
        identify()
    except LabError:
        return False
    return True


def require_sign_in() -> None:
    """Draw the way to sign in and end the run where the visitor may not be here; draws nothing otherwise."""
    sign_in = read_sign_in()
    if sign_in is None:
        return
    try:
        identify()
    except LabError as error:
        st.title("SvP Lab")
        if sign_in.proxy or _claims(sign_in)[0]:
            st.error(escape_markdown(error))
        else:
            st.markdown("Sign in to see this lab's particles.")
        if not sign_in.proxy:
            if st.user.is_logged_in and not _is_ended():
                st.button("Sign out", key="sign_out", on_click=sign_out)
            else:
                st.button("Sign in", key="sign_in", type="primary", on_click=st.login)
        st.stop()


def show_person() -> None:
    """Who is signed in, with the way out; draws nothing where sign-in is off."""
    sign_in = read_sign_in()
    if sign_in is None:
        return
    person = current_person()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="person"):
        st.caption(escape_markdown(f"{person.name}, {person.role}"), help=f"A {person.role} {ROLE_TEXTS[person.role]}.")
        if not sign_in.proxy:
            st.button("Sign out", key="sign_out", type="tertiary", on_click=sign_out)


def sign_out() -> None:
    """End this visitor's sign-in, in all tabs of their browser."""
    _ended.add(_fingerprint())
    st.logout()


def _is_ended() -> bool:
    return _fingerprint() in _ended


def _fingerprint() -> str:
    """Names one sign-in: its claims hold when, and for which request, they were given."""
    return hashlib.sha256(json.dumps(st.user.to_dict(), sort_keys=True, default=str).encode()).hexdigest()


def _claims(sign_in: SignIn) -> tuple[str, str, float | None]:
    """(login, full name, when the password was entered) of the visitor; login "" where nobody is signed in."""
    if sign_in.proxy:
        headers = st.context.headers
        name = headers.get(sign_in.proxy.name_header) if sign_in.proxy.name_header else None
        return sign_in.proxy.login_of(headers), name or "", None
    if not st.user.is_logged_in or _is_ended():
        return "", "", None
    claims = st.user.to_dict()
    login = claims.get(sign_in.claim)
    # A provider that lets people choose their address must have checked it.
    if not isinstance(login, str) or (sign_in.claim == "email" and claims.get("email_verified") is False):
        return "", "", None
    at = claims.get("auth_time", claims.get("iat")) if sign_in.asks_password else None
    return login, str(claims.get("name") or ""), float(at) if isinstance(at, int | float) else None
