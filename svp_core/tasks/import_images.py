"""Bring images into the workspace: a data set with their classes, and left_out.csv with what is not in it."""

import csv
import json

import pandas as pd

from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress
from svp_core.workspace import datasets

OWN = "own"  # kind of the data sets made here


def import_images(config, folder):
    """Read the images of a source into a new data set, with the classes that their folders say.

    config: source (path of anything instruments.sources reads); name (of the data set); optional class_name (all
    images are of this class).
    Makes gathered.json (dataset: its id) and left_out.csv, a row (image, reason) for everything that is not in it.
    """
    name = datasets.unique_name(config["name"])
    if (folder / "gathered.json").is_file():
        return
    from svp_core.datasets.labelled_tiles import read_labelled_steps

    data = yield from read_labelled_steps(config["source"], class_name=config.get("class_name"))
    classes = [data.class_keys[label] for label in data.labels]
    table = pd.DataFrame({"image": data.names, "class": classes})
    with (folder / "left_out.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("image", "reason"), *data.left_out])
    provenance = {"made_by": "given", "source": str(config["source"]), "left_out": len(data.left_out)}
    dataset = datasets.save_dataset(name, OWN, data.tiles, table, provenance)
    write_json(folder / "gathered.json", {"dataset": dataset})
    offered = len(data.tiles) + len(data.left_out)
    yield Progress(offered, offered, f"{len(data.tiles):,} images kept")


def imported_dataset(folder):
    """(id of the data set, left_out as a DataFrame of image and reason) of a finished "gather" job's folder."""
    try:
        dataset = json.loads((folder / "gathered.json").read_text("utf-8"))["dataset"]
    except (OSError, ValueError):
        raise LabError("These images have not been read to their end; bring them in again.") from None
    return dataset, pd.read_csv(folder / "left_out.csv", dtype=str, keep_default_na=False)
