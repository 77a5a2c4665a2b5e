"""One of several processes that train together, for test_distributed: python -m tests.helpers.distributed_run OUT."""

import sys

import pytest

from svp_core.training import generator
from tests.helpers.tiny_training import SMALL, shorten_checks, two_classes

# Without dropout, which differs between processes.
SETTINGS = {**SMALL, "choices": {"channels": (16, 32), "dropout": 0.0}}

if __name__ == "__main__":
    shorten_checks(pytest.MonkeyPatch())
    for progress in generator.train_generator(two_classes(), sys.argv[1], **SETTINGS):
        if progress.loss is not None:
            print(progress.step, flush=True)
