"""Stopping advice: whether further reviewing is likely to find wrong labels.

Two sources, with different strength. The run of labels kept since the last wrong one bounds the share of wrong labels
at this point of the queue; it needs a queue ordered by doubt, and is too optimistic for whoever stops at the first long
run. A random audit of the rest (random_audit) needs no such assumption and overrules it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from svp_core.display import count_noun
from svp_core.review.remaining_errors import RemainingErrors, clean_draws, describe_remaining

RECENT = 100  # decisions that the rate of wrong labels is taken from
MIN_RUN = 10  # a shorter run of kept labels says too little to mention it


@dataclass(frozen=True)
class StopHint:
    """Whether to stop reviewing; the reviewer decides."""

    stop: bool
    message: str  # why, in a few sentences
    kept_in_a_row: int = 0  # labels kept since the last wrong one
    share_at_most: float | None = None  # upper 95 % bound on the share of wrong labels at this point of the queue


def run_bound(kept_in_a_row: int) -> float:
    """Upper 95 % bound on a share of which n in a row showed none: 1 - 0.05^(1/n), about 3/n.

    The one-sided interval of Clopper and Pearson 1934 for 0 of n.
    """
    return 1 - 0.05 ** (1 / kept_in_a_row)


def stop_hint(
    wrong: Sequence[bool], remaining: RemainingErrors | None = None, *, tolerated: int, undecided: int
) -> StopHint:
    """Stopping advice from the decisions so far and a random audit.

    wrong: whether each reviewed label was wrong, in the order of the decisions, unsure ones left out. remaining: result
    of a random audit, if there is one. tolerated: acceptable number of wrong labels. undecided: particles that nobody
    has reviewed.
    """
    if not undecided:
        return StopHint(True, "Every label is reviewed.")
    if not len(wrong):
        return StopHint(False, "No label is reviewed yet.")
    kept = next((index for index, is_wrong in enumerate(reversed(wrong)) if is_wrong), len(wrong))
    recent = [bool(is_wrong) for is_wrong in wrong[-RECENT:]]
    message = f"{sum(recent)} of the last {len(recent)} labels {'was' if sum(recent) == 1 else 'were'} wrong."
    bound = run_bound(kept) if kept else None
    if bound is not None and kept >= MIN_RUN:
        since = "since the last wrong one" if kept < len(wrong) else "from the start"
        message += (
            f" {kept:,} labels in a row were kept {since}: at this point of the queue at most {_percent(bound)} are "
            "wrong (95 % confidence)."
        )
    if remaining is not None:
        stop, advice = _audit_advice(remaining, tolerated)
    else:
        stop, advice = _run_advice(bound, tolerated, undecided)
    return StopHint(stop, f"{message} {advice}", kept, bound)


def _audit_advice(remaining: RemainingErrors, tolerated: int) -> tuple[bool, str]:
    result = describe_remaining(remaining)
    if remaining.at_most <= tolerated:
        return True, f"{result} With 95 % confidence this is within the acceptable {tolerated:,}: you can stop."
    if remaining.wrong or remaining.unsure:
        return False, f"{result} This may be more than the acceptable {tolerated:,}: continue."
    needed = clean_draws(max(tolerated, 0.5) / remaining.size)
    if needed > remaining.size:
        return False, result
    return False, f"{result} To show that at most {tolerated:,} are takes {needed:,} draws without a wrong label."


def _run_advice(bound: float | None, tolerated: int, undecided: int) -> tuple[bool, str]:
    share = tolerated / undecided
    acceptable = f"acceptable {_percent(share)} ({count_noun(tolerated, 'label')})"
    if bound is not None and bound <= share:
        return True, f"This is within the {acceptable}: you can stop. Confirm it with a random check of the rest."
    needed = clean_draws(max(tolerated, 0.5) / undecided) if share < 1 else 1
    if needed > undecided:
        return False, f"Continue, or draw a random check of the rest: no run can show the {acceptable}."
    return False, f"Continue: {needed:,} kept in a row would show the {acceptable}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
