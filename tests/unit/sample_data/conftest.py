"""The particles of the shipped sample run."""

import pytest

from svp_core.instruments.detect import read_particles
from tests.helpers.sample_files import RUN


@pytest.fixture(scope="module")
def records():
    return list(read_particles(RUN))
