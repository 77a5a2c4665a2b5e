"""Kill a job before its n-th change of a file or of the database, start it again, look at what is there; for all n.

python -m tests.helpers.killed_jobs KIND FOLDER [STRIDE [MODE]] prints a JSON list of [n, what was wrong] and, last, the
number of tries; without arguments, JSON lists of them are taken from stdin. STRIDE: only every so many changes are
tried. MODE "full": the disk is full from that change on. Every try is a forked process on its own copy of a prepared
workspace (small_jobs), killed as `kill -9` does.
"""

import errno
import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from svp_core.errors import LabError
from svp_core.tasks.job_kinds import run_task
from svp_core.workspace.database import engine
from svp_core.workspace.paths import storage_problem
from tests.helpers.forking import forked
from tests.helpers.small_jobs import JOB, KINDS

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
NEEDS_SPACE = {"os.mkdir"}
FULL = 3  # exit status
WRITING = os.O_WRONLY | os.O_RDWR


def disturb(number, workspace, mode):
    """Let this process die before its change number `number`, or find the disk full from there on; 1 is the first."""
    left = number

    def count():
        nonlocal left
        left -= 1
        if left == 0 and mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if left <= 0 and mode == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def watch(name, arguments):
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        changes = CHANGES if mode == "kill" else NEEDS_SPACE
        if not (writes or name in changes) or isinstance(arguments[0], int):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith(str(workspace)) or not Path(path).is_absolute():  # relative: inside a folder being removed
            count()

    sys.addaudithook(watch)
    event.listen(Engine, "commit", lambda _: count())


def run_on_a_full_disk(kind, config, workspace):
    """Exit status FULL where the task says so in a sentence, as the worker passes it on."""
    try:
        run(kind, config, workspace)
    except LabError as error:
        assert "No space" in str(error), error
        os._exit(FULL)
    except OSError as error:
        assert storage_problem(error), error
        os._exit(FULL)


def run(kind, config, workspace):
    os.environ["SVP_WORKSPACE"] = str(workspace)
    for _ in run_task(kind, config, workspace / JOB):
        pass


def import_what_it_needs(kind, config, start, workspace):
    """Import here what an unharmed run imports: else every try would do so again."""
    shutil.copytree(start, workspace)

    def unharmed():
        run(kind, config, workspace)
        (workspace / "modules").write_text("\n".join(sys.modules))

    assert forked(unharmed) == 0
    for name in (workspace / "modules").read_text().split():
        with suppress(ImportError):
            import_module(name)
    shutil.rmtree(workspace)


def main(kind, folder, stride="1", mode="kill"):
    folder = Path(folder)
    start = folder / "start"
    os.environ["SVP_WORKSPACE"] = str(start)
    (start / JOB).mkdir(parents=True)
    config, check = KINDS[kind](start)
    engine().dispose()
    import_what_it_needs(kind, config, start, folder / "unharmed")
    problems, number, tries = [], 1 - int(stride), 0
    while True:
        number += int(stride)
        workspace = folder / f"{number}"
        shutil.copytree(start, workspace)

        def killed(number=number, workspace=workspace):
            disturb(number, workspace, mode)
            (run if mode == "kill" else run_on_a_full_disk)(kind, config, workspace)

        def again(workspace=workspace):
            run(kind, config, workspace)
            check(workspace / JOB)
            # What several processes write, at the top of the workspace, is not this job's to tidy up.
            hidden = [str(path.relative_to(workspace)) for path in workspace.rglob(".*") if path.parent != workspace]
            assert not hidden, hidden

        status = forked(killed)
        if status not in (0, -signal.SIGKILL if mode == "kill" else FULL):
            problems.append([number, "the first try failed by itself"])
        if forked(again):
            problems.append([number, "after the kill"])
        shutil.rmtree(workspace)
        if status == 0:
            break
        tries += 1
    print(json.dumps([*problems, tries]), flush=True)


def serve():
    """Do the same for one JSON list of arguments after the other, from stdin; each in a process of its own."""
    for line in sys.stdin:
        if forked(partial(main, *json.loads(line))):
            print(json.dumps(["the try itself failed", 0]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else serve()
