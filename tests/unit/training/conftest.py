"""Checks of few images for all trainings here."""

import pytest

from tests.helpers.tiny_training import shorten_checks


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        shorten_checks(patch)
        yield
