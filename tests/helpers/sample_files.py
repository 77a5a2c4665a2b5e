"""Folders of the shipped sample data, and its tables and images as arrays."""

import csv

import numpy as np
from PIL import Image

from svp_core.sample_data import flowcam_run
from svp_core.workspace.paths import sample_folder

SHIPPED = sample_folder()
RUN = SHIPPED / "flowcam_run" / flowcam_run.RUN_NAME


def read_table(path):
    with path.open(newline="", encoding="latin-1") as file:
        return list(csv.DictReader(file))


def read_image(path):
    with Image.open(path) as file:
        return np.array(file)
