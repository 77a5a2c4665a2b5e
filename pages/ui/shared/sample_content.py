"""Bundled sample particles, classified, and a recorded denoising."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.workspace.paths import sample_folder


@st.cache_data(max_entries=1, show_spinner=False)
def sample_results() -> pd.DataFrame:
    """Results of the sample particles, one row per tile. Raises LabError when they are missing from this copy."""
    path = sample_folder() / "results.csv"
    if not path.is_file():
        raise LabError("The sample results are missing from this copy; build them with: python -m svp_core sample-data")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


@st.cache_resource(max_entries=1, show_spinner=False)
def sample_tiles() -> NDArray[np.uint8]:
    """Tiles of the sample particles, uint8 (N, 64, 64), memory-mapped, in the order of sample_results()."""
    return np.load(sample_folder() / "tiles.npy", mmap_mode="r", allow_pickle=False)


@st.cache_data(max_entries=1, show_spinner=False)
def sample_trajectory() -> dict[str, Any]:
    """The recorded denoising: dict of noisy, clean, sigmas, classes, seeds, as the job "denoise" writes them."""
    return read_trajectory(sample_folder() / "trajectory.npz")


def particle_names(trajectory: dict[str, Any]) -> list[list[str]]:
    """Class, number within the class and seed of each particle of a trajectory."""
    classes, names = list(trajectory["classes"]), []
    for position, (key, seed) in enumerate(zip(classes, trajectory["seeds"], strict=True)):
        names.append([class_name(key), f"no. {classes[: position + 1].count(key)}", f"image seed {seed}"])
    return names


def read_trajectory(path: Path) -> dict[str, Any]:
    """Arrays of a trajectory file. Raises LabError when it is missing or unfinished."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("noisy", "clean", "sigmas", "classes", "seeds")}
    except (OSError, ValueError, KeyError):
        raise LabError("There is no recorded denoising. Record one on the page Denoising.") from None
