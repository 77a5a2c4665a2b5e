"""Validation of a classifier on an instrument's own particles: draw them, read the standing, keep the result."""

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.counted import ECD_PX, assign_labels
from svp_core.classification.results import ClassificationResults, numeric_column
from svp_core.classification.settings import read_with_settings
from svp_core.errors import LabError
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tile_file import read_tiles
from svp_core.validation.answers import Settled, settle
from svp_core.validation.draw import MAX_COUNT, MIN_COUNT, Draw, SizeRange, draw_by_size
from svp_core.validation.figures import LabelledParticles, validation_figures
from svp_core.workspace import instrument_profiles, jobs, validations
from svp_core.workspace.validations import SETTLE, Validation, answers_by_reviewer, answers_of


@dataclass(frozen=True)
class Standing:
    """What is answered so far."""

    by_reviewer: dict[str, dict[str, str]]  # reviewer -> {particle: answer}
    settled: Settled
    drawn: int

    @property
    def answered(self) -> int:
        """Particles with at least one answer."""
        return len(self.settled.truth)

    @property
    def is_complete(self) -> bool:
        """Whether every drawn particle is answered and no two answers differ."""
        return self.answered == self.drawn and not self.settled.disagreements


def classifiers_of(profile_id: str) -> dict[str, str]:
    """sha256 of the weights -> name, of the classifiers that finished classifications of this instrument used."""
    runs = classifications_of(profile_id)
    return {sha256: summary["weights"] for _, summary in reversed(runs) if (sha256 := summary.get("weights_sha256"))}


def start_validation(profile_id: str, weights_sha256: str, count: int, *, seed: int | None = None) -> str:
    """Draw particles from all classifications of this instrument by this classifier; returns the validation's id.

    Raises LabError where there are too few, or the count is out of range.
    """
    if not MIN_COUNT <= count <= MAX_COUNT:
        raise LabError(f"The number of particles must be from {MIN_COUNT} to {MAX_COUNT}; got {count:,}.")
    seed = secrets.randbelow(2**31) if seed is None else seed
    pool = [
        _read(job.id)
        for job, summary in classifications_of(profile_id)
        if summary.get("weights_sha256") == weights_sha256 and summary.get("named")
    ]
    total = sum(len(results.rows) for results, _ in pool)
    if total < MIN_COUNT:
        raise LabError(
            f"This instrument has {total:,} particles classified by this classifier; a validation needs at least "
            f"{MIN_COUNT}, so classify more of its runs first."
        )
    table = pd.concat([particles for _, particles in pool], ignore_index=True)
    draw = draw_by_size(table["size"], count, edges=SIZE_BINS_UM, seed=seed)
    starts = np.cumsum([0, *(len(particles) for _, particles in pool)])
    of_pool = np.searchsorted(starts, draw.positions, side="right") - 1
    grey = [read_tiles(results.folder / "tiles.npy") for results, _ in pool]  # as the classifier saw them
    tiles = np.stack([grey[k][at - starts[k]] for k, at in zip(of_pool, draw.positions, strict=True)])
    first = pool[0][0]
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "weights": first.summary["weights"],
        "weights_sha256": weights_sha256,
        "class_keys": list(first.class_keys),
        "ranges": [asdict(size_range) for size_range in draw.ranges],
        "classifications": len(pool),
    }
    return validations.save_validation(profile_id, facts, _drawn_table(table, draw), tiles)


def _read(job_id: str) -> tuple[ClassificationResults, pd.DataFrame]:
    """Results of a classification, and its particles as rows of particles.csv."""
    folder = jobs.job_folder(job_id)
    results, settings = read_with_settings(folder, None, (ECD_PX,))
    particles = pd.DataFrame({"image": results.table["image"], "um_per_px": results.table["um_per_px"]})
    particles["job"] = job_id
    particles["size"] = numeric_column(results, settings.diameter) if settings.in_um else np.nan
    particles["size_px"] = numeric_column(results, ECD_PX) if ECD_PX in results.columns else np.nan
    particles["assigned"] = assign_labels(results, settings)
    particles[[f"p_{key}" for key in results.class_keys]] = results.probs
    return results, particles


def _drawn_table(table: pd.DataFrame, draw: Draw) -> pd.DataFrame:
    drawn = table.iloc[draw.positions].reset_index(drop=True)
    drawn.insert(0, "id", [str(number) for number in range(1, len(drawn) + 1)])
    drawn["range"] = draw.range_of
    return drawn


def standing_of(validation: Validation) -> Standing:
    """What is answered so far."""
    answers = answers_of(validation.id)
    given = answers_by_reviewer(answers)
    joint = {
        particle: answer
        for theirs in answers_by_reviewer(answers, SETTLE).values()
        for particle, answer in theirs.items()
    }
    return Standing(given, settle(given, joint), len(validation.table))


def labelled_particles(validation: Validation, standing: Standing) -> tuple[LabelledParticles, pd.DataFrame]:
    """The answered particles, and their rows of the table."""
    is_answered = validation.table["id"].isin(list(standing.settled.truth))
    rows = pd.DataFrame(validation.table[is_answered]).reset_index(drop=True)
    ranges = tuple(SizeRange(**stored) for stored in validation.facts["ranges"])
    labelled = LabelledParticles(
        np.array([standing.settled.truth[particle] for particle in rows["id"]], object),
        np.asarray(rows[[f"p_{key}" for key in validation.class_keys]], float),
        np.asarray(rows["assigned"], object),
        validation.class_keys,
        ranges,
        np.asarray(rows["range"], np.intp),
    )
    return labelled, rows


def validation_record(validation: Validation, standing: Standing) -> dict[str, Any]:
    """The result as it is kept with the profile: who, when, on what, figures, and the labelled particles' numbers."""
    return record_of(validation, *labelled_particles(validation, standing), standing)


def record_of(
    validation: Validation, labelled: LabelledParticles, rows: pd.DataFrame, standing: Standing
) -> dict[str, Any]:
    """As validation_record, of these labelled particles; rows: theirs in the table."""
    facts = validation.facts
    return {
        "id": validation.id,
        "created": facts["created"],
        "weights": facts["weights"],
        "weights_sha256": facts["weights_sha256"],
        "class_keys": list(facts["class_keys"]),
        "reviewers": list(standing.by_reviewer),
        "drawn": len(validation.table),
        "figures": validation_figures(labelled, standing.settled.pairs),
        "particles": {
            "labels": labelled.truth.tolist(),
            "probs": labelled.probs.round(5).tolist(),
            "sizes_um": _numbers(np.asarray(rows["size"], float)),
            "sizes_px": _numbers(np.asarray(rows["size_px"], float)),
            "assigned": labelled.assigned.tolist(),
        },
    }


def keep_result(validation: Validation, standing: Standing) -> dict[str, Any]:
    """Store the result with the profile: in place of an earlier one of the same classifier. Raises LabError.

    Raises LabError where fewer than MIN_COUNT particles are answered.
    """
    if standing.answered < MIN_COUNT:
        raise LabError(f"{standing.answered:,} particles are labelled; a validation needs at least {MIN_COUNT}.")
    record = validation_record(validation, standing)
    instrument_profiles.update_validation(validation.profile, record["weights_sha256"], record)
    return record


def _numbers(column: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in column]
