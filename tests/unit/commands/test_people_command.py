"""svp-lab people: a list of people means something only where sign-in is on."""

import pytest

from svp_core.cli import main
from svp_core.workspace.people import list_people
from tests.helpers.people import write_settings

ADD = ["people", "add", "ben@lab.example", "Ben Reviewer", "reviewer"]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    for name in ("SVP_SIGN_IN", "SVP_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_person_is_added_and_gets_another_role(workspace, monkeypatch, capsys):
    monkeypatch.setenv("SVP_SIGN_IN", write_settings(workspace / "lab.toml"))
    monkeypatch.setenv("SVP_AUDIT_KEY", str(workspace / "keys" / "audit.key"))
    assert main(ADD) == 0
    assert main(["people", "role", "ben@lab.example", "reader"]) == 0
    assert [(one.login, one.role) for one in list_people()] == [("ben@lab.example", "reader")]
    assert "reader    ben@lab.example  Ben Reviewer" in capsys.readouterr().out


def test_without_the_settings_of_the_server_nobody_is_added_to_another_workspace(capsys):
    assert main(ADD) == 2
    assert "SVP_SIGN_IN" in capsys.readouterr().err
    assert list_people() == []
    assert main(["people", "list"]) == 0
