"""Import images into the workspace: a data set with their classes, and left_out.csv with what was excluded and why."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from svp_core.display import truncate
from svp_core.errors import LabError
from svp_core.files import reserve_id, write_csv, write_json
from svp_core.instruments.split_folders import SPLIT
from svp_core.progress import Progress, Steps
from svp_core.tasks.request import JobRequest, optional
from svp_core.workspace import datasets

OWN = "own"  # kind of the data sets that are imported


@dataclass(frozen=True)
class ImportRequest(JobRequest):
    """Images of one source as a new data set."""

    source: str  # path of anything that instruments.detect reads
    name: str  # of the data set
    class_name: str | None = None  # class of all images; None: as their folders say
    choices: Mapping[str, str] | None = optional()  # key of a question of the source -> option; None: the defaults

    @property
    def title(self) -> str:
        return f"Import {truncate(self.name)}"

    def check(self) -> None:
        datasets.check_name(self.name)


def import_images(request: ImportRequest, folder: Path) -> Steps:
    """Read the images of a source into a new data set; a finished import is not repeated.

    Writes gathered.json (dataset: its id) and left_out.csv, one row (image, reason) for each excluded item.
    """
    request.check()
    if (folder / "gathered.json").is_file():
        return
    from svp_core.datasets.labelled_tiles import read_labelled_steps

    data = yield from read_labelled_steps(request.source, class_name=request.class_name, choices=request.choices)
    classes = [data.class_keys[label] for label in data.labels]
    table = pd.DataFrame({"image": data.names, "class": classes, **({SPLIT: data.splits} if data.splits else {})})
    write_csv(folder / "left_out.csv", [("image", "reason"), *data.left_out])
    provenance = {"made_by": "given", "source": str(request.source), "left_out": len(data.left_out)}
    reserved = reserve_id(folder / "reserved.json")
    dataset = datasets.save_dataset(request.name, OWN, data.tiles, table, provenance, dataset_id=reserved)
    write_json(folder / "gathered.json", {"dataset": dataset})
    item_count = len(data.tiles) + len(data.left_out)
    yield Progress(item_count, item_count, f"{len(data.tiles):,} images imported")


def imported_dataset(folder: Path) -> tuple[str, pd.DataFrame]:
    """(id of the data set, excluded items as a table of image and reason) of a finished import's folder."""
    try:
        dataset = json.loads((folder / "gathered.json").read_text("utf-8"))["dataset"]
    except (OSError, ValueError):
        raise LabError("This import did not finish; import the images again.") from None
    return dataset, pd.read_csv(folder / "left_out.csv", dtype=str, keep_default_na=False)
