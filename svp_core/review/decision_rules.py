"""Decision rules: whether an event becomes a decision, a second opinion, or is refused with a sentence that says why.

Rules only: the event, the earlier decisions on the same particle, and the result. No database.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from svp_core.review.current_labels import (
    ANSWERS,
    COMPARISON_PURPOSES,
    LABELLING_PURPOSES,
    NOT_A_CLASS,
    Decision,
    deciding_answer,
)
from svp_core.review.hash_chain import canonical_json
from svp_core.review.queue_file import clean_text
from svp_core.review.store import Review

MAX_EVIDENCE = 8_000  # characters of one decision's evidence
_MAX_LENGTH = {"reviewer": 80, "reason": 2_000, "batch": 64}
_EVENT_COLUMNS = (
    "tab",
    "n",
    "particle",
    "kind",
    "purpose",
    "to_label",
    "reviewer",
    "browser_time",
    "batch",
    "undoes",
    "reason",
    "evidence",
)


class Outcome(NamedTuple):
    """Result of one event."""

    tab: str
    n: int
    particle: str
    state: str  # "saved"; "known": stored already; "late": stored as a second opinion; "refused"
    message: str  # one sentence for the reviewer when late or refused, else ""


def parse_event(
    review: Review, event: Mapping[str, Any], more_classes: Sequence[str], *, login: str = ""
) -> dict[str, Any] | Outcome:
    """The event with clean values under the names of Decision's columns, or its Outcome when it is invalid.

    login: of the person who is signed in, stored with the evidence; "" where sign-in is off.
    """
    signed = {"login": login} if login else {}
    tab, n, kind = event.get("tab"), event.get("n"), event.get("kind")
    if not (isinstance(tab, str) and 0 < len(tab) <= 64 and type(n) is int and 0 < n < 2**53):
        raise ValueError(f"a decision needs a tab (text) and n (1, 2, ...); got {tab!r}, {n!r}")
    fields: dict[str, Any] = {
        name: clean_text(event.get(name) or "") for name in ("particle", "reviewer", "reason", "batch", "undoes")
    }
    fields |= {"tab": clean_text(tab), "n": n, "kind": kind, "purpose": event.get("purpose") or "queue"}
    fields["again"], fields["shown_label"] = bool(event.get("again")), clean_text(event.get("from") or "")
    fields["reviewer"] = fields["reviewer"].strip()
    at = event.get("at")
    fields["browser_time"] = round(float(at), 3) if isinstance(at, int | float) and 0 < at < 1e11 else None
    if not fields["reviewer"]:
        return make_outcome(fields, "refused", "A decision needs the name of its reviewer; enter yours.")
    if kind == "undo" and not fields["particle"] and not fields["undoes"]:
        # Which decision is the last one is known when the undo is written.
        return fields | {"to_label": "", "evidence": canonical_json(signed)}
    label = event.get("label") if kind == "label" else ""
    if problem := _problem(review, fields, label, more_classes):
        return make_outcome(fields, "refused", problem)
    fields["to_label"] = label if kind == "label" else kind if kind in NOT_A_CLASS else ""
    shown = event.get("evidence")
    evidence = review.evidence(fields["particle"]) | (shown if isinstance(shown, dict) else {})
    evidence.pop("login", None)  # a browser does not say who is signed in
    evidence |= signed
    fields["evidence"] = clean_text(canonical_json(evidence))
    if len(fields["evidence"]) > MAX_EVIDENCE:
        problem = f"The evidence of this decision is longer than {MAX_EVIDENCE:,} characters and cannot be stored."
        return make_outcome(fields, "refused", problem)
    return fields


def _problem(review: Review, fields: Mapping[str, Any], label: Any, more_classes: Sequence[str]) -> str:
    """Why an event with these fields is invalid: one sentence, "" when it is valid."""
    particle, kind, purpose = fields["particle"], fields["kind"], fields["purpose"]
    classes = (*review.class_keys, *more_classes)
    too_long = [name for name, most in _MAX_LENGTH.items() if len(fields[name]) > most]
    if particle not in review.positions:
        return f"There is no particle {particle[:80]!r} in this review."
    if kind not in (*ANSWERS, "skip", "undo") or purpose not in (*LABELLING_PURPOSES, *COMPARISON_PURPOSES[:2]):
        return f"{str(kind)[:40]!r} ({str(purpose)[:40]!r}) is not a valid decision."
    if kind == "label" and label not in classes:
        return f"{str(label)[:40]!r} is not a class of this review; its classes are {', '.join(review.class_keys)}."
    if fields["shown_label"] not in ("", *classes, review.given(particle)):
        return f"{fields['shown_label'][:40]!r} was never a label of this particle."
    if too_long:
        return f"The {too_long[0]} is too long; the limit is {_MAX_LENGTH[too_long[0]]:,} characters."
    return ""


def sort_events(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events by the time of the key press; within one tab always by n, since a clock may be set back."""
    latest: defaultdict[str, float] = defaultdict(float)
    times = {}
    for event in sorted(events, key=lambda event: (event["tab"], event["n"])):
        latest[event["tab"]] = times[id(event)] = max(latest[event["tab"]], event["browser_time"] or 0.0)
    return sorted(events, key=lambda event: (times[id(event)], event["tab"], event["n"]))


