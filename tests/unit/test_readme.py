"""The README lists the rooms, commands, benchmarks and environment variables that exist, and no others."""

import re
from pathlib import Path

import pytest

from svp_core.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
TREE = README.partition("## Where things are\n\n```\n")[2].partition("```")[0]


def tree_paths():
    """Paths named in the README's tree, relative to the repository."""
    paths, folders = [], []
    for line in TREE.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"\s*((?:[\w./]+ ?)+)", line)[1].split()
        folders = [*folders[:depth], names[0]]
        paths += ["/".join(folder.rstrip("/") for folder in (*folders[:depth], name)) for name in names]
    return paths


@pytest.mark.parametrize("path", tree_paths())
def test_paths_in_the_tree_exist(path):
    assert (ROOT / path).exists()


def test_the_tree_names_every_room():
    rooms = [path.relative_to(ROOT).as_posix() for path in (ROOT / "svp_core").iterdir() if path.name[0] not in "_."]
    rooms += [f"pages/ui/{path.name}" for path in (ROOT / "pages" / "ui").iterdir() if path.name[0] not in "_."]
    assert sorted(set(rooms) - set(tree_paths())) == []


def test_the_table_lists_every_command():
    section = README.partition("## Command line")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z-]+)", section, re.M)
    assert sorted(listed) == sorted(module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS)


def test_every_benchmark_is_listed_and_exists():
    listed = set(re.findall(r"`python (benchmarks/\w+\.py)", README))
    assert listed == {path.relative_to(ROOT).as_posix() for path in (ROOT / "benchmarks").glob("[!_]*.py")}


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_a_benchmark_runs_as_the_script_that_is_listed(path):
    """A script finds the others beside it by their names; as members of a package it finds none of them."""
    assert not re.search(r"^\s*(from|import) benchmarks\b", path.read_text("utf-8"), re.M)


def test_every_environment_variable_is_listed():
    sources = [path for room in ("svp_core", "pages") for path in (ROOT / room).rglob("*.py")]
    sources += [ROOT / "app.py", *(ROOT / "tests").rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"\bSVP_[A-Z_]+\b", path.read_text("utf-8"))}
    assert named == set(re.findall(r"`(SVP_[A-Z_]+)`", README))
