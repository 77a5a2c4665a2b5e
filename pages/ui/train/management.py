"""Rename and delete data sets and models; says what depends on them."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui.shared.reason_form import ask_reason, with_reason
from svp_core.display import escape_markdown, truncate
from svp_core.errors import LabError
from svp_core.tasks import job_kinds
from svp_core.workspace import datasets, models
from svp_core.workspace.dependents import REVIEW, Dependent

MAX_LISTED = 3  # dependents named in the warning
ERROR = "management_error"


def show_management() -> None:
    """Choose a data set or model of the workspace, rename or delete it."""
    kind = st.segmented_control(
        "Manage", ["Data sets", "Models"], default="Data sets", required=True, key="manage_kind"
    )
    if error := st.session_state.pop(ERROR, None):
        st.error(escape_markdown(error))
    if kind == "Data sets":
        items = {meta["id"]: meta["name"] for meta in datasets.list_datasets() if meta["id"] != datasets.SAMPLES}
        _show(items, "data set", datasets.list_dataset_dependents, datasets.rename_dataset, datasets.delete_dataset)
    else:
        items = {model.name: model.name for model in models.list_models() if not model.shipped}
        _show(items, "model", models.list_model_dependents, models.rename_model, models.delete_model)


def _show(
    items: dict[str, str],
    noun: str,
    list_dependents: Callable[[str], list[Dependent]],
    rename: Callable[[str, str], object],
    delete: Callable[[str], None],
) -> None:
    if not items:
        st.caption(f"There is no {noun} of your own.")
        return
    key = f"manage_{noun.replace(' ', '_')}"
    if st.session_state.get(key) not in items:
        st.session_state.pop(key, None)
    ask_reason(key)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        item = st.selectbox(
            noun.capitalize(), list(items), format_func=lambda key: truncate(items[key]), key=key, width=320
        )
        name = st.text_input("New name", items[item], key=f"{key}_name_{item}", width=260)
        unchanged = name.strip() == items[item]
        st.button(
            "Rename", key=f"{key}_rename", on_click=_run, args=(key, rename, item, name.strip()), disabled=unchanged
        )
    st.caption(escape_markdown(_consequences(list_dependents(item), noun)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        is_sure = st.checkbox(f"Delete this {noun} for good", key=f"{key}_sure_{item}")
        st.button("Delete", key=f"{key}_delete", on_click=_run, args=(key, delete, item), disabled=not is_sure)


def _run(key: str, action: Callable[..., object], *arguments: str) -> None:
    try:
        with_reason(key, action, *arguments)
    except LabError as error:
        st.session_state[ERROR] = str(error)


def _consequences(dependents: Sequence[Dependent], noun: str) -> str:
    """What depends on the item, and what remains after deleting it."""
    if not dependents:
        return f"Nothing depends on this {noun}."
    names = [_title(each) for each in dependents]
    more = f" and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return (
        f"Jobs and reviews that use it, {len(names):,}: {'; '.join(names[:MAX_LISTED])}{more}. They keep "
        "copies of their images and results."
    )


def _title(dependent: Dependent) -> str:
    if dependent.kind == REVIEW:
        return f"review {truncate(dependent.name)}"
    return job_kinds.job_title(dependent.kind, dependent.config)
