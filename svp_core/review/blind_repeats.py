"""Who looks a second time at what, unseen: hidden repeats, a second reviewer, suggestions left out; what came of it.

Which particles is left to chance, but the same chance for every process and every visit: it follows from the review
and the particle.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from svp_core.review.current_labels import ANSWERS, LABELLING_PURPOSES, effective_decisions
from svp_core.stats.agreement import Agreement, agreement_by_size, measure_agreement, measure_anchoring

REPEATED = 0.05  # share of a reviewer's own decisions that come back to them
SECOND = 0.05  # share of all decisions that go to another reviewer
UNSUGGESTED = 0.1  # share of particles whose suggestion is not shown
APART = 50  # decisions of the reviewer's between the two looks, so that the first is not remembered


def hides_suggestion(review_id, particle, *, share=UNSUGGESTED):
    """Whether this particle is to be decided without seeing what the model suggests; say so as evidence "shown"."""
    return _chance(review_id, "suggestion", particle) < share


def repeats_due(review_id, standing, reviewer, *, share=REPEATED, apart=APART):
    """Particles to show this reviewer again with the first answer hidden (purpose "repeat"), in a mixed order."""
    own = sorted(
        (decision.number, particle)
        for particle, decision in list(standing.decided.items())
        if decision.reviewer == reviewer and decision.purpose == "queue"
    )
    old_enough = [particle for _, particle in own[: max(0, len(own) - apart)]]
    return _due(review_id, standing, old_enough, reviewer, "repeat", share)


def second_reviews_due(review_id, standing, reviewer, *, share=SECOND):
    """Particles that others decided, to show this reviewer with their answer hidden (purpose "second"), mixed."""
    others = [particle for particle, decision in list(standing.decided.items()) if decision.reviewer != reviewer]
    return _due(review_id, standing, others, reviewer, "second", share)


@dataclass(frozen=True)
class BlindRepeat:
    """Two looks at particles by the same two people, or by one."""

    first: str  # reviewer
    second: str  # reviewer who looked later without seeing the first answer; the same one: hidden repeats
    every: Agreement  # of all particles
    by_size: list  # as agreement.agreement_by_size gives it; empty where no size is known


def blind_repeats(standing, sizes_um=None):
    """A SecondLook for every two reviewers, and for each with themselves; in the order of their names.

    sizes_um: dict particle -> diameter in um, where it is known.
    """
    pairs = defaultdict(list)
    for particle, decisions in list(standing.all.items()):
        answers = [decision for decision in effective_decisions(decisions) if decision.kind in ANSWERS]
        for later in answers:
            if later.purpose not in ("repeat", "second"):
                continue
            is_same = later.purpose == "repeat"
            before = (d for d in reversed(answers) if d.number < later.number and d.purpose in LABELLING_PURPOSES)
            first = next((d for d in before if (d.reviewer == later.reviewer) == is_same), None)
            if first:
                pairs[first.reviewer, later.reviewer].append((first.to_label, later.to_label, particle))
    found = []
    for (first, second), rows in sorted(pairs.items()):
        one, other, particles = (list(column) for column in zip(*rows, strict=True))
        sizes = [(sizes_um or {}).get(particle, float("nan")) for particle in particles]
        by_size = agreement_by_size(one, other, sizes) if sizes_um else []
        found.append(BlindRepeat(first, second, measure_agreement(one, other), by_size))
    return found


def anchoring_of(standing, reviewer=None):
    """agreement.Anchoring of one reviewer or of all, from decisions whose evidence says "suggested" and "shown"."""
    follows, shown = [], []
    for particle, decision in list(standing.decided.items()):
        if decision.purpose == "queue" and reviewer in (None, decision.reviewer):
            known = decision.known
            suggested = known.get("suggested")
            if suggested and suggested != standing.given[particle] and "shown" in known:
                follows.append(decision.to_label == suggested)
                shown.append(bool(known["shown"]))
    return measure_anchoring(follows, shown)


def _due(review_id, standing, particles, reviewer, purpose, share):
    # The same particles go to every second reviewer; which come back to the first is another matter.
    salt = f"repeat {reviewer}" if purpose == "repeat" else "second"
    chances = sorted((_chance(review_id, salt, particle), particle) for particle in particles)
    return [
        particle
        for chance, particle in chances
        if chance < share
        and not any(
            d.purpose == purpose and d.reviewer == reviewer for d in effective_decisions(standing.all[particle])
        )
    ]


def _chance(review_id, salt, particle):
    """0..1, evenly spread, always the same for the same texts."""
    found = hashlib.sha256(f"{review_id}\n{salt}\n{particle}".encode()).digest()
    return int.from_bytes(found[:8]) / 2**64
