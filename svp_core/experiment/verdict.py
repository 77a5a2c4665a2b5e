"""The verdict in words, from the intervals alone."""

import math
from collections.abc import Mapping, Sequence

from svp_core.experiment.comparison import OWN, Figure
from svp_core.experiment.design import NETWORK_TITLES, Design, parse_arm
from svp_core.stats.intervals import Estimate

FIGURE_TITLES = {
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "macro_auprc": "macro AUPRC",
}
_SYNTHETIC_MIN = 1  # an arm that adds tiles


def verdict(figures: Sequence[Figure], design: Design, refused: Mapping[str, str] | None = None) -> list[str]:
    """Sentences: first whether any arm is better than the baseline, then every arm by network, then refused ones."""
    judged = [
        one
        for one in figures
        if one.figure in FIGURE_TITLES
        and one.prevalence == OWN
        and one.difference
        and not math.isnan(one.difference.value)
    ]
    sentences = [_answer(judged, design)]
    for network in design.networks:
        for arm in dict.fromkeys(one.arm for one in judged if one.network == network):
            own = [one for one in judged if (one.network, one.arm) == (network, arm)]
            sentences.append(f"{_named(network, design)}{_of_arm(own, design)}")
    sentences += [f"{reason}" for reason in (refused or {}).values()]
    return sentences


def _answer(judged: Sequence[Figure], design: Design) -> str:
    baseline = parse_arm(design.baseline).title
    added = [one for one in judged if parse_arm(one.arm).dose >= _SYNTHETIC_MIN]
    if not judged:
        return f"Nothing can be compared with {baseline}: no other arm was finished."
    better = [one for one in added if one.is_different and one.difference and one.difference.low > 0]
    worse = [one for one in added if one.is_different and one.difference and one.difference.high < 0]
    if better:
        best = max(better, key=lambda one: one.difference.low if one.difference else 0)
        assert best.difference
        other = design.baseline_of(parse_arm(best.arm))
        return (
            f"Added particles help here: {parse_arm(best.arm).title} gains most surely, "
            f"{points(best.difference)} of {FIGURE_TITLES[best.figure]} over {other.title if other else baseline}."
        )
    if worse:
        return f"Added particles do not help here: no arm is better than {baseline}, and some are worse."
    if added:
        return (
            f"No help from added particles is shown: {design.seeds} seeds and this many test particles show no "
            f"difference to {baseline}."
        )
    if any(arm.dose for arm in design.parsed()):
        return "No arm that adds particles was compared: all of them were refused, or are not finished."
    return f"No arm adds particles; all are compared with {baseline}."


def _of_arm(own: Sequence[Figure], design: Design) -> str:
    """Sentence about one arm: differences that are shown, then those that are not."""
    shown = [
        f"{points(one.difference)} of {FIGURE_TITLES[one.figure]}" for one in own if one.is_different and one.difference
    ]
    hidden = [
        f"{FIGURE_TITLES[one.figure]} ({interval(d)}{_doubt(d)})"
        for one in own
        if (d := one.difference) and not one.is_different
    ]
    title = parse_arm(own[0].arm).title
    other = design.baseline_of(parse_arm(own[0].arm))
    baseline = other.title if other else ""
    text = f"{title}: "
    if shown:
        text += f"{'; '.join(shown)} over {baseline}"
    if hidden:
        text += ("; " if shown else "") + f"no difference in {', '.join(hidden)} that {design.seeds} seeds could show"
    return f"{text}."


def _doubt(difference: Estimate) -> str:
    """Why a difference is not claimed although its interval leaves out zero; "" where it does not."""
    return ", not after Holm's correction" if difference.low > 0 or difference.high < 0 else ""


def points(difference: Estimate) -> str:
    """A difference in percentage points with its interval: "+0.8 points (95 % interval +0.2 to +1.5)"."""
    value = f"{100 * difference.value:+.1f}".replace("-", "−")
    return f"{value} points (95 % interval {interval(difference)})"


def interval(difference: Estimate) -> str:
    """Ends of a difference's interval in percentage points: "−0.2 to +1.5"."""
    return f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "−")


def _named(network: str, design: Design) -> str:
    title = NETWORK_TITLES[network]
    return f"{title[:1].upper()}{title[1:]}, " if len(design.networks) > 1 else ""
