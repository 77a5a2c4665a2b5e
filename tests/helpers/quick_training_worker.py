"""The real worker whose trainings check few images: python quick_training_worker.py JOB_ID (started by jobs.WORKER)."""

import sys
from pathlib import Path

import pytest

from svp_core import worker
from tests.helpers.tiny_training import shorten_checks

QUICK_TRAINING_WORKER = (sys.executable, str(Path(__file__).resolve()))

if __name__ == "__main__":
    shorten_checks(pytest.MonkeyPatch())
    sys.exit(worker.main())
