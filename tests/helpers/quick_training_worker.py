"""The real worker whose trainings check few images, and whose two-sample tests of a comparison learn little.

Started by jobs.WORKER: python quick_training_worker.py JOB_ID.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    from svp_core.execution.garbage_collection import collect_seldom

    collect_seldom()

from svp_core import worker
from svp_core.workspace import jobs

QUICK_TRAINING_WORKER = (sys.executable, str(Path(__file__).resolve()))
SHORTENED = ("train", "compare")  # kinds of jobs; the others need not load what is shortened

if __name__ == "__main__":
    if jobs.get(sys.argv[1]).kind in SHORTENED:
        import pytest

        from tests.helpers.tiny_training import shorten_checks

        shorten_checks(pytest.MonkeyPatch())
    sys.exit(worker.main())
