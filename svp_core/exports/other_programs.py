"""A classification for EcoTaxa and LabelChecker: a zip archive of the images and a table of labels, ids, pixel sizes.

Both are read again by svp_core.instruments with the same labels, ids and pixel sizes. Labels are predictions: EcoTaxa
gets them with the status "predicted", LabelChecker as LabelPredicted. A particle below its class's threshold has no
label. Layouts as in instruments.ecotaxa and instruments.labelchecker.
"""

import csv
import io
import math
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.derived_columns import NUMBERS, SIZE
from svp_core.classification.folded_classes import fold_results
from svp_core.classification.results import ClassificationResults, read_heading, read_results_folder
from svp_core.classification.results_csv import INSTRUMENT
from svp_core.classification.settings import SAMPLE_FIELDS
from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.exports.download import safe_file_stem
from svp_core.exports.flowcam_classes import id_columns, id_text, particle_ids
from svp_core.exports.row_selection import positions_among, select_rows
from svp_core.exports.tiles_by_class import FIXED_DATE, file_name
from svp_core.exports.vignettes import Vignette, read_vignettes
from svp_core.files import atomic_write
from svp_core.images import encode_png
from svp_core.particle_classes import UNLIKE, UNSURE

# LabelChecker reads no other column names; a whole number is expected where it knows one.
LABELCHECKER_COLUMNS = (
    *("Name", "Date", "Time", "CollageFile", "ImageFilename", "Id", "GroupId", "Uuid", "SrcImage", "SrcX", "SrcY"),
    *("ImageX", "ImageY", "ImageW", "ImageH", "Timestamp", "ElapsedTime", "CalConst", "CalImage", "AbdArea"),
    *("AbdDiameter", "AspectRatio", "Circularity", "Convexity", "Intensity", "Length", "Width", "Perimeter"),
    *("Preprocessing", "PreprocessingTrue", "LabelPredicted", "ProbabilityScore", "LabelTrue"),
)
_LABELCHECKER_MEASURES = {
    "AbdDiameter": SIZE,
    "AspectRatio": "aspect_ratio",
    "Circularity": "circularity",
    "Convexity": "convexity",
    "Intensity": "mean_level",
    "Length": "feret_max_um",
    "Width": "feret_min_um",
    "Perimeter": "perimeter_um",
}
# Columns of a source that came from these programs: its objects keep their ids, so that labels can be brought back.
_OWN_OBJECT_ID, _OWN_UUID = f"{INSTRUMENT}object_id", f"{INSTRUMENT}Uuid"
_NAMESPACE = uuid.UUID("5c1f0c1e-4f0e-5b7e-9a49-0e6f2f7f3c5d")  # of the ids that are made from image names
_Row = dict[str, Any]
Labels = Sequence[str] | NDArray[np.str_] | NDArray[np.object_]


