"""The app's server for the tests in a browser, and waiting for what it shows or does."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

from svp_core.workspace import jobs
from svp_core.workspace.paths import repo_root

PATIENCE_MS = 120_000  # for anything that has to appear, on a busy machine; what passes takes a second or two
JOB_MS = 300_000  # for what a job does: its process has to start, and gives way to all others
START_S = 120  # for a server


@contextmanager
def serving(workspace, *, port=None, options=(), module="streamlit"):
    """Run the app on this workspace; gives its address, stops it at the end. port: a free one unless given.

    options: more of Streamlit's, as on the command line. module: what is run, with these options.
    """
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [sys.executable, "-m", module, "run", "app.py", "--server.port", str(port)]
    command += ["--server.fileWatcherType", "none", *options]
    environment = {**os.environ, "SVP_WORKSPACE": str(workspace), "PYTHONPATH": str(repo_root())}
    environment.pop("SVP_DATABASE_URL", None)
    with (workspace / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=repo_root(), env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + START_S
        while not _answers(address):
            assert server.poll() is None, (workspace / "server.log").read_text()
            assert time.monotonic() < end, (workspace / "server.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def _answers(address):
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def settle(page):
    """Wait until the page has its title and the script has come to its end."""
    page.locator("h1").first.wait_for()
    page.locator("[data-test-script-state='notRunning']").first.wait_for(state="attached")


def wait_until(holds, *, timeout_ms=PATIENCE_MS, found=lambda: None):
    """Return as soon as `holds()`. found(): what there is instead, for the message of a failure."""
    end = time.monotonic() + timeout_ms / 1000
    while not holds():
        assert time.monotonic() < end, found()
        time.sleep(0.1)


def wait_for_job(job_id, done):
    """The job as soon as `done(job)` holds."""
    wait_until(lambda: done(jobs.get(job_id)), timeout_ms=JOB_MS)
    return jobs.get(job_id)
