"""Choosing images for a page: a folder, an archive, files, a path on the server, or the sample run."""

import os
from contextlib import suppress

import streamlit as st

from pages.ui.components.folder_upload import show_folder_upload
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.errors import LabError
from svp_core.workspace.paths import sample_folder
from svp_core.workspace.uploads import Upload, server_path, store_upload

HERE_ONLY = ("127.0.0.1", "localhost", "::1")


def sample_run():
    """Path of the shipped FlowCam-style run; None where it is not shipped with this copy."""
    return next((path.parent for path in sorted((sample_folder() / "flowcam_run").glob("*/*.lst"))), None)


def chosen_source(page):
    """Path of what was chosen on this page and not used yet, or None; says so when an upload is not there any more."""
    if upload := opened(page, "upload"):
        try:
            return store_upload(upload)
        except LabError as error:
            forget_source(page)
            st.error(escape_markdown(error))
    return st.session_state.get(f"{page}_path")


def forget_source(page):
    """Choose again."""
    close(page, "upload")
    st.session_state.pop(f"{page}_path", None)


def choose_source(page):
    """The ways in. What is chosen is there at the next run."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**A folder**, sub-folders included")
        show_folder_upload("folder_packer", lambda upload: open_as(page, upload, "upload"))
        if error := st.session_state.pop("upload_error", None):
            st.error(escape_markdown(error))
    with right:
        st.markdown("**An archive or images**: zip, tar, PNG, JPEG, TIFF, BMP")
        turn = st.session_state.setdefault("files_turn", 0)
        st.file_uploader(
            "Zip, tar, PNG, JPEG, TIFF or BMP",
            accept_multiple_files=True,
            key=f"files_{turn}",
            on_change=_take_files,
            args=(page,),
            label_visibility="collapsed",
        )
    st.markdown("**A path on this computer**, for large sets: nothing is uploaded")
    with st.form("path_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Path", key="path_text", label_visibility="collapsed", placeholder="/data/run 12")
        pressed = st.form_submit_button("Look", key="path_go")
    if pressed:
        try:
            st.session_state[f"{page}_path"] = path_on_server(st.session_state["path_text"])
            st.rerun()
        except LabError as error:
            st.error(escape_markdown(error))


def choose_sample_run(page):
    """Take the shipped run."""
    st.session_state[f"{page}_path"] = sample_run()


def path_on_server(text):
    """Path that a person gave, if this server may read it. Raises LabError where not."""
    return server_path(text, roots=_roots())


def _roots():
    """Folders that may be named: SVP_DATA_ROOTS; without it everything, but only while the app serves this computer."""
    given = os.environ.get("SVP_DATA_ROOTS")
    if given:
        return [root for root in given.split(os.pathsep) if root]
    return None if st.get_option("server.address") in HERE_ONLY else []


def _take_files(page):
    turn = st.session_state["files_turn"]
    files = st.session_state[f"files_{turn}"]
    if not files:
        return
    try:
        upload = Upload()
        around = f"{len(files)} files/" if len(files) > 1 else ""
        for file in sorted(files, key=lambda file: file.name):
            upload.keep(around + file.name, file.getbuffer())
        open_as(page, upload.id, "upload")
    except LabError as error:
        st.session_state["upload_error"] = str(error)
    for file in files:
        # Else it stays in the server's memory until long after its tab is closed; there is no public call for it.
        with suppress(AttributeError):
            context = st.runtime.scriptrunner.get_script_run_ctx()
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    st.session_state["files_turn"] = turn + 1
