"""Files that other processes read while they are written."""

import json
import os
from pathlib import Path


def write_json(path, content):
    """Put content, JSON-ready, in place at once."""
    replace(path, lambda file: file.write((json.dumps(content, indent=2) + "\n").encode()))


def replace(path, write):
    """Let write(file) fill a new file and put it in place of the old one at once: nobody reads half of it."""
    unfinished = Path(f"{path}.part")
    with unfinished.open("wb") as file:
        write(file)
    os.replace(unfinished, path)
