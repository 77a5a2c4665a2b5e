"""Pixels and masks of particle records that must have them."""

import numpy as np
from numpy.typing import NDArray

from svp_core.instruments.records import ParticleRecord


def pixels_of(record: ParticleRecord) -> NDArray[np.uint8]:
    """Pixels of a record that must not be rejected."""
    assert record.pixels is not None, record.reason
    return record.pixels


def mask_of(record: ParticleRecord) -> NDArray[np.bool_]:
    """Mask of a record that must have one."""
    assert record.mask is not None, record.name
    return record.mask
