"""Blind second looks: hidden repeats, a second reviewer, hidden suggestions, and the agreement that they show.

Which particles is random, but the same for every process and every visit: it follows from the review and the particle.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from svp_core.review.current_labels import ANSWERS, LABELLING_PURPOSES, CurrentLabels, effective_decisions
from svp_core.review.evaluation_split import hash_uniform
from svp_core.stats.agreement import Agreement, Anchoring, agreement_by_size, measure_agreement, measure_anchoring

REPEAT_SHARE = 0.05  # share of a reviewer's own decisions that are shown to them again
SECOND_REVIEW_SHARE = 0.05  # share of all decisions that are shown to another reviewer
HIDDEN_SUGGESTION_SHARE = 0.1  # share of particles whose suggestion is not shown
MIN_DECISIONS_BETWEEN = 50  # decisions of the reviewer between the two looks, so that the first is not remembered


def hides_suggestion(review_id: str, particle: str, *, share: float = HIDDEN_SUGGESTION_SHARE) -> bool:
    """Whether this particle is decided without seeing the model's suggestion; the evidence "shown" records it."""
    return hash_uniform(review_id, "suggestion", particle) < share


def repeats_due(
    review_id: str,
    current: CurrentLabels,
    reviewer: str,
    *,
    share: float = REPEAT_SHARE,
    apart: int = MIN_DECISIONS_BETWEEN,
) -> list[str]:
    """Particles to show this reviewer again with the first answer hidden (purpose "repeat"), in random order."""
    own = sorted(
        (decision.number, particle)
        for particle, decision in list(current.decided.items())
        if decision.reviewer == reviewer and decision.purpose == "queue"
    )
    old_enough = [particle for _, particle in own[: max(0, len(own) - apart)]]
    return _due(review_id, current, old_enough, reviewer, "repeat", share)


def second_reviews_due(
    review_id: str, current: CurrentLabels, reviewer: str, *, share: float = SECOND_REVIEW_SHARE
) -> list[str]:
    """Particles of other reviewers to show this one with the answer hidden (purpose "second"), in random order."""
    others = [particle for particle, decision in list(current.decided.items()) if decision.reviewer != reviewer]
    return _due(review_id, current, others, reviewer, "second", share)


@dataclass(frozen=True)
class BlindRepeat:
    """Agreement of two looks at the same particles, by two reviewers or by one."""

    first: str  # reviewer
    second: str  # reviewer who looked later without seeing the first answer; the same one for hidden repeats
    overall: Agreement  # over all particles
    by_size: Sequence[tuple[float | None, float | None, Agreement | None]]  # as agreement_by_size; empty without sizes


def blind_repeats(current: CurrentLabels, sizes_um: Mapping[str, float] | None = None) -> list[BlindRepeat]:
    """Agreement of every two reviewers, and of each with themselves, sorted by name.

    sizes_um: particle -> diameter in um, where it is known.
    """
    pairs = defaultdict(list)
    for particle, decisions in list(current.decisions.items()):
        answers = [decision for decision in effective_decisions(decisions) if decision.kind in ANSWERS]
        for later in answers:
            if later.purpose not in ("repeat", "second"):
                continue
            is_repeat = later.purpose == "repeat"
            before = (d for d in reversed(answers) if d.number < later.number and d.purpose in LABELLING_PURPOSES)
            first = next((d for d in before if (d.reviewer == later.reviewer) == is_repeat), None)
            if first:
                pairs[first.reviewer, later.reviewer].append((first.to_label, later.to_label, particle))
    repeats = []
    for (first, second), rows in sorted(pairs.items()):
        left, right, particles = (list(column) for column in zip(*rows, strict=True))
        sizes = [(sizes_um or {}).get(particle, float("nan")) for particle in particles]
        by_size = agreement_by_size(left, right, sizes) if sizes_um else []
        if overall := measure_agreement(left, right):
            repeats.append(BlindRepeat(first, second, overall, by_size))
    return repeats


def anchoring_of(current: CurrentLabels, reviewer: str | None = None) -> Anchoring | None:
    """Anchoring of one reviewer or of all, from decisions whose evidence has "suggested" and "shown"."""
    follows, shown = [], []
    for particle, decision in list(current.decided.items()):
        if decision.purpose == "queue" and reviewer in (None, decision.reviewer):
            evidence = decision.evidence_dict
            suggested = evidence.get("suggested")
            if suggested and suggested != current.given[particle] and "shown" in evidence:
                follows.append(decision.to_label == suggested)
                shown.append(bool(evidence["shown"]))
    return measure_anchoring(follows, shown)


def _due(
    review_id: str, current: CurrentLabels, particles: Iterable[str], reviewer: str, purpose: str, share: float
) -> list[str]:
    # The same particles are shown to every second reviewer; which return to the first one is drawn separately.
    salt = f"repeat {reviewer}" if purpose == "repeat" else "second"
    draws = sorted((hash_uniform(review_id, salt, particle), particle) for particle in particles)
    return [
        particle
        for draw, particle in draws
        if draw < share
        and not any(
            d.purpose == purpose and d.reviewer == reviewer for d in effective_decisions(current.decisions[particle])
        )
    ]
