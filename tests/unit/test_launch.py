"""The way in: a free port on this machine only, the address on the terminal, and what `make` promises."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from svp_core import launch

ROOT = Path(__file__).resolve().parents[2]


def test_the_port_is_free_and_the_usual_one_where_possible(monkeypatch):
    with socket.socket() as other:
        other.bind((launch.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(launch, "FIRST_PORT", taken)
        port = launch.free_port()
        assert port != taken
    monkeypatch.setattr(launch, "FIRST_PORT", port)
    assert launch.free_port() == port


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": "localhost:10", "SSH_CONNECTION": "a"}, False),
        ("linux", {"DISPLAY": ":0", "CI": "true"}, False),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_a_browser_opens_only_where_somebody_sees_it(monkeypatch, platform, environment, expected):
    monkeypatch.setattr(launch.sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launch.has_desktop() == expected


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent to a process group")
def test_the_app_says_where_it_is_answers_there_and_ends_with_ctrl_c(tmp_path):
    app = subprocess.Popen(
        [sys.executable, "-c", "import sys; from svp_core import launch; sys.exit(launch.main())"],
        cwd=ROOT,
        env={**os.environ, "CI": "true", "SVP_WORKSPACE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        seen = ""
        while not (found := re.search(r"SvP Lab is open at (http://127\.0\.0\.1:\d+)", seen)):
            line = app.stdout.readline() if app.stdout else ""
            assert line, seen
            seen += line
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(found[1]) as answer:
            assert answer.status == 200
    finally:
        os.killpg(app.pid, signal.SIGINT)
    rest = app.communicate(timeout=120)[0]
    assert app.returncode == 0, rest
    assert "Traceback" not in rest


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
class TestMake:
    """The Makefile in a folder of its own, with a Python that does not download anything."""

    @pytest.fixture
    def folder(self, tmp_path):
        for name in (
            "Makefile",
            "requirements.txt",
            "requirements-server.txt",
            "requirements-cluster.txt",
            "requirements-test.txt",
        ):
            shutil.copy(ROOT / name, tmp_path)
        # Stands in for `python -m venv`: the environment it makes notes what it is asked to do.
        python = tmp_path / "stand-in"
        python.write_text(
            "#!/bin/sh\nmkdir -p .venv/bin\n"
            "printf '#!/bin/sh\\necho \"$@\" >> calls\\n' > .venv/bin/python\nchmod +x .venv/bin/python\n"
        )
        python.chmod(0o755)
        return tmp_path

    def make(self, folder, *arguments):
        done = subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True)
        calls = folder / "calls"
        asked = [line for line in calls.read_text().splitlines() if "--version" not in line] if calls.exists() else []
        calls.unlink(missing_ok=True)
        return done, asked

    def test_it_installs_only_what_has_changed(self, folder):
        python = f"PYTHON={folder / 'stand-in'}"
        pip = "-m pip install --disable-pip-version-check --no-input --progress-bar on"
        install, package = f"{pip} -r requirements", f"{pip} --quiet --no-deps -e ."
        opens = ["-m svp_core install-samples", "-m svp_core app"]
        assert self.make(folder, "app", python)[1] == [f"{install}.txt", package, *opens]
        assert self.make(folder, "app", python)[1] == opens
        tests = "-m pytest -n 3 -rs --no-fold-skipped --timeout 300 --durations 10"
        assert self.make(folder, "test", python)[1] == [f"{install}-test.txt", tests]
        assert self.make(folder, "test", python)[1] == [tests]
        with (folder / "requirements.txt").open("a") as file:
            file.write("# changed\n")
        assert self.make(folder, "test", python)[1] == [f"{install}.txt", package, f"{install}-test.txt", tests]

    def test_a_python_that_is_too_old_is_a_sentence(self, folder):
        done, asked = self.make(folder, "app", "PYTHON=")
        assert done.returncode
        assert not asked
        assert "SvP Lab needs Python 3.11 or newer" in done.stderr

    def test_help_is_the_default(self, folder):
        done, asked = self.make(folder)
        assert done.returncode == 0
        assert not asked
        assert "make app" in done.stdout
        assert "make test" in done.stdout


def test_every_requirement_is_pinned():
    for name in ("requirements.txt", "requirements-server.txt", "requirements-cluster.txt", "requirements-test.txt"):
        lines = (ROOT / name).read_text().splitlines()
        pinned = [line for line in lines if line and not line.startswith(("#", "-r "))]
        assert pinned
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9.]*", line) for line in pinned)
