"""Where many particles counted are smaller than the labelled ones, the text beside corrected counts says so."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.classification.correction_basis import correction_basis
from svp_core.stats.confusion import smallest_labelled_px
from tests.helpers.confusion import drawn_reference


@pytest.fixture
def reference():
    """200 labelled particles a class, from 5, 8 and 6 px on."""
    drawn = drawn_reference(200, np.random.default_rng(0))
    first = np.array([5.0, 8.0, 6.0])[drawn.labels]
    rank = np.concatenate([np.arange((drawn.labels == label).sum()) for label in range(3)])
    assert (np.diff(drawn.labels) >= 0).all()
    return replace(drawn, sizes_px=first + 0.1 * rank)


def test_the_smallest_size_is_that_of_the_class_with_the_fewest_small_particles(reference):
    assert smallest_labelled_px(reference) == pytest.approx(8.1)
    assert smallest_labelled_px(replace(reference, sizes_px=None)) == 0
    few = reference.select(np.flatnonzero(np.arange(600) % 40 == 0))
    assert smallest_labelled_px(few) == pytest.approx(8.0)  # with few particles, their smallest


@pytest.mark.parametrize(("small", "said"), [(0.04, False), (0.3, True)])
def test_many_smaller_particles_are_told(reference, small, said):
    sizes = np.where(np.arange(100) < 100 * small, 4.0, 20.0)
    text = correction_basis(reference, np.append(sizes, np.nan))
    assert ("30.0 %" in text, "8.1 px" in text) == (said, said)
    assert text.startswith(correction_basis(reference, None))
    assert (text == correction_basis(reference, None)) is not said


def test_without_a_reference_there_is_nothing_to_say():
    assert correction_basis(None, np.array([4.0])) == ""
