"""Two reviewers decide while what they work with is killed at random moments; what was acknowledged is then counted."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from svp_core.review import decision_log, history_file, store

ROOT = Path(__file__).resolve().parents[1]
CLASSES = ("protein", "silicone_oil", "air_bubble")
WRITER = """
import sys
from svp_core.review import decision_log, store
review_id, tab, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
review = store.open_review(review_id)
print("ready", flush=True)
for n in range(first, count + 1):
    sent = {"tab": tab, "n": n, "reviewer": tab, "particle": f"{tab}{n}", "kind": "label", "label": "air_bubble"}
    (outcome,) = decision_log.record(review, [sent])
    print(n, outcome.state, flush=True)
"""
KEY_S = 0.15  # between two keys
START_S = 300


def kill_writers(decisions: int, rng: random.Random) -> tuple[int, int, int, str]:
    """Two processes write. (kills, decisions acknowledged, those not in the log once, what is wrong)."""
    half, kills = decisions // 2, 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SVP_WORKSPACE"] = scratch
        review = _new_review([f"{tab}{n}" for tab in ("anna", "bert") for n in range(1, half + 1)])
        acknowledged = {"anna": 0, "bert": 0}
        while min(acknowledged.values()) < half:
            writers = {
                tab: subprocess.Popen(
                    [sys.executable, "-c", WRITER, review, tab, str(max(1, done)), str(half)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for tab, done in acknowledged.items()
            }
            for writer in writers.values():
                assert writer.stdout
                assert writer.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 0.4))
            for tab, writer in writers.items():
                writer.kill()
                said = writer.communicate()[0]
                whole = said[: said.rfind("\n") + 1].splitlines()
                numbers = [int(line.split()[0]) for line in whole if line.split()[1] in ("saved", "known")]
                acknowledged[tab] = max([acknowledged[tab], *numbers])
                kills += 1
        rows = [(decision.tab, decision.n, decision.particle) for decision in decision_log.history(review)]
        wanted = {(tab, n, f"{tab}{n}") for tab, count in acknowledged.items() for n in range(1, count + 1)}
        lost, problem = _compare(Counter(wanted), Counter(rows), review)
    return kills, len(wanted), lost, problem


def kill_under_browsers(decisions: int, rng: random.Random, chromium: str) -> tuple[int, int, int, str]:
    """Two people press keys in two browsers while the server is killed. As kill_writers; painted = acknowledged.

    Every key is noted with the particle that the screen showed under the cursor when it was pressed.
    """
    from playwright.sync_api import sync_playwright

    from tests.helpers.app_server import settle

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        os.environ["SVP_WORKSPACE"] = scratch
        review = _new_review([f"run#{index}" for index in range(decisions * 2)])
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        server = _KilledServer(Path(scratch), rng)
        people = {}
        for name in ("Anna", "Bert"):
            page = people[name] = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.set_default_timeout(START_S * 1000)
            page.goto(f"{server.address}/review?review={review}&reviewer={name}")
            settle(page)
            page.locator(".tile").first.wait_for()
        pressed = {name: [] for name in people}
        server.begin()
        while min(map(len, pressed.values())) < decisions // 2:
            for name, page in people.items():
                key = rng.choice("123")
                particle = _particle_at(page)
                if particle and particle not in [before for before, _ in pressed[name]]:
                    page.keyboard.press(key)
                    pressed[name].append((particle, CLASSES[int(key) - 1]))
            time.sleep(KEY_S)
        server.end()
        for page in people.values():
            page.locator(".saving:not(.waiting)").wait_for()
        rows = Counter((one.reviewer, one.particle, one.to_label) for one in decision_log.history(review))
        server.close()
        browser.close()
        wanted = Counter((name, *decision) for name, decisions in pressed.items() for decision in decisions)
        lost, problem = _compare(wanted, rows, review)
    return server.kills, wanted.total(), lost, problem


def _compare(wanted: Counter, rows: Counter, review: str) -> tuple[int, str]:
    missing, extra = wanted - rows, rows - wanted
    problem = "".join(f"{name}: {sorted(which)}. " for name, which in (("missing", missing), ("extra", extra)) if which)
    if not history_file.verify(review).sound:
        return max(1, missing.total() + extra.total()), f"{problem}The chain does not hold."
    return missing.total() + extra.total(), problem


class _KilledServer:
    """The app's server on one port; between begin() and end() it is killed at random moments and started again."""

    def __init__(self, workspace: Path, rng: random.Random) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.kills = 0
        self._workspace, self._rng, self._over = workspace, random.Random(rng.random()), threading.Event()
        self._killer = threading.Thread(target=self._kill_often, daemon=True)
        self._start()

    def begin(self) -> None:
        self._killer.start()

    def end(self) -> None:
        self._over.set()
        self._killer.join()

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self._port)]
        with (self._workspace / "server.log").open("a") as log:
            self._server = subprocess.Popen(
                [*command, "--server.fileWatcherType", "none"], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError("The server did not start.")

    def _kill_often(self) -> None:
        while not self._over.wait(self._rng.uniform(1, 12)):
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self.kills += 1
            self._over.wait(self._rng.uniform(0, 3))
            self._start()


def _particle_at(page) -> str:
    """Id of the particle under the cursor; "" where no page of particles is shown."""
    titles = page.locator(".tile.at").evaluate_all("all => all.map(one => one.title)")
    return titles[0].rpartition("\n")[2].rpartition(" · ")[2] if titles else ""


def _new_review(names: list[str]) -> str:
    table = pd.DataFrame({"particle": names, "given": "protein", "ecd_um": np.linspace(2, 30, len(names))})
    return store.create_review(
        "Kills",
        kind="folder",
        source={},
        class_keys=CLASSES,
        table=table,
        tiles=np.zeros((len(names), 64, 64), np.uint8),
    )
