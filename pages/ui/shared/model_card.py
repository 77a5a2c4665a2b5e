"""What a model is and what it was trained on, as its card says."""

import streamlit as st

from pages.ui.shared.text import class_name, escape_markdown
from svp_core.model_files import read_model_folder
from svp_core.workspace.models import find_model


def show_model(model_name, in_short):
    """One line, and the card on demand. in_short: Markdown. Raises LabError when the model is missing."""
    run = read_model_folder(find_model(model_name))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption(in_short)
        with st.popover("Model card", type="tertiary"):
            st.markdown(run.card or "This model has no card.")


def origin(model):
    """Whose generator it is and what it was trained on, a sentence or two of Markdown."""
    if model.shipped:
        return "The model is trained on **simulated** particles only; it has seen no instrument's images."
    if "published" in model.config:
        return "A published model, imported here: for those to whom its licence (CC BY-NC-SA 4.0) allows it."
    trained_on = model.config.get("trained_on") or {}
    held = ", ".join(f"{count:,} of {class_name(key).lower()}" for key, count in trained_on.items())
    return f"Your own model, trained on {escape_markdown(held)}." if held else "Your own model."
