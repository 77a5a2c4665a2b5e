"""Report of an experiment as HTML: verdict, figures, differences, curves, what was added, errors, origin of all."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from svp_core.display import class_name
from svp_core.experiment.comparison import OWN, STATED, Figure
from svp_core.experiment.design import NETWORK_TITLES, SOURCE_TITLES, parse_arm
from svp_core.experiment.feature_map import SetDistance
from svp_core.experiment.outcome import Outcome, read_outcome
from svp_core.experiment.stored import read_cell, read_distances, read_real
from svp_core.experiment.units import Unit
from svp_core.experiment.verdict import FIGURE_TITLES
from svp_core.files import atomic_write
from svp_core.images import encode_png
from svp_core.report.experiment_plots import curve_plots, forest_plot
from svp_core.report.render import css_string, facts, render
from svp_core.stats.intervals import Estimate

FILE = "report.html"
SHOWN_ERRORS = 12  # particles whose error an arm mends or makes
_STYLE = Path(__file__).with_name("style.css")
_CURVES = ("macro_f1", "macro_auprc")
TILE_MM = 11.0


@dataclass(frozen=True)
class Image:
    """A tile of the report."""

    png: str  # base64
    title: str
    width_mm: float


@dataclass(frozen=True)
class TableRow:
    """One arm in a table of figures."""

    network: str
    arm: str
    cells: list[str]


def write_experiment_report(folder: Path) -> None:
    """Write report.html of a folder with an outcome. Raises LabError where there is none."""
    data = experiment_report_html(folder).encode("utf-8")
    atomic_write(folder / FILE, lambda temporary: temporary.write_bytes(data))


def experiment_report_html(folder: Path) -> str:
    """The report as text. Raises LabError where the folder has no outcome."""
    outcome, about = read_outcome(folder), json.loads((folder / "design.json").read_text("utf-8"))
    design, title = outcome.design, about["name"]
    forests = [forest_plot(outcome.figures, name, text, design) for name, text in FIGURE_TITLES.items()]
    curves = [plot for name in _CURVES for plot in curve_plots(outcome.figures, name, FIGURE_TITLES[name], design)]
    style = _STYLE.read_text("utf-8").replace('"FOOTER"', css_string(f"Experiment {title[:80]}"))
    return render(
        "experiment.html.j2",
        title=title,
        style=Markup(style),
        facts=facts(_facts(outcome, about)),
        sentences=outcome.sentences,
        notes=[*about["notes"], *outcome.notes],
        tables=_tables(outcome, _unit(folder)),
        forests=[plot for plot in forests if plot],
        curves=curves,
        distances=[distance_cells(one) for one in read_distances(folder)],
        distance_headings=DISTANCE_HEADINGS,
        added=_added(folder, outcome),
        errors=_errors(folder, outcome),
        amounts=[_amount_row(row, outcome.class_keys) for row in outcome.amounts],
        class_keys=outcome.class_keys,
        seeds=", ".join(str(seed) for seed in range(design.seeds)),
        hashes=[("real particles", about["data_sha256"]), *about["weights_sha256"].items()],
    )


def _tables(outcome: Outcome, size_unit: str) -> list[tuple[str, list[str], list[TableRow]]]:
    """(caption, headings, rows) of each table that has rows."""
    keys = outcome.class_keys
    sizes = list(dict.fromkeys(f.figure for f in outcome.figures if f.figure.startswith("macro_recall@")))
    wanted = (
        ("At the sample's own prevalence", [*FIGURE_TITLES, "calibration_error"], OWN),
        (f"At the stated prevalence: {mixture(outcome)}", ["macro_precision", "macro_f1", "macro_auprc"], STATED),
        *((f"{class_name(key)}, at the sample's own prevalence", _of_class(key), OWN) for key in keys),
        ("Precision (PPV) at the stated prevalence", [f"precision.{key}" for key in keys], STATED),
        (
            "Recall where 1 in 1,000 particles of the largest class is called falsely",
            [f"recall_at_false_rate.{key}" for key in keys],
            OWN,
        ),
        (f"Macro recall by size ({size_unit})", sizes, OWN),
    )
    tables = []
    for caption, names, prevalence in wanted:
        rows = table_rows(outcome, names, prevalence)
        if rows:
            of_one_class = len({name.partition(".")[2] for name in names}) == 1
            headings = [heading(name, with_class=not of_one_class) for name in _present(outcome, names)]
            tables.append((f"{caption}; %", headings, rows))
    return tables


def _of_class(key: str) -> list[str]:
    return [f"{kind}.{key}" for kind in ("precision", "recall", "f1", "auprc")]


def table_rows(outcome: Outcome, names: Sequence[str], prevalence: str) -> list[TableRow]:
    """One row per network and arm: value and interval of each figure in percent; [] where no arm has them."""
    own = {(f.network, f.arm, f.figure): f for f in outcome.figures if f.prevalence == prevalence}
    names = _present(outcome, names)
    rows = []
    for network, arm in dict.fromkeys((f.network, f.arm) for f in outcome.figures):
        cells = [percent(own.get((network, arm, name))) for name in names]
        if names and any(cell != "–" for cell in cells):
            rows.append(TableRow(NETWORK_TITLES[network], parse_arm(arm).title, cells))
    return rows


def percent(figure: Figure | None) -> str:
    """A figure with its interval in percent: "93.1 (91.0 to 95.2)"; "–" where there is none."""
    if figure is None or figure.value.value != figure.value.value:
        return "–"
    v: Estimate = figure.value
    return f"{100 * v.value:.1f} ({100 * v.low:.1f} to {100 * v.high:.1f})"


def heading(name: str, *, with_class: bool = True) -> str:
    """Column heading of a figure; that of one class names it unless the table does."""
    kind, _, key = name.partition(".")
    words = {
        "precision": "precision (PPV)",
        "f1": "F1",
        "auprc": "AUPRC",
        "calibration_error": "calibration error",
        "recall_at_false_rate": "recall",
    }
    if name.startswith("macro_recall@"):
        return name.partition("@")[2].replace("-", "–")
    text = FIGURE_TITLES.get(name) or words.get(kind, kind)
    return f"{class_name(key)}, {text}" if key and with_class else text[:1].upper() + text[1:]


def mixture(outcome: Outcome) -> str:
    """The stated prevalence in words."""
    return ", ".join(f"{class_name(key).lower()} {n:,.0f}" for key, n in outcome.prevalence.items())


def _present(outcome, names):
    known = {f.figure for f in outcome.figures}
    return [name for name in names if name in known]


def _unit(folder):
    return read_real(folder)[0].size_unit


def _facts(outcome, about):
    design = outcome.design
    return [
        ("Source", about["source"]),
        ("Particles", ", ".join(f"{class_name(key).lower()} {n:,}" for key, n in outcome.counts.items())),
        ("Left out of the source", f"{about['left_out']:,}" if about["left_out"] else None),
        ("Added to", ", ".join(class_name(key).lower() for key in design.minority)),
        ("Networks", ", ".join(NETWORK_TITLES[name] for name in design.networks)),
        ("Seeds", design.seeds),
        ("Compared with", parse_arm(design.baseline).title),
        ("Optimisation steps", f"{design.steps:,} of {design.batch} tiles, the same for every arm"),
        ("Stated prevalence", mixture(outcome)),
        ("Unfinished units", outcome.unfinished or None),
    ]


DISTANCE_HEADINGS = (
    *("Source", "Class", "Tiles", "KID", "KID, real to real"),
    *("FID", "FID, real to real", "SSIM to the parent"),
)


def distance_cells(one: SetDistance) -> list[str]:
    """A distance as texts, under DISTANCE_HEADINGS."""
    numbers = [f"{one.n:,}", f"{one.kid:.4f}", f"{one.kid_floor:.4f}", f"{one.fid:.3f}", f"{one.fid_floor:.3f}"]
    return [
        SOURCE_TITLES[one.source],
        class_name(one.class_key),
        *numbers,
        "–" if one.ssim is None else f"{one.ssim:.2f}",
    ]


def _added(folder, outcome):
    """(title of an arm, its example tiles) of the first seed."""
    rows = []
    for arm in outcome.design.parsed():
        path = Unit(0, arm=arm.key, network=outcome.design.networks[0]).file(folder)
        if arm.sources and path.is_file():
            cell = read_cell(path)
            keys = [outcome.class_keys[label] for label in cell.example_labels]
            rows.append(
                (arm.title, [_image(tile, class_name(key)) for tile, key in zip(cell.examples, keys, strict=True)])
            )
    return rows


def _errors(folder, outcome) -> list[dict[str, Any]]:
    """What each arm mends and makes: counts and some of the particles."""
    real, _ = read_real(folder)
    rows = []
    for change in outcome.changes:
        own = {}
        for name in ("mended", "made"):
            part = change[name][:SHOWN_ERRORS]
            titles = [f"{real.names[k]}, {class_name(real.class_keys[real.labels[k]])}" for k in part]
            own[name] = [_image(real.tiles[k], title) for k, title in zip(part, titles, strict=True)]
        counts = {f"{name}_count": len(change[name]) for name in ("mended", "made")}
        network = NETWORK_TITLES[change["network"]]
        rows.append({"arm": f"{network}, {parse_arm(change['arm']).title}", **own, **counts})
    return rows


def _amount_row(row, class_keys):
    cells = [f"{row['real'][key]:,.0f} + {row['added'][key]:,.0f}" for key in class_keys]
    return TableRow("", parse_arm(row["arm"]).title, cells)


def _image(tile, title):
    return Image(base64.b64encode(encode_png(tile)).decode(), title, TILE_MM)
