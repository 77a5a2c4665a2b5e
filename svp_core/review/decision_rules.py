"""What a decision that was sent becomes: a row, a second opinion, or a sentence that says why it cannot be one.

Rules only: what is sent, what was decided before about the same particle, and what comes of it. No database.
"""

from collections import defaultdict
from typing import NamedTuple

from svp_core.review.current_labels import (
    ANSWERS,
    COMPARISON_PURPOSES,
    LABELLING_PURPOSES,
    NOT_A_CLASS,
    deciding_answer,
)
from svp_core.review.hash_chain import canonical_json

MAX_EVIDENCE = 8_000  # letters of one decision's evidence
_LONGEST = {"reviewer": 80, "reason": 2_000, "batch": 64}


class Outcome(NamedTuple):
    """What became of one decision that was sent."""

    tab: str
    n: int
    particle: str
    state: str  # "saved"; "known": it was there; "late": kept as a second opinion; "refused"
    words: str  # one sentence for the reviewer when late or refused, else ""


def read(review, event, more_classes):
    """The event with clean values under the names of Decision's columns, or its Outcome when it cannot be one."""
    tab, n, kind = event.get("tab"), event.get("n"), event.get("kind")
    if not (isinstance(tab, str) and 0 < len(tab) <= 64 and type(n) is int and 0 < n < 2**53):
        raise ValueError(f"a decision needs a tab (text) and n (1, 2, ...); got {tab!r}, {n!r}")
    found = {name: clean(event.get(name) or "") for name in ("particle", "reviewer", "reason", "batch", "undoes")}
    found |= {"tab": clean(tab), "n": n, "kind": kind, "purpose": event.get("purpose") or "queue"}
    found["again"], found["shown_label"] = bool(event.get("again")), clean(event.get("from") or "")
    label = event.get("label") if kind == "label" else ""
    at = event.get("at")
    found["browser_time"] = round(float(at), 3) if isinstance(at, int | float) and 0 < at < 1e11 else None
    found["reviewer"] = found["reviewer"].strip()
    of_last = kind == "undo" and not found["particle"] and not found["undoes"]  # which one is seen when it is written
    too_long = [name for name, most in _LONGEST.items() if len(found[name]) > most]
    problem = ""
    if not found["reviewer"]:
        problem = "A decision needs the name of its reviewer; enter yours."
    elif of_last:
        found |= {"to_label": "", "evidence": canonical_json({})}
    elif found["particle"] not in review.place:
        problem = f"There is no particle {found['particle'][:80]!r} in this review."
    elif kind not in (*ANSWERS, "skip", "undo") or found["purpose"] not in (
        *LABELLING_PURPOSES,
        *COMPARISON_PURPOSES[:2],
    ):
        problem = f"{str(kind)[:40]!r} ({str(found['purpose'])[:40]!r}) is nothing that can be decided."
    elif kind == "label" and label not in (*review.class_keys, *more_classes):
        problem = f"{str(label)[:40]!r} is no class of this review; it has {', '.join(review.class_keys)}."
    elif found["shown_label"] not in ("", *review.class_keys, *more_classes, review.given(found["particle"])):
        problem = f"{found['shown_label'][:40]!r} was never a label of this particle."
    elif too_long:
        problem = f"The {too_long[0]} is too long; at most {_LONGEST[too_long[0]]:,} letters are kept."
    else:
        found["to_label"] = label if kind == "label" else kind if kind in NOT_A_CLASS else ""
        shown = event.get("evidence") if isinstance(event.get("evidence"), dict) else {}
        found["evidence"] = clean(canonical_json({**review.evidence(found["particle"]), **shown}))
        if len(found["evidence"]) > MAX_EVIDENCE:
            problem = "The evidence of this decision is too long to be kept."
    return outcome(found, "refused", problem) if problem else found


def in_order(events):
    """By the time of the key press; in one tab always by n, since a clock may be set back."""
    latest, at = defaultdict(float), {}
    for event in sorted(events, key=lambda event: (event["tab"], event["n"])):
        latest[event["tab"]] = at[id(event)] = max(latest[event["tab"]], event["browser_time"] or 0.0)
    return sorted(events, key=lambda event: (at[id(event)], event["tab"], event["n"]))


def decide(review, event, decisions):
    """Columns of the row that this event becomes after one particle's decisions, or why it cannot: a sentence."""
    now = deciding_answer(decisions)
    label = now.to_label if now else review.given(event["particle"])
    row = {
        name: event[name]
        for name in (
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
    } | {"from_label": label}
    if event["kind"] == "undo":
        return _undo(review, event, decisions, row)
    row["undoes"] = ""
    if event["kind"] == "skip":
        return row | {"to_label": label}
    if event["kind"] == "keep":
        # What was on the screen is what was meant.
        row["to_label"] = event["shown_label"] or label
        if row["to_label"] in ("", *NOT_A_CLASS):
            return "This particle has no label that could be kept; give it one."
    taken = now and now.reviewer != event["reviewer"] and not event["again"]
    if taken and row["purpose"] in ("queue", "audit", "map"):
        words = f"{now.reviewer} has decided this particle already ({now.to_label}); yours is kept as a second opinion."
        return row | {"purpose": "late", "words": words}
    return row


def _undo(review, event, decisions, row):
    target = next((d for d in decisions if d.id == event["undoes"]), None)
    if target is None:
        return "The decision that was to be undone is not in this review."
    if target.reviewer != event["reviewer"] and not event["again"]:
        return f"{target.reviewer} made this decision; decide the particle yourself instead."
    if any(d.undoes == target.id for d in _valid_undos(decisions)):
        return "This decision has been undone already."
    # Of an undo, what counts is the decision it would bring back.
    answer = target
    while answer.kind == "undo":
        answer = next(d for d in decisions if d.id == answer.undoes)
    now = deciding_answer(decisions)
    if now and answer.purpose in LABELLING_PURPOSES and now.number > target.number:
        return f"{now.reviewer} has decided this particle again since ({now.to_label}); undo that first."
    after = deciding_answer(
        [*decisions, target._replace(number=target.number, tab="", n=0, kind="undo", undoes=target.id)]
    )
    label = after.to_label if after else review.given(event["particle"])
    return row | {"purpose": target.purpose, "to_label": label}


def _valid_undos(decisions):
    gone = set()
    for found in reversed(decisions):
        if found.undoes and found.id not in gone:
            gone.add(found.undoes)
            yield found


def outcome(event, state, words=""):
    return Outcome(event["tab"], event["n"], event["particle"], state, words)


def clean(text):
    # Lone surrogates and NUL are text in a browser and in Python, but not in every database.
    return str(text).encode("utf-8", "replace").decode().replace("\0", "�")
