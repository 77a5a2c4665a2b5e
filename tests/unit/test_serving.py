"""Who may talk to the app: its own pages under its own names, nobody else's page in the same browser."""

import base64
import http.client
import os

import pytest

from tests.helpers.app_server import serving


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as address:
        yield int(address.rpartition(":")[2])


def websocket_status(port, *, host, origin):
    """Status of a browser's request for the connection that pages live by; 101: it is open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {
        "Host": host.format(port=port),
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **({"Origin": origin.format(port=port)} if origin else {}),
    }
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_app_opens_under_its_own_names(port, name):
    assert websocket_status(port, host=f"{name}:{{port}}", origin=f"http://{name}:{{port}}") == 101


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example:{port}", "http://evil.example:{port}"),  # its name was pointed at this machine
        ("evil.example", "http://evil.example"),
        ("127.0.0.1.evil.example:{port}", "http://127.0.0.1.evil.example:{port}"),
        ("127.0.0.1:{port}", "http://evil.example"),
        ("127.0.0.1:{port}", "https://127.0.0.1.evil.example:{port}"),
        ("localhost:{port}", "null"),
        ("evil.example:{port}", ""),
        ("user@127.0.0.1:{port}", "http://127.0.0.1:{port}"),
    ],
)
def test_another_page_or_another_name_is_refused(port, host, origin):
    assert websocket_status(port, host=host, origin=origin) in (400, 403)
