"""Import of a published checkpoint, as its authors send it, as a model of the workspace."""

import streamlit as st

from pages.ui.shared.source_picker import path_on_server
from svp_core.display import class_name, escape_markdown
from svp_core.errors import LabError
from svp_core.particle_classes import all_keys
from svp_core.workspace import models
from svp_core.workspace.uploads import Upload, find_upload


def show_import_checkpoint() -> None:
    """Form: file or path, class, name."""
    st.markdown(
        "The generator of the paper (one class per file) or its ResNet-18, which the authors send on request under "
        "CC BY-NC-SA 4.0 (non-commercial). Only tensors are read from the file."
    )
    with st.form("checkpoint_form", border=False):
        file = st.file_uploader("Checkpoint (.pth)", type=["pth", "pt"], key="checkpoint_file")
        path = st.text_input("or its path on this computer", key="checkpoint_path", placeholder="/data/oil_model.pth")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            name = st.text_input("Name of the model", key="checkpoint_name", width=260)
            class_key = st.selectbox(
                "Class that it generates",
                [None, *all_keys()],
                key="checkpoint_class",
                width=260,
                format_func=lambda key: class_name(key) if key else "from the file name",
            )
            pressed = st.form_submit_button("Import", key="checkpoint_go")
    if pressed:
        _import(file, path, name, class_key)
    if imported := st.session_state.get("checkpoint_done"):
        _show_imported(*imported)


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
        raise LabError("No checkpoint was given. Choose a file or enter its path.")
    with st.spinner("Reading the checkpoint"), models.creating_model(folder, source=source.name):
        kind = import_published(source, folder, class_key=class_key)
    st.session_state["checkpoint_done"] = folder.name, kind


def _show_imported(name, kind):
    st.success(escape_markdown(f"{name} was imported and can be used now."))
    if kind == "published":
        st.page_link(
            "pages/synthesize.py",
            label="Generate particles with it",
            query_params={"model": name},
            icon=":material/arrow_forward:",
        )
    else:
        st.markdown(f'Classify with it: `svp-lab classify SOURCE --weights "{name}" --out results.csv`')
