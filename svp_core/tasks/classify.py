"""Classify every particle of a source: results.csv, tiles.npy and summary.json, growing batch by batch."""

import json
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svp_core.classification.result_images import ResultImages
from svp_core.classification.settings import SAMPLE_FIELDS
from svp_core.errors import LabError
from svp_core.execution import RAY, executor
from svp_core.files import write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.instrument_runs import note_conditions, profile_entry
from svp_core.tasks.reference_matching import match_reference
from svp_core.tasks.request import JobRequest, optional

if TYPE_CHECKING:
    from svp_core.classification.measure import ResultBatch
    from svp_core.classification.shards import Shards
    from svp_core.classifier.resnet import Classifier
    from svp_core.novelty.calibration import NoveltyCalibration

DEFAULT_CLASSIFIER = "resnet18"  # name of the shipped model
PIXEL_UM = (0.01, 100)  # smallest and largest accepted pixel size, µm
HASHED_BYTES = 256 * 1024**2  # of the source, between two steps of progress
_SOFTWARE = (
    "imagecodecs",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "tifffile",
    "torch",
    "torchvision",
)  # packages that results depend on


@dataclass(frozen=True)
class ClassifyRequest(JobRequest):
    """Classification of all particles of one source."""

    source: str  # path of anything that instruments.detect reads
    weights: str | None = DEFAULT_CLASSIFIER  # name or folder of a classifier; None: the shipped one
    um_per_px: float | None = None  # pixel size that replaces the one in the files
    choices: Mapping[str, str] | None = optional()  # answers to the source's questions
    sample: str | None = optional()  # name or id of the sample; so lot and operator: texts for report and exports
    lot: str | None = optional()
    operator: str | None = optional()
    engine: str | None = optional()  # of execution.ENGINES; None: this machine

    @property
    def title(self) -> str:
        return f"Classify {Path(self.source).name}"

    def check(self) -> None:
        smallest, largest = PIXEL_UM
        if self.um_per_px is not None and not smallest <= self.um_per_px <= largest:
            raise LabError(f"A pixel size of {self.um_per_px} µm is not possible; give {smallest:g} to {largest:g} µm.")
        executor(self.engine)


def classify(request: ClassifyRequest, folder: Path) -> Steps:
    """Classify and measure every particle of a source; a stopped job starts over, on a cluster behind its last finished
    batch.

    Writes what name_particles() does, and at the end reference.safetensors, the confusion reference matched to these
    images, where the shipped library covers the classifier's classes.
    """
    facts, classifier = yield from name_particles(request, folder)
    offered = facts["offered"]
    yield Progress(offered, offered, "Matching the reference of corrected counts to these images")
    if note := match_reference(folder, facts, classifier):
        summary = json.loads((folder / "summary.json").read_text("utf-8"))
        write_json(folder / "summary.json", {**summary, "notes": [*summary["notes"], note]})
    note_conditions(facts)


