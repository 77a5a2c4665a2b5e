"""What holds now, from the decisions that were ever made: which one stands for each particle.

Decisions only ever join (workspace.decisions); an undo is one of them. Nothing here reads or writes a database.
"""

import threading
from collections import defaultdict
from typing import NamedTuple

import pandas as pd

from svp_core.review.hash_chain import from_text

ANSWERS = ("label", "keep", "unsure", "not_a_particle")  # kinds of decision that answer what the particle is
LABELLING_PURPOSES = (
    "queue",
    "audit",
    "settle",
    "map",
)  # purposes whose answers become the label; "map": many named at once
COMPARISON_PURPOSES = ("repeat", "second", "late")  # answers that are only compared with the one that stands
NOT_A_CLASS = ("unsure", "not_a_particle")  # what a label can be besides a class
OPEN = "open"  # state of a particle that no decision stands for


class Decision(NamedTuple):
    """One row of a history."""

    number: int  # 1, 2, 3, ... in the review's history
    tab: str  # who counts n: one open browser tab, or one action of the server
    n: int  # 1, 2, 3, ... in that tab
    particle: str  # id in the review; "" for a draw
    kind: str  # one of ANSWERS, "skip", "undo", or "draw": particles chosen at random for an audit
    purpose: str  # of COUNT or TESTIFY
    from_label: str  # before it, "" where the particle had none
    to_label: str  # after it: a class key, or one of NOT_A_CLASS; of what testifies, the answer
    reviewer: str
    browser_time: float | None  # when the key was pressed, by the reviewer's clock; s since 1970, UTC
    server_time: float  # when it was written
    batch: str  # what was decided together, e.g. a page of look-alikes; "" for one alone
    undoes: str  # id of the decision that an undo takes back, else ""
    reason: str  # in the reviewer's words
    evidence: str  # canonical JSON of what was known and shown: score, suggested, model, rank, shown, ...
    previous: str  # hash of the decision before
    hash: str

    @property
    def id(self):
        """What undoes names: known in the browser before the server has answered."""
        return f"{self.tab}/{self.n}"

    @property
    def known(self):
        """The evidence as a dict; empty where it is damaged."""
        try:
            return from_text(self.evidence)
        except ValueError:
            return {}


def effective_decisions(decisions):
    """Those of one particle's decisions that were not undone, undos left out. An undo that was undone never was."""
    gone = set()
    for decision in reversed(decisions):
        if decision.undoes and decision.id not in gone:
            gone.add(decision.undoes)
    return [decision for decision in decisions if decision.kind != "undo" and decision.id not in gone]


def deciding_answer(decisions):
    """The decision that gives one particle its label now, or None: the last effective answer that counts."""
    counting = (
        d for d in reversed(effective_decisions(decisions)) if d.kind in ANSWERS and d.purpose in LABELLING_PURPOSES
    )
    return next(counting, None)


class CurrentLabels:
    """What holds in one review. Kept between looks: take() adds what was decided meanwhile. Safe for threads."""

    def __init__(self, given):
        self.given = given  # dict particle -> label before the review, "" for none; in the queue's order
        self.last = 0  # number of the last decision that is in here
        self.all = defaultdict(list)  # particle -> its decisions
        self.decided = {}  # particle -> the decision that stands for it
        self._lock = threading.Lock()

    def take(self, decisions):
        """Add decisions, in the order of the history; those that are in already are passed over. Returns self."""
        with self._lock:
            new = [decision for decision in decisions if decision.number > self.last]
            for decision in new:
                self.all[decision.particle].append(decision)
            for particle in dict.fromkeys(decision.particle for decision in new if decision.particle):
                found = deciding_answer(self.all[particle])
                if found:
                    self.decided[particle] = found
                else:
                    self.decided.pop(particle, None)
            self.last = new[-1].number if new else self.last
        return self

    def label(self, particle):
        """The particle's label as it is now: a class key, one of NOT_A_CLASS, or "" where it has none."""
        decision = self.decided.get(particle)
        return decision.to_label if decision else self.given[particle]

    def state(self, particle):
        """OPEN, "changed", "kept" or one of NOT_A_CLASS."""
        return state_of(self.decided.get(particle), self.given[particle])

    def is_open(self, particle):
        """Whether no decision stands for it."""
        return particle not in self.decided

    def skipped(self, reviewer):
        """Open particles that this reviewer has put off."""
        return {
            particle
            for particle, decisions in list(self.all.items())
            if particle not in self.decided
            and any(d.kind == "skip" and d.reviewer == reviewer for d in effective_decisions(decisions))
        }

    def last_of(self, reviewer):
        """The decision that this reviewer would take back: their last effective one; None where there is none."""
        own = (
            d
            for particle, ds in list(self.all.items())
            if particle
            for d in effective_decisions(ds)
            if d.reviewer == reviewer
        )
        return max(own, key=lambda decision: decision.number, default=None)

    def disagreements(self):
        """Dict particle -> its effective answers, where a second look says other than what stands and none settled it.

        In the queue's order. The answers are in the history's order; the one that stands is among them.
        """
        found = {}
        for particle, decision in list(self.decided.items()):
            if len(self.all[particle]) == 1:
                continue
            answers = [d for d in effective_decisions(self.all[particle]) if d.kind in ANSWERS]
            later = [d for d in answers if d.purpose in COMPARISON_PURPOSES]
            if decision.purpose == "settle":
                later = [d for d in later if d.number > decision.number]
            if any(d.to_label != decision.to_label for d in later):
                found[particle] = answers
        place = {particle: position for position, particle in enumerate(self.given)} if found else {}
        return dict(sorted(found.items(), key=lambda item: place[item[0]]))

    def labels(self):
        """DataFrame: particle, given, label, state, reviewer, server_time, reason; a row a particle, queue's order.

        label: the one to use: a class key, one of NOT_A_CLASS, or "" for none.
        """
        rows = []
        for particle, given in self.given.items():
            decision = self.decided.get(particle)
            who = (decision.reviewer, decision.server_time, decision.reason) if decision else ("", None, "")
            rows.append((particle, given, decision.to_label if decision else given, state_of(decision, given), *who))
        columns = ["particle", "given", "label", "state", "reviewer", "server_time", "reason"]
        return pd.DataFrame(rows, columns=columns).astype({"server_time": float})


def state_of(decision, given):
    """State of a particle with this standing decision (or None) and this label before the review."""
    if decision is None:
        return OPEN
    if decision.to_label in NOT_A_CLASS:
        return decision.to_label
    return "kept" if decision.to_label == given else "changed"
