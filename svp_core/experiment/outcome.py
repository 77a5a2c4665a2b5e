"""What an experiment's cells add up to: table.csv, outcome.json. The same cells give the same bytes."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from svp_core.errors import LabError
from svp_core.experiment.comparison import Figure, compare_arms, mended_and_made
from svp_core.experiment.design import Design, parse_arm, stated_prevalence
from svp_core.experiment.figures import Predictions
from svp_core.experiment.folds import split_folds
from svp_core.experiment.particles import MANY_RUNS, RealParticles, resampled_blocks
from svp_core.experiment.rare_calls import smallest_visible_rate
from svp_core.experiment.stored import design_as_config, read_cell, read_real, read_refusal
from svp_core.experiment.units import read_design, units_of
from svp_core.experiment.verdict import verdict
from svp_core.files import atomic_write, write_json
from svp_core.particle_classes import SIZE_BINS_UM
from svp_core.stats.intervals import Estimate

TABLE, OUTCOME = "table.csv", "outcome.json"
_COLUMNS = (
    *("network", "arm", "figure", "prevalence", "value", "low", "high", "n"),
    *("difference", "difference_low", "difference_high", "p", "p_holm"),
)


@dataclass(frozen=True)
class Outcome:
    """An experiment as far as it is done."""

    design: Design
    class_keys: tuple[str, ...]
    counts: dict[str, int]  # class key -> real particles that take part
    prevalence: dict[str, float]  # the stated one
    figures: list[Figure]
    sentences: list[str]  # the verdict
    notes: list[str]
    refused: dict[str, str]  # title of an arm -> why
    amounts: list[dict[str, Any]]  # per arm: arm, real and added tiles by class (mean over seeds), dropped
    changes: list[dict[str, Any]]  # per network and arm: network, arm, mended, made (positions of particles)
    unfinished: int  # units to be done


def assemble(folder: Path) -> Outcome:
    """The outcome of the cells that are done. Raises LabError where there is no experiment in the folder."""
    design, (real, blocks) = read_design(folder), read_real(folder)
    cells, amounts, refused = {}, [], {}
    units = units_of(design)
    for unit in units:
        path = unit.file(folder)
        if unit.is_pool:
            continue
        if reason := read_refusal(path):
            refused.setdefault(parse_arm(unit.arm).title, reason)
        elif path.is_file():
            cells[unit.network, unit.arm, unit.seed] = read_cell(path)
    predictions = {key: cell.predictions for key, cell in cells.items()}
    prevalence = stated_prevalence(design, real.class_keys, design.minority)
    figures = compare_arms(
        design,
        real.class_keys,
        predictions,
        blocks=resampled_blocks(blocks, real.groups),
        prevalence=prevalence,
        sizes=real.sizes,
        size_edges=_size_edges(real),
    )
    for arm in design.parsed():
        own = [cell for (network, key, _), cell in cells.items() if key == arm.key and network == design.networks[0]]
        if own:
            amounts.append(_amounts(arm.key, own, real.class_keys))
    return Outcome(
        design,
        real.class_keys,
        real.counts(),
        prevalence,
        figures,
        verdict(figures, design, refused),
        _notes(design, real, blocks, predictions, amounts),
        refused,
        amounts,
        _changes(design, predictions),
        sum(not unit.is_done(folder) for unit in units),
    )


def write_outcome(folder: Path) -> Outcome:
    """Write table.csv and outcome.json of what is done, and return it."""
    outcome = assemble(folder)
    rows = [_as_row(one) for one in outcome.figures]

    def write(path):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows([_as_text(row[name]) for name in _COLUMNS] for row in rows)

    atomic_write(folder / TABLE, write)
    write_json(folder / OUTCOME, _as_json(outcome))
    return outcome


def read_outcome(folder: Path) -> Outcome:
    """What write_outcome() wrote last. Raises LabError where there is nothing yet."""
    from svp_core.experiment.stored import design_from_config

    try:
        stored = json.loads((folder / OUTCOME).read_text("utf-8"))
    except (OSError, ValueError):
        raise LabError("This experiment has no result yet; let it finish.") from None
    design = design_from_config(stored["design"])
    figures = [_from_row(row) for row in stored["figures"]]
    fields = ("counts", "prevalence", "sentences", "notes", "refused", "amounts", "changes", "unfinished")
    return Outcome(design, tuple(stored["class_keys"]), figures=figures, **{name: stored[name] for name in fields})


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "design": design_as_config(outcome.design),
        "class_keys": list(outcome.class_keys),
        "figures": [_as_row(one) for one in outcome.figures],
        **{
            name: getattr(outcome, name)
            for name in ("counts", "prevalence", "sentences", "notes", "refused", "amounts", "changes", "unfinished")
        },
    }


def _as_row(one: Figure) -> dict[str, Any]:
    d = one.difference
    numbers = [one.value.value, one.value.low, one.value.high, one.value.n]
    differences = [d.value, d.low, d.high] if d else [None] * 3
    values = [one.network, one.arm, one.figure, one.prevalence, *numbers, *differences, one.p, one.p_holm]
    return {name: _known(value) for name, value in zip(_COLUMNS, values, strict=True)}


def _from_row(row: dict[str, Any]) -> Figure:
    number = {name: np.nan if row[name] is None else row[name] for name in _COLUMNS[4:]}
    value = Estimate(number["value"], number["low"], number["high"], int(row["n"]))
    difference = None
    if row["difference"] is not None:
        ends = number["difference_low"], number["difference_high"]
        difference = Estimate(number["difference"], *ends, int(row["n"]))
    names = (row["network"], row["arm"], row["figure"], row["prevalence"])
    return Figure(*names, value, difference, number["p"], number["p_holm"])


def _known(value: Any) -> Any:
    """None for nan, which JSON does not have; numbers to nine digits."""
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.9g}")
    return value


def _as_text(value: Any) -> str:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)


def _size_edges(real: RealParticles) -> tuple[float, ...]:
    if real.sizes is None or np.isnan(real.sizes).all():
        return ()
    if real.size_unit == "µm":
        return (0, *SIZE_BINS_UM)
    thirds = np.nanquantile(real.sizes, (1 / 3, 2 / 3))
    return tuple(dict.fromkeys([0.0, *(float(edge) for edge in np.round(thirds))]))


def _amounts(arm: str, cells: Sequence[Any], class_keys: Sequence[str]) -> dict[str, Any]:
    def mean(name: str) -> dict[str, float]:
        return {key: float(np.mean([getattr(cell, name)[key] for cell in cells])) for key in class_keys}

    return {
        "arm": arm,
        "real": mean("trained_on"),
        "added": mean("added"),
        "dropped": int(sum(cell.dropped for cell in cells)),
    }


def _changes(design: Design, predictions: dict[Any, Predictions]) -> list[dict[str, Any]]:
    rows = []
    for network in design.networks:
        for arm in design.parsed():
            own, other = arm.key, design.baseline_of(arm)
            if other is None:
                continue
            pairs = [
                (predictions[network, other.key, s], predictions[network, own, s])
                for s in range(design.seeds)
                if {(network, own, s), (network, other.key, s)} <= predictions.keys()
            ]
            if pairs:
                mended, made = mended_and_made([one for one, _ in pairs], [one for _, one in pairs])
                rows.append({"network": network, "arm": own, "mended": mended.tolist(), "made": made.tolist()})
    return rows


def _notes(design, real, blocks, predictions, amounts) -> list[str]:
    """What has to be said where the figures stand."""
    notes: list[str] = []
    for seed in range(design.seeds):
        fold = split_folds(real.labels, real.class_keys, blocks=blocks, groups=real.groups, seed=seed)
        notes += fold.notes
    together = len(blocks) - len(np.unique(blocks))
    if together:
        notes.append(f"{together:,} particles look like another one; lookalikes are always in one fold.")
    groups = set(real.groups or ())
    if len(groups) >= MANY_RUNS:
        notes.append(f"Intervals resample whole runs ({len(groups)}) and seeds.")
    largest = int(np.bincount(real.labels).argmax())
    tested = _tested(predictions.values(), largest)
    if tested:
        rate = smallest_visible_rate(tested)
        notes.append(
            f"{tested:,} different particles of {real.class_keys[largest]} were tested: without a false call among "
            f"them, false-call rates up to {rate:.2g} cannot be ruled out, so precision at the stated prevalence is "
            "bounded by its interval rather than measured."
        )
    dropped = sum(row["dropped"] for row in amounts)
    if dropped:
        notes.append(f"{dropped:,} generated tiles were left out because they look like a held-out particle by chance.")
    if wanted := _not_reached(design, amounts):
        notes.append(f"Fewer tiles than the dose were added in: {', '.join(wanted)}.")
    return list(dict.fromkeys(notes))


def _tested(predictions: Iterable[Predictions], label: int) -> int:
    particles = [one.particles[one.labels == label] for one in predictions]
    return len(np.unique(np.concatenate(particles))) if particles else 0


def _not_reached(design, amounts):
    """Titles of arms that added less than their dose to some minority class."""
    doses = {arm.key: arm.dose for arm in design.parsed()}
    return [
        parse_arm(row["arm"]).title
        for row in amounts
        if any(row["added"][key] < doses[row["arm"]] - row["dropped"] for key in design.minority)
    ]


def complete_arms(folder: Path) -> int:
    """How many arms, counted for each network, have all their seeds done."""
    done = Counter((unit.network, unit.arm) for unit in units_of(read_design(folder)) if unit.file(folder).is_file())
    return sum(count == read_design(folder).seeds for (_, arm), count in done.items() if arm)
