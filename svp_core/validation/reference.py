"""Confusion reference from a validation's labelled particles: counts of that instrument are corrected by it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from svp_core.particle_classes import UNLIKE
from svp_core.stats.between_instruments import OWN_INSTRUMENT
from svp_core.stats.confusion import ConfusionReference
from svp_core.stats.intervals import estimate_share
from svp_core.validation.answers import NOT_A_PARTICLE, OTHER

FOREIGN_SHARE = 0.05  # of the named particles; from a lower limit above it, corrected counts say nothing


def validation_reference(record: Mapping[str, Any]) -> ConfusionReference | None:
    """The labelled particles of a stored result as a reference; None where none has a class of the classifier.

    Particles of other kinds, or whose class nobody can tell, are left out: a reference tells how particles of each
    class are named.
    """
    keys, particles = tuple(record["class_keys"]), record["particles"]
    rows = [index for index, label in enumerate(particles["labels"]) if label in keys]
    if not rows:
        return None
    return ConfusionReference(
        np.array([particles["probs"][index] for index in rows], np.float32),
        np.array([keys.index(particles["labels"][index]) for index in rows]),
        np.array([particles["sizes_um"][index] for index in rows], float),
        keys,
        f"{len(rows):,} particles of this instrument, drawn at random by size and labelled by a person",
        np.array([particles["sizes_px"][index] for index in rows], float),
        np.full(len(rows), OWN_INSTRUMENT),
        np.array([particles["assigned"][index] == UNLIKE for index in rows], bool),
    )


def why_not_corrected(record: Mapping[str, Any]) -> str:
    """Why counts of this instrument cannot be corrected, as a sentence; "" where they can.

    A confusion reference knows the classifier's classes only. Where particles of other kinds are named as one of them,
    what it gives for counts and predictive values is wrong, however narrow its intervals.
    """
    keys, particles = record["class_keys"], record["particles"]
    foreign = {NOT_A_PARTICLE, OTHER} - set(keys)
    named = [
        truth in foreign
        for truth, assigned in zip(particles["labels"], particles["assigned"], strict=True)
        if assigned in keys and truth in {*keys, *foreign}
    ]
    if not named or estimate_share(named).low <= FOREIGN_SHARE:
        return ""
    return (
        f"In the validation on this instrument, {sum(named):,} of {len(named):,} particles that the classifier named "
        "were of none of its classes, so counts are not corrected and no predictive values are given."
    )
