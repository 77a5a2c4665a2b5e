"""People who may sign in: their roles, and adding one."""

import streamlit as st

from pages.ui.shared.text import escape_markdown
from svp_core.access.person import REVIEWER, ROLE_TEXTS, ROLES
from svp_core.errors import LabError
from svp_core.workspace.people import MAX_NAME, NO_ROLE, Listed, add_person, list_people, set_role

ERROR = "people_error"


def show_people() -> None:
    """Draw the list with a role each, and the form for another person."""
    st.caption(" ".join(f"A {role} {ROLE_TEXTS[role]}." for role in ROLES) + " Names stay as they are once given.")
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))
    for person in list_people():
        _show_person(person)
    with st.form("person_add", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        login = st.text_input("Login", key="person_login", width=260, placeholder="anna@lab.example")
        name = st.text_input("Full name", key="person_name", max_chars=MAX_NAME, width=260)
        role = st.selectbox("Role", ROLES, index=ROLES.index(REVIEWER), key="person_role", width=140)
        if st.form_submit_button("Add", key="person_go", type="primary"):
            try:
                add_person(login, name, role)
                st.rerun()
            except LabError as error:
                st.error(escape_markdown(error))


def _show_person(person: Listed) -> None:
    key = f"role_{person.login}"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(escape_markdown(person.name), width=240)
        st.caption(escape_markdown(person.login), width=260)
        st.selectbox(
            "Role",
            (*ROLES, NO_ROLE),
            index=(*ROLES, NO_ROLE).index(person.role),
            format_func=lambda role: role or "may not sign in",
            key=key,
            on_change=_set_role,
            args=(person.login, key),
            label_visibility="collapsed",
            width=170,
        )


def _set_role(login: str, key: str) -> None:
    try:
        set_role(login, st.session_state[key])
    except LabError as error:
        st.session_state.pop(key)
        st.session_state[ERROR] = str(error)
