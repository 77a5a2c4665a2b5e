"""What a network retrained on a review is checked on: particles that nobody relabelled because a model said so.

Two parts, neither ever learnt from. Checked at random: particles drawn for an audit and decided without a suggestion;
their labels are the reviewer's. Set aside by chance: a fifth of all particles with the labels they had before the
review; wrong ones among them count against any network alike.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from svp_core.review.current_labels import NOT_A_CLASS

SHARE = 0.2


@dataclass(frozen=True)
class EvaluationSplit:
    """Per particle, in the queue's order."""

    before: np.ndarray  # object (N,): label before the review, "" for none
    after: np.ndarray  # object (N,): label now, "" for none, unsure or no particle
    checked: np.ndarray  # object (N,): label given in an audit, "" for particles that were not drawn or have none
    weight: np.ndarray  # float (N,): how many particles each checked one stands for
    by_chance: np.ndarray  # bool (N,): set aside by chance

    @property
    def learnt(self):
        """Particles that are learnt from: bool (N,)."""
        return ~self.by_chance & (self.checked == "") & (self.weight == 0)


def split_for_evaluation(review, standing):
    """The SetAside of a review as it stands. What a classifier has said is no truth: none of that is set aside."""
    place, count = review.place, len(review.table)
    before = np.array([_as_class(label) for label in standing.given.values()], object)
    after = np.array([_as_class(standing.label(particle)) for particle in standing.given], object)
    checked, weight = np.full(count, "", object), np.zeros(count)
    for draw in standing.all.get("", ()):
        for part in draw.known.get("parts", ()):
            found = [
                (place[particle], standing.decided[particle])
                for particle in part["particles"]
                if particle in standing.decided and standing.decided[particle].purpose == "audit"
            ]
            for position, decision in found:
                checked[position] = _as_class(decision.to_label)
                weight[position] = part["size"] / len(found)
    chances = np.ones(count)
    if not review.by_machine:
        chances = np.array([_chance(review.id, particle) for particle in standing.given])
    return EvaluationSplit(before, after, checked, weight, chances < SHARE)


def _as_class(label):
    return "" if label in NOT_A_CLASS else label


def _chance(review_id, particle):
    """0..1, evenly spread, always the same for the same texts."""
    found = hashlib.sha256(f"{review_id}\nset aside\n{particle}".encode()).digest()
    return int.from_bytes(found[:8]) / 2**64
