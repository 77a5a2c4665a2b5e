"""Verdict on a quality report in words: where two sets differ beyond what two sets of the first one do."""

from collections.abc import Mapping
from typing import Any

from svp_core.display import class_name, join_names
from svp_core.quality.metric_names import METRICS, ratio_interval

# What a reader asks, and the metrics that answer it.
QUESTIONS = {
    "Fidelity": ("kid", "precision", "density", "named", "kid_classifier", "precision_classifier"),
    "Diversity": ("recall", "coverage", "recall_classifier", "coverage_classifier"),
    "Size and shape": ("shape", "roundness", "large", "unmeasurable"),
    "Brightness and texture": ("brightness", "texture"),
    "Spectrum": ("spectrum",),
    "Told apart by a network": ("told_apart",),
}
DIFFERS, ALIKE, UNKNOWN = "differs", "not told from chance", "not measured"


def answers(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, list[str]]]:
    """Question -> (DIFFERS, ALIKE or UNKNOWN; names of the metrics that differ), from the figures of one class.

    A metric differs where the whole 95 % interval of its ratio to the baseline, which includes the baseline's own
    uncertainty, lies on the worse side of 1. Where high is good, the ratio is to the middle of what chance gives, which
    half of all sets fall short of: there the value's whole interval has to lie below the range of chance as well.
    """
    result = {}
    for question, keys in QUESTIONS.items():
        found, measured = [], False
        for key in keys:
            interval = ratio_interval(key, figures[key]) if key in figures else None
            if interval is None:
                continue
            measured = True
            low, high = interval
            if METRICS[key].target == "high":
                differs = high < 1 and figures[key]["high"] < figures[key]["floor"]["low"]
            else:
                differs = low > 1
            if differs:
                found.append(METRICS[key].name)
        result[question] = (DIFFERS if found else ALIKE if measured else UNKNOWN, found)
    return result


def verdict_sentences(report: Mapping[str, Any], first: str, second: str) -> list[str]:
    """One sentence per class of a report of quality.compare. first, second: names of the real and the other set."""
    sentences = []
    for key, section in report["classes"].items():
        given = answers(section["figures"])
        differing = [question.lower() for question, (answer, _) in given.items() if answer == DIFFERS]
        alike = [question.lower() for question, (answer, _) in given.items() if answer == ALIKE]
        name = f"{class_name(key)}, {section['n']:,} tiles of each"
        if differing:
            text = f"{name}: {second} differs from {first} more than two sets of {first} do in "
            text += join_names(differing, 9)
            text += f"; no difference beyond chance in {join_names(alike, 9)}." if alike else "."
        else:
            text = (
                f"{name}: no difference beyond chance was found between {first} and {second} at this number of tiles; "
                "more tiles may show one."
            )
        sentences.append(text)
    return sentences
