"""Form of an electronic signature: full name and meaning, and the password again where sign-in asks for it."""

from collections.abc import Callable

import streamlit as st

from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.access.person import current_person
from svp_core.errors import LabError
from svp_core.workspace.signatures import MEANINGS, NAME_ONLY, Signature, components_of, needs_password


def ask_signature(prefix: str, button: str, sign: Callable[[str, str], object]) -> None:
    """Draw the form; once it was sent, sign(full name, meaning) is called and the page runs again.

    What was sent is kept until it is signed, and why it was refused until it is sent again: a page that is drawn anew
    meanwhile, as after a gap in the connection, loses neither. prefix: of the widgets' keys.
    """
    sent, refused = f"{prefix}_sent", f"{prefix}_refused"
    answer, person = st.session_state.pop(sent, None), current_person()
    if needs_password(person):
        st.caption("A signature needs your password: sign in again, come back here, and sign within 15 minutes.")
        st.button("Sign in again", key=f"{prefix}_login", on_click=st.login)
        return
    if answer:
        st.session_state.pop(refused, None)
        try:
            sign(*answer)
        except LabError as error:
            st.session_state[refused] = str(error)
        else:
            st.rerun()
    with st.form(f"{prefix}_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Your full name", key=f"{prefix}_name", max_chars=80, width=260)
        st.selectbox("Meaning", MEANINGS, key=f"{prefix}_meaning", width=150)
        st.form_submit_button(button, key=f"{prefix}_go", type="primary", on_click=_keep, args=(prefix,))
    if refused in st.session_state:
        st.error(escape_markdown(st.session_state[refused]))
    components = components_of(person)
    note = f"{components[0].upper()}{components[1:]}."
    if components == NAME_ONLY:
        note += " With sign-in it can be one; see Help, Serving."
    st.caption(escape_markdown(note))


def _keep(prefix: str) -> None:
    """Keep what the form holds. Called before the page runs, so that a run that is broken off does not lose it."""
    st.session_state[f"{prefix}_sent"] = st.session_state[f"{prefix}_name"], st.session_state[f"{prefix}_meaning"]


def signature_text(signature: Signature) -> str:
    """A signature in one line of Markdown."""
    facts = f" · {signature.meaning} · {format_timestamp(signature.time)} · {signature.components}"
    return f"**{escape_markdown(signature.name)}**{escape_markdown(facts)}"
