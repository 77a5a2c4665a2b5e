"""A validation in words, for page and report."""

from collections.abc import Mapping
from typing import Any

DASH = "–"


def percent(estimate: Mapping[str, Any] | None) -> str:
    """A share with its interval, "93 % (87 to 96)"; a dash without one."""
    if estimate is None:
        return DASH
    return f"{100 * estimate['value']:.0f} % ({100 * estimate['low']:.0f} to {100 * estimate['high']:.0f})"


def points(estimate: Mapping[str, Any]) -> str:
    """A difference of shares in percentage points, "+3 (−1 to +7)"."""
    value, low, high = (f"{100 * estimate[name]:+.0f}".replace("-", "−") for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def range_text(row: Mapping[str, Any]) -> str:
    """A size range: "2 to 5 µm", "25 µm and more", "below 2 µm", "not measured"."""
    if row["low"] is None:
        return "not measured"
    if row["high"] is None:
        return f"{row['low']:g} µm and more"
    return f"{row['low']:g} to {row['high']:g} µm" if row["low"] else f"below {row['high']:g} µm"


def summary_sentences(record: Mapping[str, Any]) -> list[str]:
    """What the result says: accuracy, named ones, calibration, what is left open, agreement of two people."""
    figures = record["figures"]
    refitted = f"Refitted from {record['refitted_from']} with these labels, " if record.get("refitted_from") else ""
    held_out = f"{refitted}each of them left out when it was tested." if refitted else ""
    sentences = [
        *([held_out] if held_out else []),
        f"Most likely class right: {percent(figures['accuracy'])} of the particles of this instrument, from "
        f"{figures['n']:,} labelled ones.",
        f"Given a class: {percent(figures['named'])}; of those right: {percent(figures['right_of_named'])}.",
    ]
    if over := figures["overconfidence"]:
        sentences.append(_calibration_sentence(over))
    if figures["cannot_tell"]:
        sentences.append(
            f"{figures['cannot_tell']:,} could not be told by eye; if all of them were wrong or all right, the share "
            f"right would be {100 * figures['accuracy_low']:.0f} or {100 * figures['accuracy_high']:.0f} %."
        )
    if agreement := figures["agreement"]:
        kappa = agreement["kappa"]
        text = f"Two people gave the same answer to {percent(agreement['same'])} of {agreement['same']['n']:,}"
        beyond = f" (kappa {kappa['value']:.2f}, {kappa['low']:.2f} to {kappa['high']:.2f})" if kappa else ""
        sentences.append(f"{text}{beyond}.")
    return sentences


def _calibration_sentence(over: Mapping[str, Any]) -> str:
    points = f"{abs(100 * over['value']):.0f} points ({100 * over['low']:+.0f} to {100 * over['high']:+.0f})"
    points = points.replace("-", "−")
    if over["low"] > 0:
        return f"Its confidence is too high by {points}."
    if over["high"] < 0:
        return f"Its confidence is too low by {points}."
    return f"Its confidence agrees with the share right: difference {points}."
