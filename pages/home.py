"""Home: links to all pages, classified sample particles, a denoising to play, recent work."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.components.trajectory_player import show_trajectory
from pages.ui.shared.job_status import show_recent
from pages.ui.shared.sample_content import particle_names, sample_results, sample_tiles, sample_trajectory
from svp_core.classifier.expected_accuracy import read_expected_accuracy
from svp_core.display import class_name, count_noun, escape_markdown, format_percent, format_share
from svp_core.errors import LabError
from svp_core.model_files import find_model_folder
from svp_core.particle_classes import CLASSES

MAX_TILES = 48  # per class
LINKS = (
    ("synthesize", "Synthesize", "Generate particles of a class and compare them with reference particles."),
    ("denoising", "Denoising", "Follow particles from pure noise to the finished image."),
    ("classify", "Classify", "Classify and measure every particle of a folder, archive or instrument run."),
    ("train", "Train", "Fine-tune the generator on your own particles."),
    ("review", "Review", "Find labels that are probably wrong and correct them."),
    ("instrument", "Instrument", "Profiles of your instruments and what was checked on them."),
    ("experiment", "Experiment", "Find out whether added particles make your classifier better."),
    ("audits", "Audits", "Does a generator give its training images away?"),
    ("novelty", "Novelty", "Find particles unlike normal ones, whatever is normal for you."),
    ("frames", "Frames", "Find the particles in whole camera frames."),
    ("help", "Help", "Pages, keys, file formats, definitions of measures, limits."),
)


def show_links() -> None:
    """One link per page, with what it is for."""
    with st.container(horizontal=True, gap="small", key="next"):  # two lines at 1280 px
        for page, label, text in LINKS:
            st.page_link(f"pages/{page}.py", label=label, help=text, icon=":material/arrow_forward:")


def show_samples() -> None:
    """Galleries of the sample particles, by the class that the shipped classifier assigned."""
    results, tiles = sample_results(), sample_tiles()
    # A rejected particle has no label.
    labels = results["label"].to_numpy(object)
    correct = int((labels == results["given"].to_numpy(object)).sum())
    rejected = int((results["status"].to_numpy(object) != "ok").sum())
    st.subheader("Sample particles, classified")
    st.caption(
        f"{count_noun(len(results), 'simulated particle')}, classified with the shipped ResNet-18: "
        f"{format_share(correct, len(results))} classified correctly{f', {rejected:,} rejected' if rejected else ''}"
        f"{_elsewhere()}. Click one to enlarge it."
    )
    for column, particle_class in zip(st.columns(len(CLASSES), gap="medium"), CLASSES, strict=True):
        rows = np.flatnonzero(labels == particle_class.key)
        shown = rows[:: max(1, len(rows) // MAX_TILES)][:MAX_TILES]
        with column:
            st.markdown(f"**{particle_class.name}** · {len(rows):,}")
            show_gallery(
                tiles[shown],
                key=f"samples_{particle_class.key}",
                lines=3,
                alt=f"Sample particles classified as {particle_class.name.lower()}",
                words=[_caption(results.iloc[row].to_dict()) for row in shown],
            )


def show_denoising() -> None:
    """The recorded denoising of the shipped generator."""
    st.subheader("How a particle forms")
    st.caption(
        "Recorded from the shipped generator, which was trained on simulated particles. Press Play. Top: noisy input "
        "at each step; bottom: the network's estimate of the clean image."
    )
    trajectory = sample_trajectory()
    names = particle_names(trajectory)
    show_trajectory(
        trajectory["noisy"],
        trajectory["clean"],
        trajectory["sigmas"],
        names,
        key="home_player",
        alt=f"Denoising of {len(names)} particles, noisy input above, predicted clean image below",
    )


def _elsewhere() -> str:
    """Accuracy on simulated instruments that nothing was trained on, by magnification."""
    rows = read_expected_accuracy(find_model_folder("resnet18"))
    shown = ", ".join(
        f"{format_percent(row.value)} at {row.magnification}".replace(" ", "\N{NO-BREAK SPACE}") for row in rows
    )
    return f"; on other simulated instruments {shown}" if rows else ""


def _caption(row: dict[Hashable, Any]) -> list[str]:
    return [
        f"{class_name(row['label'])}, confidence {row['confidence']:.2f}",
        f"Simulated as {class_name(row['given']).lower()}",
        str(row["image"]),
    ]


st.title("SvP Lab")
st.markdown("Generate, inspect and classify sub-visible particles from flow imaging microscopy, all on this computer.")
show_links()
try:
    show_samples()
    show_denoising()
    show_recent("Recent work")
except LabError as error:
    st.error(escape_markdown(error))
