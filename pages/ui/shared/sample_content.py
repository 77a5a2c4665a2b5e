"""What is shipped and shown at once: the sample particles, named already, and a recorded denoising."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui.shared.text import class_name
from svp_core.errors import LabError
from svp_core.workspace.paths import sample_folder


@st.cache_data(max_entries=1, show_spinner=False)
def sample_results():
    """Results table of the sample particles, a row a tile. Raises LabError when it is not shipped with this copy."""
    path = sample_folder() / "results.csv"
    if not path.is_file():
        raise LabError("The sample results are missing from this copy; build them with: python -m svp_core sample-data")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@st.cache_resource(max_entries=1, show_spinner=False)
def sample_tiles():
    """Tiles of the sample particles, uint8 (N, 64, 64), memory-mapped, in the order of sample_results()."""
    return np.load(sample_folder() / "tiles.npy", mmap_mode="r", allow_pickle=False)


@st.cache_data(max_entries=1, show_spinner=False)
def sample_trajectory():
    """The recorded denoising: dict of noisy, clean, sigmas, classes, seeds, as the job "denoise" writes them."""
    return read_trajectory(sample_folder() / "trajectory.npz")


def particle_names(trajectory):
    """For each particle of a trajectory: its class, its number within the class, its seed; for the player."""
    classes, names = list(trajectory["classes"]), []
    for position, (key, seed) in enumerate(zip(classes, trajectory["seeds"], strict=True)):
        names.append([class_name(key), f"no. {classes[: position + 1].count(key)}", f"image seed {seed}"])
    return names


def read_trajectory(path):
    """Arrays of a trajectory file. Raises LabError when it is missing or unfinished."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("noisy", "clean", "sigmas", "classes", "seeds")}
    except (OSError, ValueError, KeyError):
        raise LabError("There is no recorded denoising here; record one on the page Denoising.") from None
