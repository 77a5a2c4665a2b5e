"""The app's server whose trainings and comparisons are quick: python -m tests.helpers.quick_training_server run app.py.

Everything else about it is as `python -m streamlit` has it.
"""

import sys

from streamlit.web import cli

from svp_core.workspace import jobs
from tests.helpers.quick_training_worker import QUICK_TRAINING_WORKER

if __name__ == "__main__":
    jobs.WORKER = QUICK_TRAINING_WORKER
    sys.exit(cli.main())
