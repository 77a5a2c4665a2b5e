"""Report of a generator's audit as HTML: verdict, figures with what chance gives, ROC, the most exposed members."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from svp_core.display import DASH, class_name, join_names
from svp_core.files import atomic_write
from svp_core.images import encode_png
from svp_core.report.render import css_string, facts, render

_STYLE = Path(__file__).with_name("style.css")
TILE_MM = 18
ROC_WIDTH, ROC_HEIGHT, ROC_LEFT, ROC_BOTTOM = 420, 320, 52, 44
CONTEST_TOOLS = {"relation_network": "Relation network", "svm": "Support vectors (RBF)", "ward": "Ward clusters"}
ROC_LOW = 1e-3  # where both axes begin


@dataclass(frozen=True)
class ExposedPair:
    """A member that is told surely, and the generated tile nearest to it."""

    member: str  # PNG, base64
    nearest: str | None
    text: str


@dataclass(frozen=True)
class RocPlot:
    """A ROC curve on logarithmic axes: SVG path, the same of a guess, ticks as (position, label)."""

    curve: str
    guess: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = ROC_WIDTH
    height: int = ROC_HEIGHT
    left: int = ROC_LEFT
    bottom: int = ROC_HEIGHT - ROC_BOTTOM


def write_audit_report(
    report: Mapping[str, Any], exposed: NDArray[np.uint8], nearest: NDArray[np.uint8], path: str | Path
) -> None:
    """Write the page of an audit to a file. report: of generator_audit, with generator and generated.

    exposed, nearest: uint8 (K, 64, 64), rows as report["exposed"].
    """
    data = audit_html(report, exposed, nearest).encode("utf-8")
    atomic_write(path, lambda temporary: temporary.write_bytes(data))


def audit_html(report: Mapping[str, Any], exposed: NDArray[np.uint8], nearest: NDArray[np.uint8]) -> str:
    """The page as text."""
    title = f"Audit of {report['generator']}"
    membership = report["membership"]
    return render(
        "audit.html.j2",
        title=title,
        style=Markup(_STYLE.read_text("utf-8").replace('"FOOTER"', css_string(title[:80]))),
        verdict=report["verdict"],
        notes=report["notes"],
        facts=facts(_facts(report)),
        membership=membership,
        rows=membership_rows(membership),
        roc=None if membership is None else roc_plot(membership["roc"]),
        copies=copy_rows(report),
        told_apart=told_apart_text(report),
        contest=contest_rows(report["contest"]) if report["contest"] else [],
        pairs=_pairs(report["exposed"], exposed, nearest),
        tile_mm=TILE_MM,
    )


def interval_text(triple: Sequence[float] | None, *, percent: bool = False) -> str:
    """ "0.49 (0.44 to 0.54)" of (value, low, high); a dash for None."""
    if triple is None:
        return DASH
    value, low, high = triple
    return (
        f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        if percent
        else f"{value:.2f} ({low:.2f} to {high:.2f})"
    )


def membership_rows(membership: Mapping[str, Any] | None) -> list[tuple[str, str, str, str]]:
    """Rows (what, n training and held out, value with interval, what chance gives) of the figures of membership."""
    if membership is None:
        return []
    sections = [("All classes", membership)]
    sections += [(class_name(key), figures) for key, figures in membership["classes"].items()]
    sections.append(("Without reference (weak)", membership["plain"]))
    rows = []
    for name, figures in sections:
        count = f"{figures['n_members']:,}, {figures['n_held_out']:,}"
        low, high = figures["auc_floor"]
        rows.append((f"{name}: AUC", count, interval_text(figures["auc"]), f"{low:.2f} to {high:.2f}"))
        for each in figures["caught"]:
            what = f"{name}: caught at {100 * each['false_alarms']:g} % false alarms"
            low, high = (100 * end for end in each["floor"])
            rows.append((what, count, interval_text(each["share"], percent=True), f"{low:.1f} to {high:.1f} %"))
    return rows


def copy_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the search for copies: class, images, CT Z (unseen), near one training tile, authentic."""
    rows = []
    for key, figures in report["copies"].items():
        near = (interval_text(figures[name], percent=True) for name in ("near_one", "held_out_near_one"))
        rows.append(
            (
                class_name(key),
                f"{figures['n']:,}",
                f"{_signed(figures['ct_z'])} ({_signed(figures['ct_z_unseen'])})",
                "; ".join(near),
                f"{100 * figures['authentic']:.0f} % ({100 * figures['held_out_authentic']:.0f} %)",
            )
        )
    return rows


