"""How often Python looks for garbage in a process that loads large libraries."""

import gc


def collect_seldom() -> None:
    """Collect garbage less often than by default; to be called before the libraries are loaded.

    While half a million objects are loaded, the default goes through all of them eight times: a sixth of the time in
    which a job's process is ready to generate.
    """
    gc.set_threshold(5_000, 20, 50)
