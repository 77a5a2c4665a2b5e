"""Which engine does the work, and what is said where it cannot: all without Ray."""

import socket

import pytest

from svp_core.errors import LabError
from svp_core.execution import RAY, executor, ray_cluster


def test_other_versions_are_refused():
    with pytest.raises(LabError, match=r"other-machine has torch 1\.0 and this machine"):
        ray_cluster._check_versions("other-machine", {**ray_cluster._versions(), "torch": "1.0"})


def test_without_ray_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ray_cluster, "has_ray", lambda: False)
    with pytest.raises(LabError, match=r"Ray is not installed.*requirements-cluster\.txt"):
        next(executor(RAY).map_ordered(str, [], workers=1))


def test_an_unknown_engine_is_refused():
    with pytest.raises(LabError, match="no engine 'spark'; use local or ray"):
        executor("spark")


def test_a_cluster_is_offered_only_where_it_answers(monkeypatch, tmp_path):
    monkeypatch.delenv(ray_cluster.ADDRESS, raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(ray_cluster, "has_ray", lambda: True)
    assert not ray_cluster.has_cluster()
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(f"127.0.0.1:{server.getsockname()[1]}")
        assert ray_cluster.has_cluster()
    assert not ray_cluster.has_cluster()  # the file is still there
    monkeypatch.setenv(ray_cluster.ADDRESS, "head:6379")
    assert ray_cluster.has_cluster()
