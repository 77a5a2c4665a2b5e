"""Archives that lie about what they hold: refused, or read up to what they state, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from svp_core.workspace.paths import repo_root
from tests.helpers.hostile_sources import ARCHIVES

LIMIT_MB = 1024  # of the process that reads them; its libraries take about a third of that
# Those that took the app more than its libraries before; benchmarks/hostile_inputs.py has all.
LARGE = (
    "2 GB stated as 100 bytes",
    "a folder with 2 GB stated as 100 bytes",
    "1.5 million files stated as 1",
    "the same, without an ending",
    "a name of 1.5 GB",
    "a header of 1.5 GB",
    "a packed header of 255 MB",
)
# Reads as the app does: in a process with limited memory. Prints, for each path, what is said of it and its items, or
# why it is refused; and the most memory that this process and the other ones have had, in MB.
READER = """
import json, re, resource, sys
from pathlib import Path
from pages.ui.shared.source_reading import read_first, read_summary
from svp_core.errors import LabError
for path in sys.argv[1:]:
    try:
        said = [*read_summary(path).notes, *read_first(path, keep=5).cautions]
    except LabError as error:
        said = [str(error)]
    own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    print(json.dumps([said, own // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024]))
"""


# Of itself not ru_maxrss, which holds what the process of the tests had when it started this one.
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory as Linux counts it")
def test_hostile_archives_are_refused_in_little_memory(tmp_path):
    paths = []
    for number, name in enumerate(LARGE):
        (tmp_path / str(number)).mkdir()
        paths.append(ARCHIVES[name](tmp_path / str(number)))
    command = [sys.executable, "-c", READER, *paths]
    done = subprocess.run(command, cwd=repo_root(), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, line in zip(LARGE, done.stdout.splitlines(), strict=True):
        said, of_app, of_reader = json.loads(line)
        assert of_app < LIMIT_MB / 2, name
        assert of_reader < LIMIT_MB, name
        assert said, name
