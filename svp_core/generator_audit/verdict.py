"""Verdict of an audit in words. It never says that a generator is harmless: an attack better than these may exist."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_SIGN, WARNING, RED, OPEN = "no sign", "warning", "red", "open"  # OPEN: it could not be measured
WARN_CAUGHT, RED_CAUGHT = 0.02, 0.05  # lower end of the share of members caught at 1 % false alarms
# Lower end of the AUC that is red where there are too few held-out tiles for that share.
RED_AUC = 0.75
DECIDING_RATE = 0.01
ADVICE = "do not hand out the weights; train with fewer steps or more particles, or hand out generated images only"


@dataclass(frozen=True)
class Verdict:
    """What an audit says."""

    level: str  # NO_SIGN, WARNING, RED or OPEN
    headline: str  # one sentence
    sentences: tuple[str, ...]  # figures and reasons


def judge(report: Mapping[str, Any]) -> Verdict:
    """The verdict on an audit's report (see audit.audit_generator): by the lower ends of the intervals."""
    membership, sentences = report["membership"], []
    copied = [key for key, figures in report["copies"].items() if figures["copies"]]
    level = NO_SIGN
    if membership is None:
        level = OPEN
        sentences.append(report["refused"])
    else:
        sentences += _membership_sentences(membership)
        level = _level(membership)
        if level == NO_SIGN and report["reference"] is None:
            level = OPEN
            sentences.append(
                "The attack had no reference that did not see these tiles, so it is weak: how hard a particle is to "
                "denoise varies far more than membership does, and this figure is no clean bill."
            )
    if copied:
        level = RED
        sentences.append(
            f"Some of its images of {', '.join(copied)} copy single training tiles: hand out neither weights nor "
            "images."
        )
    elif report["copies"]:
        made = sum(figures["n"] for figures in report["copies"].values())
        sentences.append(f"Among {made:,} of its images no copy of a training tile was found.")
    return Verdict(level, _headline(level, membership, bool(copied)), tuple(sentences))


def _level(membership: Mapping[str, Any]) -> str:
    _, low, _ = membership["auc"]
    above_floor = low > membership["auc_floor"][1]
    deciding = next((each for each in membership["caught"] if each["false_alarms"] == DECIDING_RATE), None)
    caught_low = deciding["share"][1] if deciding else 0.0
    if caught_low > RED_CAUGHT or (deciding is None and above_floor and low > RED_AUC):
        return RED
    return WARNING if above_floor or caught_low > WARN_CAUGHT else NO_SIGN


def _headline(level: str, membership: Mapping[str, Any] | None, copied: bool) -> str:
    if level == NO_SIGN:
        return (
            "No sign at this number of images: this generator gives away no more than chance can tell; an attack "
            "better than these may exist."
        )
    if level == OPEN:
        return (
            "Membership was not measured, so nothing is said about it."
            if membership is None
            else "No sign was found, but by a weak attack only; an attack with a reference may see more."
        )
    if level == RED:
        return "It gives away training images: " + (
            "do not hand out weights or images; train with fewer steps or more particles." if copied else f"{ADVICE}."
        )
    return f"It gives away more about its training images than chance: {ADVICE}."


def _membership_sentences(membership: Mapping[str, Any]) -> list[str]:
    (auc, low, high), (floor_low, floor_high) = membership["auc"], membership["auc_floor"]
    sentences = [
        "Shown a particle, an attacker who has the weights guesses whether the generator was trained on it with AUC "
        f"{auc:.2f} ({low:.2f} to {high:.2f}; chance {floor_low:.2f} to {floor_high:.2f}; 0.5 is a guess, 1 is "
        "certain).",
    ]
    for each in membership["caught"]:
        share, share_low, share_high = (100 * number for number in each["share"])
        chance = 100 * each["floor"][1]
        sentences.append(
            f"Of 100 training particles the attacker is sure of {share:.1f} ({share_low:.1f} to {share_high:.1f}; "
            f"chance up to {chance:.1f}) where {_odds(each['false_alarms'])} others may be taken for one."
        )
    if not membership["caught"]:
        sentences.append(
            f"With {membership['n_held_out']} held-out tiles it cannot be said of how many the attacker is sure: 100 "
            "are needed, and 300 at one false alarm in 100."
        )
    return sentences


def _odds(rate: float) -> str:
    """ "1 in 100", "1 in 1,000"."""
    whole = 100 if rate >= 0.01 else 1000
    return f"{rate * whole:g} in {whole:,}"
