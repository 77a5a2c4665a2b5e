"""Choosing images for a page: a folder, an archive, files, a path on the server, or the sample run."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.components.folder_upload import show_folder_upload
from pages.ui.shared.text import escape_markdown
from pages.ui.shared.url_state import close, open_as, opened
from svp_core.errors import LabError
from svp_core.instruments.data_roots import data_roots
from svp_core.instruments.file_types import ARCHIVE_SUFFIXES, SOURCE_SUFFIXES
from svp_core.instruments.other_files import unread_kind
from svp_core.workspace.paths import sample_folder
from svp_core.workspace.uploads import Upload, find_upload, server_path

LOCAL_ADDRESSES = ("127.0.0.1", "localhost", "::1")
FORWARDING = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
# The uploader compares the text after the last dot only: "tar.gz" is taken where "gz" is.
UPLOAD_TYPES = [suffix.rpartition(".")[2] for suffix in SOURCE_SUFFIXES]


def sample_run() -> Path | None:
    """Path of the bundled FlowCam-style run; None where this copy does not have it."""
    return next((path.parent for path in sorted((sample_folder() / "flowcam_run").glob("*/*.lst"))), None)


def chosen_source(page: str) -> Path | None:
    """Path of what was chosen on this page and not used yet, or None.

    An upload that is no longer in the workspace is forgotten, with a message.
    """
    if upload := opened(page, "upload"):
        try:
            return find_upload(upload)
        except LabError as error:
            forget_source(page)
            st.error(escape_markdown(error))
    return st.session_state.get(f"{page}_path")


def forget_source(page: str) -> None:
    """Drop the choice, so that the page asks again."""
    close(page, "upload")
    st.session_state.pop(f"{page}_path", None)


def choose_source(page: str, *, more_suffixes: tuple[str, ...] = ()) -> None:
    """Draw the ways to choose a source; the choice takes effect at the next run of the script.

    more_suffixes: endings of further files that the page reads.
    """
    suffixes = (*SOURCE_SUFFIXES, *more_suffixes)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Folder**, including sub-folders")
        show_folder_upload("folder_packer", lambda upload: open_as(page, upload, "upload"), suffixes=suffixes)
    with right:
        more = "".join(f", {suffix[1:].upper()}" for suffix in more_suffixes)
        # In the help: the list would take a second line and push the two drop areas apart.
        st.markdown("**Archive or images**", help=f"zip, tar, PNG, JPEG, TIFF, BMP, GIF, WebP{more}")
        turn = st.session_state.setdefault("files_turn", 0)
        st.file_uploader(
            "Archive or images",
            [*UPLOAD_TYPES, *(suffix[1:] for suffix in more_suffixes)],
            accept_multiple_files=True,
            key=f"files_{turn}",
            on_change=_take_files,
            args=(page, turn, suffixes),
            label_visibility="collapsed",
        )
    if error := st.session_state.pop("upload_error", None):
        st.error(escape_markdown(error))
    st.markdown("**Path on this computer**, for large sets; nothing is uploaded")
    with st.form("path_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Path", key="path_text", label_visibility="collapsed", placeholder="/data/run 12")
        submitted = st.form_submit_button("Open", key="path_go")
    if submitted:
        try:
            st.session_state[f"{page}_path"] = path_on_server(st.session_state["path_text"])
            st.rerun()
        except LabError as error:
            st.error(escape_markdown(error))


def choose_sample_run(page: str) -> None:
    """Choose the bundled run."""
    st.session_state[f"{page}_path"] = sample_run()


def path_on_server(text: str) -> Path:
    """Path entered by a person, if this server may read it. Raises LabError otherwise."""
    return server_path(text, roots=_roots())


def _roots():
    """Folders that may be read: SVP_DATA_ROOTS; without it everything, but only for a visitor at this computer."""
    roots = data_roots()
    if roots is not None:
        return roots
    is_bound_here = st.get_option("server.address") in LOCAL_ADDRESSES
    return None if is_bound_here and is_local_visit(st.context.headers) else []


def is_local_visit(headers: Mapping[str, str]) -> bool:
    """Whether the browser runs on this computer, by what its request says.

    A proxy on this computer reaches the app at a local address too: it shows by the headers that it adds, or by the
    name under which the browser knows the app.
    """
    names = {name.casefold(): value for name, value in headers.items()}
    if FORWARDING & names.keys():
        return False
    hosts = [f"//{names['host']}"] if "host" in names else []
    hosts += [names["origin"]] if "origin" in names else []
    try:
        return all(urlsplit(host).hostname in LOCAL_ADDRESSES for host in hosts)
    except ValueError:
        return False


def _take_files(page, turn, suffixes=SOURCE_SUFFIXES):
    """Store what this uploader holds. Its callback runs a second time when the files are released below."""
    files = st.session_state.get(f"files_{turn}")
    if not files or turn != st.session_state["files_turn"]:
        return
    try:
        check_types([file.name for file in files], suffixes)
        upload = Upload()
        folder = f"{len(files)} files/" if len(files) > 1 else ""
        for file in sorted(files, key=lambda file: file.name):
            upload.write(folder + file.name, file.getbuffer())
        open_as(page, upload.id, "upload")
    except LabError as error:
        st.session_state["upload_error"] = str(error)
    # Else they stay in the server's memory until long after the tab is closed; there is no public call for it.
    context = get_script_run_ctx()
    remove_file = getattr(context and context.uploaded_file_mgr, "remove_file", None)
    if context and remove_file:
        for file in files:
            remove_file(context.session_id, file.file_id)
    st.session_state["files_turn"] = turn + 1


def check_types(names, suffixes=SOURCE_SUFFIXES):
    """Refuse files none of which can be a source. Raises LabError."""
    if not any(name.casefold().endswith(suffixes) for name in names):
        if known := unread_kind(names[0]):
            raise LabError(f"{names[0]} is {known[0]}, which is not read; {known[1]}.")
        raise LabError(
            f"{names[0]} is not an image, an archive or a file of an instrument; choose PNG, JPEG, TIFF, BMP, GIF or "
            f"WebP images, an archive ({', '.join(ARCHIVE_SUFFIXES)}) or the files of a run."
        )