def export_ecotaxa(
    job_folder: str | Path,
    path: str | Path,
    labels: Labels,
    rows: ArrayLike | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a zip archive that EcoTaxa imports: ecotaxa_<sample>.tsv and one PNG per particle.

    labels: of the classified particles (N,), class keys, "unsure" or "unlike", in the order of tiles.npy. rows:
    positions in results.csv, all where None; those without an image are skipped. settings: as for the report; sample,
    lot and operator are written, and with fold_others the confidences are those of folded classes, which the labels
    must be as well. Raises LabError where no row has an image.
    """
    results, positions, measures = _open(job_folder, labels, rows, settings)
    sample = {name: str((settings or {}).get(name) or "").strip() for name in SAMPLE_FIELDS}
    title = sample["sample"] or str(results.summary.get("title", ""))
    runs = {run["name"]: run for run in results.summary.get("runs", [])}
    confidence, ids = results.probs.max(axis=1), _unique_texts(results, _OWN_OBJECT_ID, results.table["image"].tolist())

    def row(vignette: Vignette, image: str) -> _Row:
        k = vignette.position
        particle, label = results.table.iloc[k], _label(labels[k])
        run = runs.get(particle["run"], {})
        return {
            "img_file_name": image,
            "img_rank": 0,
            "object_id": ids[k],
            "object_annotation_category": label,
            "object_annotation_status": "predicted" if label else "",
            "object_assigned": str(labels[k]),
            "object_confidence": float(confidence[k]),
            **{f"object_{name}": values[k] for name, values in measures.items()},
            "object_image_extent": vignette.extent,
            "sample_id": title,
            **{f"sample_{name}": text for name, text in sample.items() if name != "sample" and text},
            "acq_id": particle["run"] if isinstance(particle["run"], str) else title,
            "acq_instrument": run.get("instrument", ""),
            "acq_imaged_volume_ml": run.get("volume_ml"),
            "process_id": f"{results.summary.get('weights', '')} {results.job_id}".strip(),
            "process_software": "SvP Lab",
            "process_model": results.summary.get("weights", ""),
            "process_pixel_size_um": particle["um_per_px"],
        }

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            table = _write_images(archive, results, positions, lambda _: "", row)
            # EcoTaxa takes a text for Latin-1 unless it begins with a byte order mark.
            text = "\ufeff" + _delimited(table, list(table[0]), "\t", types=True)
            archive.writestr(zipfile.ZipInfo(f"ecotaxa_{safe_file_stem(title)}.tsv", FIXED_DATE), text)

    atomic_write(path, write)


def export_labelchecker(
    job_folder: str | Path,
    path: str | Path,
    labels: Labels,
    rows: ArrayLike | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a zip archive for LabelChecker: LabelChecker_<run>.csv for each run, and its images in the folder <run>.

    labels, rows, errors, fold_others of settings: as for export_ecotaxa. Id is the instrument's where it is a number,
    else the position in results.csv from 1; sizes are ours, in µm.
    """
    results, positions, measures = _open(job_folder, labels, rows, settings)
    ids = _whole_ids(job_folder, results)
    confidence = results.probs.max(axis=1)
    folders = _folders(results)
    made = [str(uuid.uuid5(_NAMESPACE, f"{results.job_id}/{image}")) for image in results.table["image"]]
    uuids = _unique_texts(results, _OWN_UUID, made)

    def row(vignette: Vignette, image: str) -> _Row:
        k = vignette.position
        scale = results.table["um_per_px"].iloc[k]
        height, width = vignette.pixels.shape[:2]
        own = {column: measures[name][k] for column, name in _LABELCHECKER_MEASURES.items() if name in measures}
        diameter = own.get("AbdDiameter")
        return {
            **dict.fromkeys(LABELCHECKER_COLUMNS, ""),
            **own,
            "Name": folders[k],
            "ImageFilename": image.rpartition("/")[2],
            "Id": ids[k],
            "GroupId": ids[k],
            "Uuid": uuids[k],
            "ImageW": width,
            "ImageH": height,
            "CalConst": scale,
            "AbdArea": math.pi / 4 * diameter**2 if diameter is not None else None,
            "Preprocessing": "object",
            "LabelPredicted": _label(labels[k]).replace(",", " "),
            "ProbabilityScore": float(confidence[k]),
        }

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            table = _write_images(archive, results, positions, lambda k: f"{folders[k]}/", row)
            for name in dict.fromkeys(entry["Name"] for entry in table):
                entries = [entry for entry in table if entry["Name"] == name]
                text = _delimited(entries, LABELCHECKER_COLUMNS, ",")
                archive.writestr(zipfile.ZipInfo(f"LabelChecker_{name}.csv", FIXED_DATE), text)

    atomic_write(path, write)


def _open(
    job_folder: str | Path, labels: Labels, rows: ArrayLike | None, settings: Mapping[str, Any] | None
) -> tuple[ClassificationResults, NDArray[np.intp], dict[str, list[float | None]]]:
    """(results, positions of the chosen particles, measures by name: (N,), None where not measured)."""
    _, names, _ = read_heading(job_folder)
    wanted = (*NUMBERS, _OWN_OBJECT_ID, _OWN_UUID)
    results = read_results_folder(job_folder, [name for name in wanted if name in names])
    results = fold_results(results) if (settings or {}).get("fold_others") else results
    if len(labels) != len(results.rows):
        raise ValueError(f"{len(results.rows)} classified particles need as many labels; got {len(labels)}")
    positions = positions_among(select_rows(rows, results.offered), results.rows)
    if not len(positions):
        raise LabError("None of the chosen rows has an image; choose particles that could be read.")
    numbers = {name: pd.to_numeric(results.table[name], errors="coerce") for name in NUMBERS if name in results.table}
    measures = {
        name: [None if math.isnan(value) else float(value) for value in pd.Series(values)]
        for name, values in numbers.items()
        if pd.Series(values).notna().any()
    }
    return results, positions, measures


def _write_images(
    archive: zipfile.ZipFile,
    results: ClassificationResults,
    positions: Iterable[int],
    folder: Callable[[int], str],
    row: Callable[[Vignette, str], _Row],
) -> list[_Row]:
    """Write the images of these particles; returns row(vignette, name in the archive) of each, in results' order."""
    digits = max(6, len(str(results.offered)))
    table: dict[int, _Row] = {}
    for vignette in read_vignettes(results, positions):
        k = vignette.position
        stem = file_name(results.table["image"].iloc[k])
        image = f"{folder(k)}{results.rows[k]:0{digits}d}_{stem}.png"
        archive.writestr(zipfile.ZipInfo(image, FIXED_DATE), encode_png(vignette.pixels))
        table[k] = row(vignette, image)
    return [table[k] for k in sorted(table)]


def _label(label: str) -> str:
    return "" if label in (UNSURE, UNLIKE) else class_name(str(label))


def _folders(results: ClassificationResults) -> list[str]:
    """Name of each particle's run as part of a file name, without commas; different runs have different names."""
    runs = [run if isinstance(run, str) and run else results.summary.get("title", "") for run in results.table["run"]]
    names: dict[str, str] = {}
    for run in runs:
        stem = safe_file_stem(str(run))
        if run not in names:
            names[run] = stem if stem not in names.values() else f"{stem} ({len(names) + 1})"
    return [names[run] for run in runs]


def _unique_texts(results: ClassificationResults, column: str, otherwise: list[str]) -> list[str]:
    """The texts in a column of results.csv, if each particle has one of its own; else these."""
    texts = [id_text(value) for value in results.table[column]] if column in results.table else []
    return texts if all(texts) and len(set(texts)) == len(results.table) else otherwise


def _whole_ids(job_folder: str | Path, results: ClassificationResults) -> list[int]:
    """The instrument's ids, if all of a run are different whole numbers; else positions in results.csv, from 1."""
    columns = id_columns([name for name in results.columns if name.startswith(INSTRUMENT)])
    texts = (
        particle_ids(read_results_folder(job_folder, columns)) if columns else np.full(len(results.rows), "", object)
    )
    by_run: dict[Any, list[str]] = {}
    runs = results.table["run"].tolist()
    for run, text in zip(runs, texts, strict=True):
        by_run.setdefault(run, []).append(str(text))
    known = {
        run: len(set(ids)) == len(ids) and all(text.isascii() and text.isdigit() for text in ids)
        for run, ids in by_run.items()
    }
    return [int(text) if known[run] else int(row) + 1 for run, text, row in zip(runs, texts, results.rows, strict=True)]


def _delimited(table: Sequence[_Row], columns: Sequence[str], delimiter: str, *, types: bool = False) -> str:
    """A table as text. types: with EcoTaxa's second line, [f] for columns of numbers, [t] for others."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    if types:
        writer.writerow(["[f]" if _is_numeric(table, column) else "[t]" for column in columns])
    for entry in table:
        writer.writerow([_text(entry[column]) for column in columns])
    return file.getvalue()


def _is_numeric(table: Sequence[_Row], column: str) -> bool:
    return all(value is None or isinstance(value, int | float) for value in (entry[column] for entry in table))


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else " ".join(str(value).split())
