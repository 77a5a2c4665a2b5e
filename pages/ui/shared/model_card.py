"""Origin and card of a model."""

import streamlit as st

from svp_core.display import class_name, escape_markdown
from svp_core.generator_audit import model_verdict
from svp_core.model_files import read_model_folder
from svp_core.workspace.models import Model, find_model


def show_model(model_name: str, summary: str) -> None:
    """One line, and the card on demand. summary: Markdown. Raises LabError when the model is missing."""
    model = read_model_folder(find_model(model_name))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(summary)
        with st.popover("Model card", type="tertiary"):
            st.markdown(model.card or "This model has no card.")
            if (model.folder / model_verdict.FILE).is_file():  # made after the card
                st.markdown(
                    f"## Latest audit\n\n{model_verdict.audit_text(model_verdict.recorded_audit(model.folder))}"
                )


def origin(model: Model) -> str:
    """Where a generator comes from and what it was trained on, in one or two sentences of Markdown."""
    if model.shipped:
        return "Trained on **simulated** particles only; not trained on images from any real instrument."
    if "published" in model.config:
        return "A published model, imported here; its licence (CC BY-NC-SA 4.0) is non-commercial."
    trained_on = model.config.get("trained_on") or {}
    classes = ", ".join(f"{count:,} of {class_name(key).lower()}" for key, count in trained_on.items())
    return f"Your own model, trained on {escape_markdown(classes)}." if classes else "Your own model."
