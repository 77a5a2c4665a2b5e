"""Verdict of a novelty job on its sample: usual, with strangers, or so unlike its calibration that no p-value holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.display import class_name, count_noun, format_percent, join_names
from svp_core.novelty.calibration import LEVEL, NoveltyCalibration
from svp_core.novelty.listing import most_known, smallest_noticed
from svp_core.novelty.tile_forms import FORMS
from svp_core.novelty.verdict import FAR, TOLERATED, SampleVerdict, count_far, counted_verdict
from svp_core.profiles.conditions import magnification_of
from svp_core.profiles.wording import condition_differences

USUAL, STRANGERS, NO_P = "usual", "strangers", "no p-values"  # stored
MIN_KNOWN = 0.5  # share of known particles, below which a sample is no known one with strangers but other images
MIN_FORM_SHARE = 0.5  # of the particles that must have a form of tile which the calibration holds
_FORM_TEXTS = {"whole": "images that fill their tile", "padded": "smaller images"}


def judge_run(
    p_values: NDArray[np.floating],
    calibration: NoveltyCalibration,
    *,
    normal: Mapping[str, Any] | None,
    summary: Mapping[str, Any],
    is_clean: bool,
) -> dict[str, Any]:
    """What summary.json says under "verdict": state, sentences, and their figures.

    p_values (N,), NaN where nothing is known. normal: NORMAL_FILE of the normal set, None by the shipped calibration or
    the instrument's own. summary: of the job. is_clean: the person says that the sample holds no strangers.
    """
    novelty = summary.get("novelty") or {}
    verdict = counted_verdict(
        int((p_values <= LEVEL).sum()),
        count_far(p_values),
        int((~np.isnan(p_values)).sum()),
        among=calibration.among,
        magnification=magnification_of(summary.get("um_per_px")),
    )
    differences = list(novelty.get("differences") or [])
    if normal is not None:
        differences = condition_differences(summary.get("conditions"), normal.get("conditions"))
    why_not = _why_no_p(p_values, calibration, differs=bool(novelty.get("differs")))
    if not why_not and is_clean and verdict.is_alarm:
        why_not = (
            f"{format_percent(verdict.share)} of a sample given as clean are more unusual than "
            f"{format_percent(1 - LEVEL)} of the known particles, more than {format_percent(TOLERATED * LEVEL)}"
        )
    known = f"Known are {calibration.description}."
    facts = {
        "marked": verdict.marked,
        "judged": verdict.total,
        "share": round(verdict.share, 4),
        "p_value": verdict.p_value,
        "differences": differences,
    }
    if not len(p_values):
        head = "No particle of this sample could be measured, so nothing is known of it."
        return {**facts, "state": NO_P, "sentences": [head, "The table says why of every item.", known]}
    if why_not:
        sentences = [
            "This sample does not look like the known particles at all, so no p-value is given.",
            f"{why_not[0].upper()}{why_not[1:]}.",
            "Its particles are ordered by how unusual they are. Give a clean run of this instrument as the normal "
            "set to get p-values.",
            known,
        ]
        return {**facts, "state": NO_P, "sentences": sentences}
    more, state = ("more", STRANGERS) if verdict.is_alarm else ("no more", USUAL)
    reasons = "chance explains" if verdict.far is None else "chance and differences between instruments explain"
    head = f"This sample holds {more} unusual particles than {reasons}."
    limits = _limits(verdict, normal, differences)
    return {**facts, "state": state, "sentences": [head, _counted(verdict), *limits, known]}


def _counted(verdict: SampleVerdict) -> str:
    """How many particles are unusual, as sentences."""
    text = (
        f"{verdict.marked:,} of {count_noun(verdict.total, 'particle')} ({format_percent(verdict.share)}) are more "
        f"unusual than {format_percent(1 - LEVEL)} of the known ones; known particles alone would give "
        f"{format_percent(LEVEL)}."
    )
    if verdict.far is None:
        return text
    return (
        f"{text} {verdict.far:,} ({format_percent(verdict.far / max(1, verdict.total))}) are more unusual than "
        f"{format_percent(1 - FAR)}; known ones would give {format_percent(FAR)}."
    )


def _why_no_p(p_values: NDArray[np.floating], calibration: NoveltyCalibration, *, differs: bool) -> str:
    """Why no p-value of this sample holds, without a full stop; "" where they do."""
    judged = ~np.isnan(p_values)
    if len(p_values) and judged.mean() < MIN_FORM_SHARE:
        missing = [
            _FORM_TEXTS[name] for name, form in zip(FORMS, calibration.forms, strict=True) if not len(form.named)
        ]
        return f"{format_percent(1 - judged.mean())} of its particles are {join_names(missing)}, of which it knows none"
    if differs:
        return "as a whole, it resembles none of the simulated instruments"
    known = most_known(p_values)
    if known < MIN_KNOWN:
        return (
            f"at most {format_percent(known)} of its particles can be known ones by how their p-values lie: most are "
            "strangers, or the images are unlike those of the known particles"
        )
    return ""


def _limits(verdict: SampleVerdict, normal: Mapping[str, Any] | None, differences: list[str]) -> list[str]:
    """What the verdict cannot tell, as sentences."""
    (least, least_far), sentences = smallest_noticed(verdict), []
    if least is None and least_far is None:
        sentences.append("A sample as small as this one could not raise the alarm, whatever it held.")
    elif not verdict.is_alarm:
        numbers = [
            f"{count:,} ({format_percent(count / verdict.total)}) more unusual than {format_percent(1 - share)}"
            for count, share in ((least, LEVEL), (least_far, FAR))
            if count
        ]
        sentences.append(
            f"In a sample of this size, {' or '.join(numbers)} would be too many: strangers that are fewer, or look "
            "like known particles, go unnoticed."
        )
    if differences:
        sentences.append(
            f"Its images are not like those of the known particles ({join_names(differences)}): p-values hold for "
            "images like those only."
        )
    if normal is not None and (few := normal.get("pooled")):
        names = join_names([class_name(key).lower() for key in few])
        sentences.append(f"The normal set has few particles named {names}; such particles are judged among all of it.")
    return sentences
