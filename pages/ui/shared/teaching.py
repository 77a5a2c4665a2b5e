"""Teach a set of judged particles what its strangers look like: the button where they are seen, and what it gained."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from svp_core.classification.results import ClassificationResults
from svp_core.display import count_noun, escape_markdown, format_percent
from svp_core.errors import LabError
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.listing import FALSE_SHARE
from svp_core.novelty.teaching import MIN_CONFIRMED, TAUGHT_SHARE
from svp_core.tasks.taught_strangers import forget_strangers, teach_strangers


def show_teaching(results: ClassificationResults, picks: Sequence[int]) -> None:
    """Draw the button that learns strangers from the selected particles, and the one that forgets them."""
    taught = (results.summary.get("novelty") or {}).get("taught")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            f"Confirm {count_noun(len(picks), 'selected particle')} as strangers",
            key="teach_strangers",
            disabled=len(picks) < MIN_CONFIRMED,
            help=f"Select {MIN_CONFIRMED} or more particles that are no known ones; all that resemble them are "
            "then marked. 20 are better. Known particles marked by this: "
            f"{format_percent(TAUGHT_SHARE * LEVEL)} of the sample at most, by construction, or, where most of it is "
            f"marked, {100 * FALSE_SHARE:.0f} % of the marked ones; of a class that looks like the strangers, more "
            "than of another.",
        )
        if taught:
            st.caption(gain_text(taught), width="content")
            if st.button("Forget them", key="forget_strangers", type="tertiary"):
                forget_strangers(results)
                st.rerun()
    if pressed:
        try:
            teach_strangers(results, picks)
        except LabError as error:
            st.error(escape_markdown(error))
        else:
            st.rerun()


def gain_text(taught: Mapping[str, Any]) -> str:
    """From how many strangers was learnt, and how many held-out ones are found, before and after."""
    text, gain = f"Learnt from {taught['confirmed']:,} confirmed strangers.", taught.get("gain")
    if not gain:
        return text
    before, after = gain["found_before"], gain["found_after"]
    return (
        f"{text} Of held-out ones, {format_percent(before['value'])} were found before, "
        f"{format_percent(after['value'])} are found now (95 % interval {format_percent(after['low'])} to "
        f"{format_percent(after['high'])}); AUC {gain['auc_before']:.2f} before, {gain['auc_after']:.2f} now."
    )
