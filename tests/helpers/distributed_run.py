"""One of several processes that train together, for test_together: python -m tests.helpers.distributed_run OUT."""

import sys

import pytest

from svp_core.training import generator
from tests.unit.training import test_training as it

# Without dropout, which every process would draw for itself.
ORDER = {**it.SMALL, "choices": {"widths": (16, 32), "dropout": 0.0}}

if __name__ == "__main__":
    it.make_quick(pytest.MonkeyPatch())
    for progress in generator.train_generator(it.drawn(), sys.argv[1], **ORDER):
        if progress.loss is not None:
            print(progress.step, flush=True)