def _signed(number: float) -> str:
    """ "+0.4", "−1.8", "0.0"."""
    text = f"{number:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def contest_rows(figures: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows (tool, its figure, constant answer or chance, what it found) of generator_audit.contest_tools' figures."""
    rows = []
    for key, name in CONTEST_TOOLS.items():
        each = figures[key]
        if "refused" in each:
            rows.append((name, each["refused"], "", ""))
            continue
        found = "tells more than chance" if each["found"] else "nothing found"
        if key == "ward":
            chance = f"one cluster: {100 * each['constant_purity']:.0f} %; p = {each['p']:.3f} of shuffled sets"
            rows.append((name, f"purity {100 * each['purity']:.0f} %", chance, found))
            continue
        (auc, low, high), (floor_low, floor_high) = each["auc"], each["auc_floor"]
        value = f"AUC {auc:.2f} ({low:.2f} to {high:.2f}); F1 {100 * each['f1']:.1f} %"
        chance = f"AUC {floor_low:.2f} to {floor_high:.2f}; always yes: F1 {100 * each['constant_f1']:.1f} %"
        rows.append((name, value, chance, found))
    return rows


def told_apart_text(report: Mapping[str, Any]) -> str:
    """One sentence about whether generated tiles are told from real ones; "" where it was not measured."""
    told = report["told_apart"]
    if told is None:
        return ""
    floor = (
        "" if told["real_to_real"] is None else f"; training from held-out tiles {interval_text(told['real_to_real'])}"
    )
    return (
        f"A small network tells generated from held-out tiles with AUC {interval_text(told['auc'])} ({told['n']:,} of "
        f"each{floor}; 0.5 is not at all)."
    )


def roc_plot(roc: Mapping[str, Sequence[float]]) -> RocPlot:
    """Geometry of a ROC curve, both axes logarithmic from 0.1 %: an attacker who is sure of few shows at the left."""
    x, y = (np.log10(np.clip(np.asarray(roc[name], float), ROC_LOW, 1)) for name in ("false_alarms", "caught"))
    span = -np.log10(ROC_LOW)
    bottom, top, right = ROC_HEIGHT - ROC_BOTTOM, 10, ROC_WIDTH - 10

    def left_of(log: float) -> float:
        return ROC_LEFT + (right - ROC_LEFT) * (log + span) / span

    def top_of(log: float) -> float:
        return bottom - (bottom - top) * (log + span) / span

    steps = [f"M{left_of(x[0]):.1f} {top_of(y[0]):.1f}"]
    steps += [f"H{left_of(a):.1f}V{top_of(b):.1f}" for a, b in zip(x[1:], y[1:], strict=True)]
    decades = [(-3.0, "0.1 %"), (-2.0, "1 %"), (-1.0, "10 %"), (0.0, "100 %")]
    return RocPlot(
        "".join(steps),
        f"M{ROC_LEFT} {bottom}L{right} {top}",
        tuple((round(left_of(log), 1), label) for log, label in decades),
        tuple((round(top_of(log), 1), label) for log, label in decades),
    )


def _facts(report: Mapping[str, Any]) -> list[tuple[str, object]]:
    generated = ", ".join(f"{count:,} of {class_name(key).lower()}" for key, count in report["generated"].items())
    counts = report["classes"].values()
    return [
        ("Generator", report["generator"]),
        ("Weights, SHA-256", report.get("weights_sha256", "")),
        ("Classes", join_names([class_name(key) for key in report["classes"]])),
        ("Training tiles", f"{sum(each['n_members'] for each in counts):,}"),
        ("Held-out tiles", f"{sum(each['n_held_out'] for each in counts):,}"),
        ("Reference", report["reference"] or "none"),
        ("Attack", "denoising loss, calibrated by the reference" if report["reference"] else "denoising loss"),
        ("Noise", f"{', '.join(f'{sigma:g}' for sigma in report['sigmas'])}; {report['draws']} draws each"),
        ("Generated images", generated),
        ("Tiles told apart without the generator", interval_text(report["data_shift"]["network"])),
        ("Seed", report["seed"]),
    ]


def _pairs(rows, exposed, nearest):
    pairs = []
    for row, member, other in zip(rows, exposed, nearest, strict=True):
        distance = row["distance"]
        text = f"{row['image']}, score {row['score']:.1f}"
        if distance is not None:
            text += f"; nearest generated tile {distance:.1f} grey levels away"
        pairs.append(ExposedPair(_png(member), None if distance is None else _png(other), text))
    return pairs


def _png(tile: NDArray[np.uint8]) -> str:
    return base64.b64encode(encode_png(tile)).decode()
