"""Form of an electronic signature: full name and meaning, and the password again where sign-in asks for it."""

import streamlit as st

from pages.ui.shared.text import escape_markdown
from pages.ui.shared.times import format_timestamp
from svp_core.access.person import current_person
from svp_core.workspace.signatures import MEANINGS, NAME_ONLY, Signature, components_of, needs_password


def ask_signature(prefix: str, button: str) -> tuple[str, str] | None:
    """Draw the form; (full name, meaning) when it was sent, None before. prefix: of the widgets' keys."""
    person = current_person()
    if needs_password(person):
        st.caption("A signature needs your password: sign in again, come back here, and sign within 15 minutes.")
        st.button("Sign in again", key=f"{prefix}_login", on_click=st.login)
        return None
    with st.form(f"{prefix}_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Your full name", key=f"{prefix}_name", max_chars=80, width=260)
        meaning = st.selectbox("Meaning", MEANINGS, key=f"{prefix}_meaning", width=150)
        sent = st.form_submit_button(button, key=f"{prefix}_go", type="primary")
    components = components_of(person)
    note = f"{components[0].upper()}{components[1:]}."
    if components == NAME_ONLY:
        note += " With sign-in it can be one; see Help, Serving."
    st.caption(escape_markdown(note))
    return (name, meaning) if sent else None


def signature_text(signature: Signature) -> str:
    """A signature in one line of Markdown."""
    facts = f" · {signature.meaning} · {format_timestamp(signature.time)} · {signature.components}"
    return f"**{escape_markdown(signature.name)}**{escape_markdown(facts)}"