def decide(review: Review, event: Mapping[str, Any], decisions: Sequence[Decision]) -> dict[str, Any] | str:
    """Columns of the row that this event becomes after one particle's decisions, or a sentence why it is refused.

    A second opinion has the extra key "message".
    """
    current = deciding_answer(decisions)
    label = current.to_label if current else review.given(event["particle"])
    row = {name: event[name] for name in _EVENT_COLUMNS} | {"from_label": label}
    if event["kind"] == "undo":
        return _undo(review, event, decisions, row)
    row["undoes"] = ""
    if event["kind"] == "skip":
        return row | {"to_label": label}
    if event["kind"] == "keep":
        # The reviewer meant the label on the screen.
        row["to_label"] = event["shown_label"] or label
        if row["to_label"] in ("", *NOT_A_CLASS):
            return "This particle has no label to keep; give it one."
    is_taken = current and current.reviewer != event["reviewer"] and not event["again"]
    if current and is_taken and row["purpose"] in ("queue", "audit", "map"):
        message = (
            f"{current.reviewer} has already decided this particle ({current.to_label}); yours is stored as a second "
            "opinion."
        )
        return row | {"purpose": "late", "message": message}
    return row


def _undo(
    review: Review, event: Mapping[str, Any], decisions: Sequence[Decision], row: dict[str, Any]
) -> dict[str, Any] | str:
    target = next((decision for decision in decisions if decision.id == event["undoes"]), None)
    if target is None:
        return "The decision to undo is not in this review."
    if target.reviewer != event["reviewer"] and not event["again"]:
        return f"{target.reviewer} made this decision; decide the particle yourself instead."
    if any(decision.undoes == target.id for decision in _effective_undos(decisions)):
        return "This decision is already undone."
    # For an undo of an undo, the decision that it would bring back counts.
    answer: Decision | None = target
    while answer and answer.kind == "undo":
        before = (decision for decision in decisions if decision.number < answer.number)
        answer = next((decision for decision in before if decision.id == answer.undoes), None)
    if answer is None:
        return "The decision that this undo would bring back is not in this review."
    current = deciding_answer(decisions)
    if current and answer.purpose in LABELLING_PURPOSES and current.number > target.number:
        return f"{current.reviewer} has decided this particle again since ({current.to_label}); undo that first."
    undone = target._replace(number=target.number, tab="", n=0, kind="undo", undoes=target.id)
    after = deciding_answer([*decisions, undone])
    label = after.to_label if after else review.given(event["particle"])
    return row | {"purpose": target.purpose, "to_label": label}


def _effective_undos(decisions: Sequence[Decision]) -> Iterator[Decision]:
    undone = set()
    for decision in reversed(decisions):
        if decision.undoes and decision.id not in undone:
            undone.add(decision.undoes)
            yield decision


def make_outcome(event: Mapping[str, Any], state: str, message: str = "") -> Outcome:
    """Outcome of this event."""
    return Outcome(event["tab"], event["n"], event["particle"], state, message)