def name_particles(
    request: ClassifyRequest, folder: Path, *, judge: "NoveltyCalibration | None" = None
) -> "Generator[Progress, None, tuple[dict[str, Any], Classifier]]":
    """Name and measure every particle of a source; yields Progress, returns (what summary.json says, classifier).

    Writes results.csv, one row per item of the source; tiles.npy, uint8 (N, 64, 64), the tiles of the rows with status
    ok in their order; colour.npy, uint8 (N, 64, 64, 3), only where some of them are in colour; summary.json. All grow
    batch by batch; at the end results.parquet, the columns of a large results.csv. judge: calibration of novelty; by
    default the instrument's own, or the classifier's.
    """
    request.check()
    from svp_core.classification.column_store import STORE_FILE
    from svp_core.classification.own_instrument import find_own_calibration
    from svp_core.classification.results_csv import ResultsWriter, store_results
    from svp_core.classification.shards import Shards
    from svp_core.classification.strangers import DIFFERING_FILE, FEATURES_FILE, TAUGHT_FILE
    from svp_core.classifier.confusion_reference import MATCHED_FILE
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.detect import detect_source
    from svp_core.workspace.models import find_model

    yield Progress(0, None, "Reading the source")
    source = detect_source(request.source, request.choices)
    classifier = load_classifier(model_folder := Path(find_model(request.weights or DEFAULT_CLASSIFIER)))
    facts = yield from _facts(request, source, model_folder)
    facts |= profile_entry(folder, source.runs, facts["um_per_px"])
    calibration = (judge, "") if judge else find_own_calibration(model_folder, classifier.config.class_keys, facts)
    shards = Shards(folder, _made_from(facts, calibration)) if request.engine == RAY else None
    images, tally = ResultImages(folder), _Tally(calibration, facts["um_per_px"])
    for name in ("summary.json", "results.csv", STORE_FILE, FEATURES_FILE, MATCHED_FILE, TAUGHT_FILE, DIFFERING_FILE):
        (folder / name).unlink(missing_ok=True)
    yield Progress(0, source.count, f"Reading {source.title}")
    with (
        (folder / "results.csv").open("w", encoding="utf-8", newline="") as file,
        (folder / FEATURES_FILE).open("wb") as features,
    ):
        writer = ResultsWriter(file, classifier.config.class_keys, source.columns)
        for batch in _batches(request, source, classifier, calibration[0], shards):
            images.append(batch)
            tally.add(batch)
            writer.write(batch)
            if batch.features is not None:
                features.write(batch.features.tobytes())
            file.flush()
            facts |= tally.facts()
            write_json(folder / "summary.json", facts)
            yield Progress(tally.offered, source.count, f"{images.count:,} particles classified")
    if judge is None and (whole := tally.compare(folder, facts)):
        facts["novelty"] = facts["novelty"] | whole
        write_json(folder / "summary.json", facts)
    store_results(folder / "results.csv")
    if shards:
        shards.remove()
    return facts, classifier


def _batches(
    request: ClassifyRequest, source: Any, classifier: "Classifier", calibration: Any, shards: "Shards | None"
) -> "Iterator[ResultBatch]":
    """classify_source() by the request."""
    from svp_core.classification.classify import classify_source
    from svp_core.instruments.brightness import settled_choices

    return classify_source(
        request.source,
        classifier,
        um_per_px=request.um_per_px,
        choices=settled_choices(source, request.choices),
        instrument=source.columns,
        count=source.count,
        calibration=calibration,
        engine=request.engine,
        shards=shards,
    )


def _made_from(facts: Mapping[str, Any], calibration: Any) -> dict[str, Any]:
    """What finished batches depend on: source, model, settings, software, calibration of novelty."""
    from svp_core.classification.shards import digest

    return {**facts, "calibration": digest(calibration)}


