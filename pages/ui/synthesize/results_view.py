"""Results of a "generate" job: tiles beside reference tiles, their sizes and shapes, saving and downloading."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.components.gallery import show_gallery
from pages.ui.shared.chart_style import QUIET
from pages.ui.shared.error_report import logged
from pages.ui.synthesize.charts import draw_distributions
from pages.ui.synthesize.reference_picker import choose_reference, no_reference, read_reference, shapes_of
from svp_core.display import class_name, count_noun, escape_markdown, truncate
from svp_core.errors import LabError
from svp_core.tasks.generation_request import DEFAULT_GENERATOR
from svp_core.tasks.job_kinds import request_of
from svp_core.tile_file import read_tiles
from svp_core.workspace import datasets, jobs
from svp_core.workspace.datasets import SAMPLES
from svp_core.workspace.jobs import Job

PER_PAGE = 120
PREVIEW_TILES = 60  # shown while more are being generated
MIN_REFERENCE_TILES = 16


def heading(job: Job) -> str:
    """What was requested, one line of Markdown."""
    request = request_of(job)
    quality = f"{request.sampler} quality, " if request.sampler else ""
    return escape_markdown(f"{request.title}, {quality}model {request.weights or DEFAULT_GENERATOR}")


def show_so_far(job: Job) -> None:
    """The newest tiles of a running job."""
    tiles, _ = _read(job.id)
    start = max(0, len(tiles) - PREVIEW_TILES)
    if len(tiles):
        captions = [[f"Image {number}"] for number in range(start + 1, len(tiles) + 1)]
        show_gallery(tiles[start:], key="so_far", alt="Generated so far", words=captions)


def show_reference(class_key: str) -> None:
    """Reference tiles of a class alone, before anything was generated."""
    dataset_id = choose_reference(class_key, "reference")
    if dataset_id is None:
        st.caption(no_reference(class_key))
        return
    reference = read_reference(dataset_id, class_key)
    noun = "simulated particle" if dataset_id == SAMPLES else "reference particle"
    st.caption(f"{count_noun(len(reference.tiles), noun)}. Generated particles will appear beside them.")
    _show_tiles(reference.tiles[:PER_PAGE], reference.names[:PER_PAGE], "reference", class_key)


def show_results(job: Job) -> None:
    """A finished job: save, download, tiles beside reference tiles, distributions."""
    tiles, table = _read(job.id)
    if not len(tiles):
        st.caption("No image was finished.")
        return
    class_key = job.config["class_key"]
    _show_save(job, tiles, table)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**Generated** · {count_noun(len(tiles), 'image')}")
        pages = -(-len(tiles) // PER_PAGE)
        page = st.pagination(pages, key="made_page") if pages > 1 else 1
        rows = slice((page - 1) * PER_PAGE, page * PER_PAGE)
        _show_tiles(tiles[rows], table["image"].tolist()[rows], "made", class_key)
    with right:
        dataset_id = choose_reference(class_key, "reference")
        if dataset_id is None:
            st.caption(no_reference(class_key))
            return
        reference = read_reference(dataset_id, class_key)
        shown = min(max(len(tiles), MIN_REFERENCE_TILES), PER_PAGE, len(reference.tiles))
        kind = "simulated " if dataset_id == SAMPLES else ""
        st.markdown(f"**Reference**: {shown:,} of {len(reference.tiles):,} {kind}particles")
        _show_tiles(reference.tiles[:shown], reference.names[:shown], "reference", class_key)
    st.markdown("**Size and shape**, measured the same way; generated particles have no physical scale")
    figure = draw_distributions(_measure(job.id, len(tiles)), reference.shapes, class_key)
    st.plotly_chart(figure, config=QUIET, key="made_shapes", alt="Size and shape of generated and reference particles")


def _show_save(job, tiles, table):
    saved = next((meta for meta in datasets.list_datasets() if meta["provenance"].get("job") == job.id), None)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if saved is None:
            request = request_of(job)
            model = f", by {request.weights}" if request.weights not in (None, DEFAULT_GENERATOR) else ""
            name = f"{class_name(request.class_key)}, seed {request.seed}, {len(tiles):,}{model}"
            st.text_input("Name of the data set", name[: datasets.MAX_NAME], key=f"name_{job.id}", width=300)
            st.button("Save as data set", key="save_made", on_click=_save, args=(job.id,))
        else:
            st.markdown(f"Saved as data set **{escape_markdown(truncate(saved['name']))}**")
        st.download_button(
            "Download zip",
            logged(lambda: _zip(tiles, table)),
            f"generated_{job.config['class_key']}_seed_{job.config['seed']}.zip",
            "application/zip",
            key="zip_made",
            on_click="ignore",
            help="PNG images and manifest.csv",
        )
    if error := st.session_state.pop("save_error", None):
        st.error(escape_markdown(error))


def _save(job_id):
    try:
        datasets.save_generated(job_id, st.session_state[f"name_{job_id}"])
    except LabError as error:
        st.session_state["save_error"] = str(error)


def _zip(tiles, table):
    with TemporaryDirectory() as folder:
        return datasets.write_zip(Path(folder) / "generated.zip", tiles, table).read_bytes()


def _read(job_id: str) -> tuple[NDArray[np.uint8], pd.DataFrame]:
    """(tiles, manifest), as far as both are finished."""
    folder = jobs.job_folder(job_id)
    if not (folder / "manifest.csv").is_file() or not (folder / "tiles.npy").is_file():
        return np.empty((0, 64, 64), np.uint8), pd.DataFrame()
    table, tiles = pd.read_csv(folder / "manifest.csv"), read_tiles(folder / "tiles.npy")
    count = min(len(table), len(tiles))
    return tiles[:count], table.head(count)


@st.cache_data(max_entries=8, show_spinner="Measuring size and shape")
def _measure(job_id, count):
    return shapes_of(read_tiles(jobs.job_folder(job_id) / "tiles.npy")[:count])


def _show_tiles(tiles: NDArray[np.uint8], names: Sequence[object], key: str, class_key: str) -> None:
    captions = [[str(name)] for name in names]
    show_gallery(tiles, key=f"tiles_{key}", alt=f"{key} {class_name(class_key)}", words=captions)
