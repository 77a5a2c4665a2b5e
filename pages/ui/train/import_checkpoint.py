"""Bringing in a published checkpoint: a file that its authors sent, made a model of this workspace."""

import streamlit as st

from pages.ui.shared.source_picker import path_on_server
from pages.ui.shared.text import class_name, escape_markdown
from svp_core.errors import LabError
from svp_core.particle_classes import all_keys
from svp_core.workspace import models
from svp_core.workspace.uploads import Upload, find_upload


def show_import_checkpoint():
    """File or path, class, name, and the button."""
    st.markdown(
        "The generator of the paper (one class a file) or its ResNet-18, as its authors send them on request, for "
        "those to whom their licence (CC BY-NC-SA 4.0) allows it. Only numbers are taken from the file."
    )
    with st.form("checkpoint_form", border=False):
        file = st.file_uploader("Checkpoint (.pth)", type=["pth", "pt"], key="checkpoint_file")
        path = st.text_input("or its path on this computer", key="checkpoint_path", placeholder="/data/oil_model.pth")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            name = st.text_input("Name of the model", key="checkpoint_name", width=260)
            class_key = st.selectbox(
                "What it makes",
                [None, *all_keys()],
                key="checkpoint_class",
                width=260,
                format_func=lambda key: class_name(key) if key else "as the file's name says",
            )
            pressed = st.form_submit_button("Import", key="checkpoint_go")
    if pressed:
        _import(file, path, name, class_key)
    if done := st.session_state.get("checkpoint_done"):
        _say_done(*done)


def _import(file, path, name, class_key):
    from svp_core.model_import import import_published

    st.session_state.pop("checkpoint_done", None)
    folder = models.new_model_folder(name)
    if file is not None:
        upload = Upload()
        upload.write(file.name, file.getbuffer())
        source = find_upload(upload.id)
    elif path.strip():
        source = path_on_server(path)
    else:
        raise LabError("No checkpoint was given; choose a file or give its path.")
    with st.spinner("Reading the checkpoint"):
        kind = import_published(source, folder, class_key=class_key)
    st.session_state["checkpoint_done"] = folder.name, kind


def _say_done(name, kind):
    st.success(escape_markdown(f"{name} is a model of this workspace now."))
    if kind == "published":
        st.page_link(
            "pages/synthesize.py",
            label="Make particles with it",
            query_params={"model": name},
            icon=":material/arrow_forward:",
        )
    else:
        st.markdown(
            f'Name particles with it: `python -m svp_core classify SOURCE --weights "{name}" --out results.csv`'
        )
