"""Answers of one or two reviewers, and what they settle about each particle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from svp_core.particle_classes import UNSURE

NOT_A_PARTICLE = "not_a_particle"
OTHER = "other"  # a particle of a kind that the classifier does not know
ANY_KIND = (OTHER, UNSURE, NOT_A_PARTICLE)  # answers beside the classifier's classes
MAX_REVIEWERS = 2


@dataclass(frozen=True)
class Settled:
    """What the reviewers' answers say."""

    truth: dict[str, str]  # particle -> class key or one of ANY_KIND; two different answers that stand: UNSURE
    disagreements: tuple[str, ...]  # particles with two different answers that nobody has settled
    pairs: tuple[tuple[str, str], ...]  # both answers of every particle that two reviewers answered


def answer_keys(class_keys: Sequence[str]) -> tuple[str, ...]:
    """Classes to choose from: those of the classifier, and OTHER."""
    return (*class_keys, *(() if OTHER in class_keys else (OTHER,)))


def settle(answers: Mapping[str, Mapping[str, str]], settled: Mapping[str, str]) -> Settled:
    """Combine answers. answers: reviewer -> {particle: answer}. settled: particle -> joint answer after a talk."""
    truth: dict[str, str] = {}
    open_particles, pairs = [], []
    for particle in dict.fromkeys(particle for given in answers.values() for particle in given):
        given = [theirs[particle] for theirs in answers.values() if particle in theirs]
        if len(given) > 1:
            pairs.append((given[0], given[1]))
        if particle in settled:
            truth[particle] = settled[particle]
        elif len(set(given)) == 1:
            truth[particle] = given[0]
        else:
            truth[particle] = UNSURE
            open_particles.append(particle)
    return Settled(truth, tuple(open_particles), tuple(pairs))
