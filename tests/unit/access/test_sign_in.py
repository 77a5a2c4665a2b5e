"""The settings file of sign-in, and who is served."""

import pytest

from svp_core.access.serving import check_serving, is_local
from svp_core.access.sign_in import read_sign_in
from svp_core.errors import LabError
from tests.helpers.people import write_settings

PROXY = """keepers = ["kim"]
[proxy]
header = "X-Remote-User"
secret_header = "X-Secret"
secret = "0123456789abcdef"
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("SVP_SIGN_IN", "SVP_DATA_ROOTS", "SVP_AUDIT_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_it_is_off_without_the_file():
    assert read_sign_in() is None


def test_openid_connect(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_SIGN_IN", write_settings(tmp_path / "lab.toml"))
    sign_in = read_sign_in()
    assert (sign_in.proxy, sign_in.claim, sign_in.asks_password) == (None, "email", True)
    assert sign_in.keepers == ("kim@lab.example",)
    assert sign_in.hosts == ("127.0.0.1",)
    write_settings(tmp_path / "lab.toml", prompt="select_account")
    assert not read_sign_in().asks_password


def test_a_proxy_is_believed_with_its_secret_only(tmp_path, monkeypatch):
    (tmp_path / "lab.toml").write_text(PROXY)
    monkeypatch.setenv("SVP_SIGN_IN", str(tmp_path / "lab.toml"))
    proxy = read_sign_in().proxy
    assert proxy.login_of({"X-Remote-User": " kim ", "X-Secret": "0123456789abcdef"}) == "kim"
    assert proxy.login_of({"X-Remote-User": "kim", "X-Secret": "0123456789abcdeF"}) == ""
    assert proxy.login_of({"X-Remote-User": "kim"}) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keepers = [", "not a valid TOML"),
        ("[proxy]\n", "names no keepers"),
        ('keepers = ["a"]', "exactly one"),
        (PROXY + '[auth]\nclient_id = "a"\n', "exactly one"),
        (PROXY.replace("secret_header", "other"), "lacks secret_header"),
        (PROXY.replace("0123456789abcdef", "short"), "at least 16"),
    ],
)
def test_a_wrong_file_lets_nobody_in(tmp_path, monkeypatch, text, said):
    (tmp_path / "lab.toml").write_text(text)
    monkeypatch.setenv("SVP_SIGN_IN", str(tmp_path / "lab.toml"))
    with pytest.raises(LabError, match=said):
        read_sign_in()
    with pytest.raises(LabError, match=said):
        check_serving("127.0.0.1", tmp_path)


def test_a_missing_file_lets_nobody_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_SIGN_IN", str(tmp_path / "none.toml"))
    with pytest.raises(LabError, match="cannot be read"):
        read_sign_in()


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_is_served_without_anything(address, tmp_path):
    assert is_local(address)
    check_serving(address, tmp_path)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", None, "192.168.1.7", "lab.example"])
def test_others_are_served_only_with_sign_in_data_roots_and_a_key(address, tmp_path, monkeypatch):
    assert not is_local(address)
    workspace = tmp_path / "work"
    with pytest.raises(LabError, match="SVP_SIGN_IN and SVP_DATA_ROOTS are not set"):
        check_serving(address, workspace)
    monkeypatch.setenv("SVP_SIGN_IN", write_settings(tmp_path / "lab.toml"))
    with pytest.raises(LabError, match="SVP_DATA_ROOTS is not set"):
        check_serving(address, workspace)
    monkeypatch.setenv("SVP_DATA_ROOTS", str(tmp_path))
    for key in (None, workspace / "audit.key"):
        if key:
            monkeypatch.setenv("SVP_AUDIT_KEY", str(key))
        with pytest.raises(LabError, match="outside the workspace"):
            check_serving(address, workspace)
    monkeypatch.setenv("SVP_AUDIT_KEY", str(tmp_path / "audit.key"))
    check_serving(address, workspace)
    monkeypatch.delenv("SVP_SIGN_IN")
    with pytest.raises(LabError, match="SVP_SIGN_IN is not set"):
        check_serving(address, workspace)
