"""Compare arms with and without added particles: read the source, do the units, write table, verdict and report."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from svp_core.display import truncate
from svp_core.errors import LabError
from svp_core.files import write_json
from svp_core.progress import Progress, Steps, uncounted
from svp_core.tasks.experiment_source import KINDS, read_real_particles
from svp_core.tasks.request import JobRequest


@dataclass(frozen=True)
class ExperimentRequest(JobRequest):
    """One experiment on one source."""

    kind: str  # one of experiment_source.KINDS
    source: str  # path, id, or "protein=1000,silicone_oil=200" of the simulator
    name: str
    design: dict[str, Any] = field(default_factory=dict)  # fields of experiment.design.Design; {}: its defaults

    @property
    def title(self) -> str:
        return f"Experiment {truncate(self.name)}"

    def check(self) -> None:
        from svp_core.experiment.stored import design_from_config

        if not self.name.strip():
            raise LabError("The experiment has no name; enter one.")
        if not self.source.strip():
            raise LabError("No particles were given; name a folder, data set, review or classification.")
        if self.kind not in KINDS:
            raise LabError(f"An experiment cannot read a source of kind {self.kind!r}; use {', '.join(KINDS)}.")
        design_from_config(self.design).check()


def experiment(request: ExperimentRequest, folder: Path, *, processes: int | None = None) -> Steps:
    """Run an experiment; what was done before, in this folder, is not done again.

    Writes the files of svp_core.experiment.stored, then table.csv, outcome.json and report.html. processes: how many
    units are done at once; None: as many as this job may use.
    """
    request.check()
    yield Progress(0, None, "Loading the network library")
    from svp_core.experiment.outcome import write_outcome
    from svp_core.experiment.processes import process_count, run_units
    from svp_core.experiment.units import draw_feature_map, read_design, units_of
    from svp_core.report.experiment_report import write_experiment_report

    count = processes or process_count()
    yield from _prepare(request, folder)
    units = units_of(read_design(folder))
    yield from run_units(folder, units, processes=count)
    if read_design(folder).feature_map:
        yield Progress(len(units), len(units), "Drawing the map")
        draw_feature_map(folder)
    yield Progress(len(units), len(units), "Comparing")
    write_outcome(folder)
    write_experiment_report(folder)


def _prepare(request: ExperimentRequest, folder: Path) -> Steps:
    """Read the source and write what all units need; nothing where it is written already.

    Raises LabError where the folder holds another experiment.
    """
    import numpy as np

    from svp_core.experiment.additions import GENERATOR
    from svp_core.experiment.cell import needs_features
    from svp_core.experiment.particles import MAX_PARTICLES, lookalike_blocks, take_part
    from svp_core.experiment.stored import data_sha256, design_as_config, design_from_config, write_real
    from svp_core.experiment.units import FEATURE_MODEL, embed
    from svp_core.experiment.weak_spots import diameters
    from svp_core.files import atomic_write
    from svp_core.model_files import find_model_folder, weights_sha256

    asked = json.loads(json.dumps(request.to_config()))
    ready = folder / "design.json"
    if ready.is_file():
        if json.loads(ready.read_text("utf-8"))["asked"] != asked:
            raise LabError(f"{folder.name} holds another experiment; choose an empty folder.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    source = yield from uncounted(read_real_particles(request.kind, request.source))
    design = design_from_config(request.design)
    real, design = take_part(source.real, design)
    if len(real.labels) > MAX_PARTICLES:
        raise LabError(
            f"{len(real.labels):,} particles are too many: at most {MAX_PARTICLES:,} can take part; limit the classes."
        )
    yield Progress(0, None, f"Looking for lookalikes among {len(real.labels):,} particles")
    blocks = lookalike_blocks(real)
    if real.sizes is None:
        real = replace(real, sizes=diameters(real.tiles))
    write_real(folder, real, blocks)
    if needs_features(design):
        features = yield from uncounted(embed(real.tiles))
        atomic_write(folder / "features.npy", lambda temporary: np.save(temporary, features))
    models = {name: weights_sha256(find_model_folder(name)) for name in (FEATURE_MODEL, GENERATOR)}
    facts = {"source": source.description, "left_out": len(source.left_out), "notes": list(source.notes)}
    write_json(folder / "left_out.json", [list(item) for item in source.left_out])
    write_json(
        ready,
        {
            "asked": asked,
            "name": request.name.strip(),
            "design": design_as_config(design),
            "class_keys": list(real.class_keys),
            "counts": real.counts(),
            "data_sha256": data_sha256(real),
            "weights_sha256": models,
            **facts,
        },
    )
