"""Which particles of a source are unlike a set of normal ones: novelty.csv, a verdict on the sample, its pictures."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.files import atomic_write, write_json
from svp_core.progress import Progress, Steps
from svp_core.tasks.classify import DEFAULT_CLASSIFIER, ClassifyRequest, name_particles
from svp_core.tasks.normal_set import NORMAL_FILE, NORMAL_TILES, calibrate_on_source
from svp_core.tasks.request import JobRequest, optional


@dataclass(frozen=True)
class NoveltyRequest(JobRequest):
    """A search for particles of one source that are unlike normal ones."""

    source: str  # path of anything that instruments.detect reads
    normal: str | None = optional()  # the same, or id of a data set; None: the known particles of the classifier
    weights: str = DEFAULT_CLASSIFIER  # name or folder of the classifier whose features are compared
    um_per_px: float | None = optional()  # pixel size that replaces the one in the files
    choices: Mapping[str, str] | None = optional()  # answers to the source's questions
    autoencoder: str | None = optional()  # name or folder of an autoencoder filter, whose residual is shown as well
    clean: bool | None = optional()  # True: the person says that the sample holds no strangers
    engine: str | None = optional()  # of execution.ENGINES; None: this machine

    @property
    def title(self) -> str:
        against = f" against {Path(self.normal).name}" if self.normal else ""
        return f"Novelty of {Path(self.source).name}{against}"

    def check(self) -> None:
        self.classification().check()
        if self.normal is not None and Path(self.normal).resolve() == Path(self.source).resolve():
            raise LabError(
                f"{Path(self.source).name} is both the sample and the normal set, so none of its particles could be "
                "unlike; give a clean run of the same instrument as the normal set."
            )

    def classification(self) -> ClassifyRequest:
        """Request of the classification that names and measures the particles."""
        return ClassifyRequest(self.source, self.weights, self.um_per_px, choices=self.choices, engine=self.engine)


def novelty(request: NoveltyRequest, folder: Path) -> Steps:
    """Judge every particle of a source by how unlike normal ones it is; a stopped job starts over.

    Writes what classify.name_particles() does, with the verdict in summary.json under "verdict" (see novelty_verdict);
    novelty.csv, one row per item of the source; and, where a normal set was given, what normal_set does.
    """
    request.check()
    from svp_core.classification.results import read_results_folder
    from svp_core.classifier.resnet import load_classifier
    from svp_core.novelty.calibration_file import FILE
    from svp_core.tasks.novelty_rebuilt import REBUILT_TILES, rebuild_tiles
    from svp_core.tasks.novelty_table import TABLE, judge_results, write_table
    from svp_core.tasks.novelty_verdict import NO_P
    from svp_core.workspace.models import find_model

    for name in (FILE, NORMAL_TILES, NORMAL_FILE, TABLE, REBUILT_TILES):
        (folder / name).unlink(missing_ok=True)
    own, normal = None, None
    if request.normal is not None:
        yield Progress(0, None, "Reading the normal set")
        own = yield from calibrate_on_source(request.normal, load_classifier(find_model(request.weights)), folder)
        normal = json.loads((folder / NORMAL_FILE).read_text("utf-8"))
    facts, _ = yield from name_particles(request.classification(), folder, judge=own)
    offered = facts["offered"]
    yield Progress(offered, offered, "Judging the sample")
    results = read_results_folder(folder, ("novelty_score",))
    rebuilt = None
    if request.autoencoder is not None:
        rebuilt = yield from rebuild_tiles(find_model(request.autoencoder), results)
    verdict = judge_results(results, normal=normal, is_clean=bool(request.clean))
    summary: dict[str, Any] = {**results.summary, "verdict": verdict}
    if request.autoencoder is not None:
        summary["autoencoder"] = find_model(request.autoencoder).name
    if normal is not None:
        summary["normal"] = {key: value for key, value in normal.items() if key not in ("examples", "left_out")}
        summary["normal"]["left_out"] = len(normal["left_out"])
    for done in write_table(results, verdict, folder / TABLE, rebuilt=rebuilt):
        yield Progress(offered, offered, f"Nearest known particles: {done:,}")
    if verdict["state"] == NO_P:
        _withhold_p(folder / "results.csv")
    write_json(folder / "summary.json", summary)


def _withhold_p(path: Path) -> None:
    """Empty the p-values and marks of a results.csv; scores stay, which only order its particles."""

    def write(temporary: Path) -> None:
        with path.open(encoding="utf-8", newline="") as old, temporary.open("w", encoding="utf-8", newline="") as new:
            rows, writer = csv.reader(old), csv.writer(new, lineterminator="\n")
            writer.writerow(names := next(rows))
            withheld = [names.index(name) for name in ("novelty_p", "unlike")]
            for row in rows:
                writer.writerow(["" if k in withheld else value for k, value in enumerate(row)])

    atomic_write(path, write)