class _Tally:
    """What is known of the particles so far, for summary.json."""

    def __init__(self, calibration: tuple[Any, str], um_per_px: float | None) -> None:
        """calibration: from find_own_calibration. um_per_px: pixel size of the run, where it is known."""
        from svp_core.profiles.conditions import LiquidSample, magnification_of

        self._magnification = magnification_of(um_per_px)
        self.offered, self._named, self._far = 0, 0, 0
        self._counts, self._size_rules, self._marks, self._liquid = Counter(), Counter(), Counter(), LiquidSample()
        self._cautions = Counter[str]()
        self._calibration = calibration
        self._named_as, self._forms = [], []

    def add(self, batch: Any) -> None:
        """Count the rows of a ResultBatch."""
        from svp_core.classification.derived_columns import SIZE_RULE
        from svp_core.classification.results_csv import count_classes
        from svp_core.novelty.tile_forms import forms_of
        from svp_core.novelty.verdict import count_far

        self.offered += len(batch.rows)
        self._named += len(batch.tiles)
        self._liquid.add(batch.liquid)
        self._counts.update(count_classes(batch.rows))
        self._size_rules.update(row[SIZE_RULE] for row in batch.rows if row[SIZE_RULE])
        self._marks.update(row["unlike"] for row in batch.rows)
        self._far += count_far([row["novelty_p"] for row in batch.rows if row["novelty_p"] is not None])
        self._cautions.update(row["reason"] for row in batch.rows if row["status"] == "ok" and row["reason"])
        if batch.features is not None:
            keys = self._calibration[0].class_keys
            self._named_as += [keys.index(row["label"]) for row in batch.rows if row["label"]]
            self._forms.append(forms_of(batch.tiles))

    def compare(self, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        """compare_with_known() of all particles."""
        from svp_core.tasks.run_comparison import compare_with_known

        forms = np.concatenate(self._forms) if self._forms else np.zeros(0, int)
        return compare_with_known(
            folder, self._calibration[0], named=np.array(self._named_as, int), forms=forms, summary=dict(facts)
        )

    def facts(self) -> dict[str, Any]:
        """Numbers of items and particles, by class and rule of size; verdict on novelty; conditions, where known."""
        from svp_core.novelty.verdict import verdict_facts

        conditions, judged = self._liquid.conditions(), self._marks[True] + self._marks[False]
        return {
            "novelty": verdict_facts(
                self._marks[True], self._far, judged, *self._calibration, magnification=self._magnification
            ),
            "offered": self.offered,
            "named": self._named,
            "rejected": self.offered - self._named,
            "counts": dict(self._counts),
            "size_rules": dict(self._size_rules),
            **({"cautions": dict(self._cautions)} if self._cautions else {}),
            **({"conditions": conditions.as_dict()} if conditions else {}),
        }


def _facts(request: ClassifyRequest, source: Any, model_folder: Path) -> Generator[Progress, None, dict[str, Any]]:
    """What summary.json says of source and model; yields Progress while files are hashed."""
    from svp_core.instruments.brightness import settled_choices
    from svp_core.instruments.fingerprint import fingerprint
    from svp_core.model_files import weights_sha256

    entries = yield from _hash(request.source, request.choices)
    return {
        "title": source.title,
        "kind": source.kind,
        "source": request.source,
        **{name: text for name in SAMPLE_FIELDS if (text := getattr(request, name))},
        "notes": (*source.notes, *source.cautions),
        "um_per_px": request.um_per_px or source.um_per_px,
        "um_per_px_from": "given by you" if request.um_per_px else source.um_per_px_from,
        "weights": model_folder.name,
        "weights_sha256": weights_sha256(model_folder),
        **_location(model_folder),
        "runs": [asdict(run) for run in source.runs],
        "choices": settled_choices(source, request.choices),
        "inputs": fingerprint(entries),
        "software": software_versions(),
    }


def _location(folder: Path) -> dict[str, str]:
    """Folder of a model that its name alone does not find: {"weights_folder": path}, else {}."""
    from svp_core.workspace.models import find_model

    try:
        is_known = find_model(folder.name).resolve() == folder.resolve()
    except LabError:
        is_known = False
    return {} if is_known else {"weights_folder": str(folder.resolve())}


def software_versions() -> dict[str, str]:
    """Versions of the packages that the results depend on, by name."""
    return {name: version(name) for name in _SOFTWARE}


def _hash(path: str, choices: Mapping[str, str] | None) -> Generator[Progress, None, list[Any]]:
    """Hashes of the source's files, see hash_inputs; yields Progress."""
    from svp_core.instruments.fingerprint import hash_inputs

    entries, size = [], 0
    for entry in hash_inputs(path, choices):
        entries.append(entry)
        size += int(entry[1])
        if size >= HASHED_BYTES:
            size = 0
            yield Progress(0, None, f"Fingerprint of the source: {len(entries):,} files")
    return entries
