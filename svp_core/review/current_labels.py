"""Current labels, replayed from the decision log: which decision counts for each particle.

The log is append-only (decision_log); an undo is one more decision. Nothing here reads or writes a database.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from svp_core.review.hash_chain import parse_json

ANSWERS = ("label", "keep", "unsure", "not_a_particle")  # kinds of decision that say what the particle is
# Purposes whose answers become the label; "map": many particles labelled at once.
LABELLING_PURPOSES = ("queue", "audit", "settle", "map")
COMPARISON_PURPOSES = ("repeat", "second", "late")  # answers that are only compared with the current label
NOT_A_CLASS = ("unsure", "not_a_particle")  # possible labels other than a class
OPEN = "open"  # state of a particle without a counting decision


class Decision(NamedTuple):
    """One row of a review's decision log."""

    number: int  # 1, 2, 3, ... in the review's log
    tab: str  # counts n: one open browser tab, or one action of the server
    n: int  # 1, 2, 3, ... in that tab
    particle: str  # id in the review; "" for a draw
    kind: str  # one of ANSWERS, "skip", "undo", or "draw": particles drawn at random for an audit
    purpose: str  # one of LABELLING_PURPOSES or COMPARISON_PURPOSES
    from_label: str  # label before the decision, "" where the particle had none
    to_label: str  # label after it: a class key, or one of NOT_A_CLASS; for a comparison, the answer
    reviewer: str
    browser_time: float | None  # time of the key press by the reviewer's clock; s since 1970, UTC
    server_time: float  # when it was written; s since 1970, UTC
    batch: str  # particles shown or labelled together, e.g. a page of similar ones; "" for a single one
    undoes: str  # id of the decision that an undo reverses, else ""
    reason: str  # in the reviewer's words
    evidence: str  # canonical JSON of what was known and shown: score, suggested, model, rank, shown, ...
    previous: str  # hash of the decision before
    hash: str

    @property
    def id(self) -> str:
        """The id that an undo names: known in the browser before the server has answered."""
        return f"{self.tab}/{self.n}"

    @property
    def evidence_dict(self) -> dict[str, Any]:
        """The evidence as a dict; empty where it is damaged."""
        try:
            return parse_json(self.evidence)
        except ValueError:
            return {}


def effective_decisions(decisions: Sequence[Decision]) -> list[Decision]:
    """One particle's decisions that are not undone, without the undos. An undone undo has no effect."""
    undone = set()
    for decision in reversed(decisions):
        if decision.undoes and decision.id not in undone:
            undone.add(decision.undoes)
    return [decision for decision in decisions if decision.kind != "undo" and decision.id not in undone]


def deciding_answer(decisions: Sequence[Decision]) -> Decision | None:
    """The decision that gives one particle its current label: the last effective answer with a labelling purpose."""
    for decision in reversed(effective_decisions(decisions)):
        if decision.kind in ANSWERS and decision.purpose in LABELLING_PURPOSES:
            return decision
    return None


class CurrentLabels:
    """Current labels of one review; add() brings them up to date with the log. Safe for threads."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given  # particle -> label before the review, "" for none; in the queue's order
        self.last_number = 0  # number of the last decision included
        self.decisions: defaultdict[str, list[Decision]] = defaultdict(list)  # particle -> its decisions
        self.decided: dict[str, Decision] = {}  # particle -> the decision that counts
        self._lock = threading.Lock()

    def add(self, decisions: Iterable[Decision]) -> "CurrentLabels":
        """Add decisions in the order of the log; those already included are skipped. Returns self."""
        with self._lock:
            new = [decision for decision in decisions if decision.number > self.last_number]
            for decision in new:
                self.decisions[decision.particle].append(decision)
            for particle in dict.fromkeys(decision.particle for decision in new if decision.particle):
                answer = deciding_answer(self.decisions[particle])
                if answer:
                    self.decided[particle] = answer
                else:
                    self.decided.pop(particle, None)
            self.last_number = new[-1].number if new else self.last_number
        return self

    def label(self, particle: str) -> str:
        """Current label: a class key, one of NOT_A_CLASS, or "" for none."""
        decision = self.decided.get(particle)
        return decision.to_label if decision else self.given[particle]

    def state(self, particle: str) -> str:
        """OPEN, "changed", "kept" or one of NOT_A_CLASS."""
        return state_of(self.decided.get(particle), self.given[particle])

    def is_open(self, particle: str) -> bool:
        """Whether no decision counts for this particle yet."""
        return particle not in self.decided

    def skipped(self, reviewer: str) -> set[str]:
        """Open particles that this reviewer has skipped."""
        return {
            particle
            for particle, decisions in list(self.decisions.items())
            if particle not in self.decided
            and any(d.kind == "skip" and d.reviewer == reviewer for d in effective_decisions(decisions))
        }

    def last_decision_of(self, reviewer: str) -> Decision | None:
        """This reviewer's last effective decision, which an undo would reverse; None where there is none."""
        own = (
            decision
            for particle, decisions in list(self.decisions.items())
            if particle
            for decision in effective_decisions(decisions)
            if decision.reviewer == reviewer
        )
        return max(own, key=lambda decision: decision.number, default=None)

    def disagreements(self) -> dict[str, list[Decision]]:
        """Particle -> its effective answers, where a second look differs from the current label and is not settled.

        In the queue's order. The answers are in the log's order; the one that counts is among them.
        """
        disputed = {}
        for particle, decision in list(self.decided.items()):
            if len(self.decisions[particle]) == 1:
                continue
            answers = [d for d in effective_decisions(self.decisions[particle]) if d.kind in ANSWERS]
            comparisons = [d for d in answers if d.purpose in COMPARISON_PURPOSES]
            if decision.purpose == "settle":
                comparisons = [d for d in comparisons if d.number > decision.number]
            if any(d.to_label != decision.to_label for d in comparisons):
                disputed[particle] = answers
        positions = {particle: position for position, particle in enumerate(self.given)} if disputed else {}
        return dict(sorted(disputed.items(), key=lambda item: positions[item[0]]))

    def labels(self) -> pd.DataFrame:
        """Table of particle, given, label, state, reviewer, server_time, reason: one row per particle, queue's order.

        label: the current one: a class key, one of NOT_A_CLASS, or "" for none.
        """
        rows = []
        for particle, given in self.given.items():
            decision = self.decided.get(particle)
            source = (decision.reviewer, decision.server_time, decision.reason) if decision else ("", None, "")
            label = decision.to_label if decision else given
            rows.append((particle, given, label, state_of(decision, given), *source))
        columns = ["particle", "given", "label", "state", "reviewer", "server_time", "reason"]
        return pd.DataFrame(rows, columns=columns).astype({"server_time": float})


def state_of(decision: Decision | None, given: str) -> str:
    """State of a particle with this counting decision and this label before the review."""
    if decision is None:
        return OPEN
    if decision.to_label in NOT_A_CLASS:
        return decision.to_label
    return "kept" if decision.to_label == given else "changed"
