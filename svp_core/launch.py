"""Open the app: on a free port of this machine, address on the terminal, browser where there is a desktop.

Other machines are answered only where people sign in, see access.serving.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
import webbrowser

from svp_core.access.serving import check_serving
from svp_core.access.sign_in import read_sign_in
from svp_core.workspace.paths import repo_root, workspace_root

HOST = "127.0.0.1"  # reachable from this machine only
FIRST_PORT = 8501


def main(host: str = HOST, port: int | None = None) -> int:
    """Run the app until Ctrl-C. Returns 0 after Ctrl-C, else the exit status of the server.

    host: address to bind to. port: None for a free one. Raises LabError where people would be let in who must not be.
    """
    check_serving(host, workspace_root())
    port = port or free_port()
    address = f"http://{_reachable(host)}:{port}"
    options = {
        "server.address": host,
        "server.port": port,
        "server.headless": "true",
        "logger.hideWelcomeMessage": "true",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *(f"--{name}={value}" for name, value in options.items())],
        cwd=repo_root(),
        stdin=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None and not _answers(_reachable(host), port):
            time.sleep(0.2)
        if server.poll() is None:
            print(f"SvP Lab is open at {address}\nCtrl-C closes it; running jobs continue.", flush=True)
            if read_sign_in() is None and has_desktop():
                webbrowser.open(address)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


def _reachable(host: str) -> str:
    """An address at which a server that is bound to this one answers this machine."""
    return HOST if host in ("", "0.0.0.0", "::") else host


def free_port() -> int:
    """FIRST_PORT if it is free, else any free port."""
    for port in (FIRST_PORT, 0):
        with socket.socket() as probe:
            if os.name != "nt":
                # As the server does: a port that was just closed counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError(f"no free port on {HOST}")


def has_desktop() -> bool:
    """Whether a browser would open on the user's screen: not over ssh, not on a server, not in CI."""
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
