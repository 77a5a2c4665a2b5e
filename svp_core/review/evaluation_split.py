"""Evaluation split of a review: particles on which a retrained network is tested, without a model's say in their label.

Two test sets, neither ever trained on. Audited: particles drawn for a random audit and decided without a suggestion;
their labels are the reviewer's. Held out: a random fifth of all particles with the labels they had before the review;
wrong ones among them count against every network alike.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.review.current_labels import NOT_A_CLASS, CurrentLabels
from svp_core.review.store import Review

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class EvaluationSplit:
    """Arrays of one entry per particle, in the queue's order."""

    before: NDArray[np.object_]  # (N,): label before the review, "" for none
    after: NDArray[np.object_]  # (N,): current label, "" for none, unsure or not a particle
    audited: NDArray[np.object_]  # (N,): label given in an audit, "" for particles not drawn or without one
    weight: NDArray[np.float64]  # (N,): how many particles each audited one stands for
    held_out: NDArray[np.bool_]  # (N,): random hold-out

    @property
    def is_training(self) -> NDArray[np.bool_]:
        """Particles to train on: bool (N,)."""
        return ~self.held_out & (self.audited == "") & (self.weight == 0)


def split_for_evaluation(review: Review, current: CurrentLabels) -> EvaluationSplit:
    """Evaluation split with the current labels. A classifier's own predictions are not truth: none is held out."""
    positions, count = review.positions, len(review.table)
    before = np.array([_class_or_none(label) for label in current.given.values()], object)
    after = np.array([_class_or_none(current.label(particle)) for particle in current.given], object)
    audited, weight = np.full(count, "", object), np.zeros(count)
    for draw in current.decisions.get("", ()):
        for stratum in draw.evidence_dict.get("parts", ()):
            answers = [
                (positions[particle], current.decided[particle])
                for particle in stratum["particles"]
                if particle in current.decided and current.decided[particle].purpose == "audit"
            ]
            for position, decision in answers:
                audited[position] = _class_or_none(decision.to_label)
                weight[position] = stratum["size"] / len(answers)
    draws = np.ones(count)
    if not review.has_model_labels:
        draws = np.array([hash_uniform(review.id, "set aside", particle) for particle in current.given])
    return EvaluationSplit(before, after, audited, weight, draws < HELD_OUT_SHARE)


def hash_uniform(review_id: str, salt: str, particle: str) -> float:
    """Number in [0, 1), evenly distributed over particles and always the same for the same texts."""
    digest = hashlib.sha256(f"{review_id}\n{salt}\n{particle}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _class_or_none(label: str) -> str:
    return "" if label in NOT_A_CLASS else label
