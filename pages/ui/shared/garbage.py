"""Garbage collection now and then.

Streamlit's own, after every run of a script, is switched off in .streamlit/config.toml: with all libraries loaded it
takes 0.3 s, and each visitor who watches a job refreshes two parts of the page every second.
"""

import gc
import time

EVERY_S = 30.0  # at most so often

_last = 0.0


def collect_now_and_then() -> None:
    """Collect garbage where that was not done for EVERY_S: what visitors have left may be large."""
    global _last
    if time.monotonic() - _last >= EVERY_S:
        _last = time.monotonic()
        gc.collect()
