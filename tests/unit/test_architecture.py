"""Who may import whom. The picture stands in the README; here the imports are walked."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "svp_core").rglob("*.py"))
PIPELINE = ROOT / "svp_core" / "generator" / "pipeline.py"
SCREEN = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]

# The science: arrays in, arrays out. It knows no file format, no database, no process and no screen.
SCIENCE = {
    "particles",
    "images",
    "progress",
    "errors",
    "device",
    "optics",
    "morphology",
    "counts",
    "filters",
    "features",
    "film",
    "classical",
    "label_review",
    "label_audit",
    "agreement",
    "groups",
    "reranking",
    "before_after",
    "estimate",
    "quality",
    "audit",
    "experiment",
    "novelty",
    "localise",
    "generator",
    "classifier",
}
OUTER = {
    "workspace",
    "instruments",
    "tasks",
    "commands",
    "worker",
    "launch",
    "cli",
    "results",
    "naming",
    "reading",
    "classified",
    "report",
    "exports",
    "training",
    "labelled",
    "mislabels",
    "published_import",
    "diffusers_export",
    "own_database",
}
NETWORKS = ("generator", "classifier", "novelty")
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def imported(source, module, *, top_only=False):
    """Dotted names of everything a source imports, relative ones made absolute: {"svp_core.images.TILE_PX", ...}.

    module: the dotted name of the file's package. top_only: leave out what is imported inside functions.
    """
    tree, found = ast.parse(source), set()
    for node in _outside_functions(tree) if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: len(module.split(".")) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return found


def _outside_functions(tree):
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def reaches(names, *targets):
    """Those of the imported names that are one of the target modules or lie in it."""
    return {name for name in names for target in targets if name == target or name.startswith(f"{target}.")}


def imports_of(path, **options):
    return imported(path.read_text("utf-8"), ".".join(path.relative_to(ROOT).parent.parts), **options)


def part_of(path):
    """Which part of svp_core a file belongs to: "optics" for svp_core/optics/mie.py."""
    return path.relative_to(ROOT / "svp_core").parts[0].removesuffix(".py")


def offenders(files, *targets, **options):
    return {
        str(path.relative_to(ROOT)): bad
        for path in files
        if path.is_file() and (bad := reaches(imports_of(path, **options), *targets))
    }


def test_the_walk_sees_what_it_should():
    source = "import a.b\nfrom ..c import d\nfrom .e import f\ndef g():\n    import torch.nn\n    from h import i\n"
    assert imported(source, "svp_core.optics") == {"a.b", "svp_core.c.d", "svp_core.optics.e.f", "torch.nn", "h.i"}
    assert imported(source, "svp_core.optics", top_only=True) == {"a.b", "svp_core.c.d", "svp_core.optics.e.f"}
    assert imported("from . import mie", "svp_core.optics") == {"svp_core.optics.mie"}
    assert imported("if x:\n    try:\n        import y\n    finally:\n        pass", "p", top_only=True) == {"y"}
    assert reaches({"torch.nn", "torchvision", "svp_core.images.TILE_PX"}, "torch", "svp_core.images") == {
        "torch.nn",
        "svp_core.images.TILE_PX",
    }
    assert len(CORE) > 20


def test_the_core_knows_no_screen():
    assert offenders(CORE, "streamlit", "pages", "app") == {}


def test_the_science_knows_no_files_database_or_process():
    science = [path for path in CORE if part_of(path) in SCIENCE]
    assert len({part_of(path) for path in science}) >= 8
    assert offenders(science, "sqlalchemy", "subprocess", *(f"svp_core.{part}" for part in OUTER)) == {}


def test_every_part_of_the_core_has_its_place():
    known = SCIENCE | OUTER | {"__init__", "__main__", "runs", "sample_data"}
    assert {part_of(path) for path in CORE} <= known


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_do_not_import_one_another(network):
    files = [path for path in CORE if part_of(path) == network]
    assert offenders(files, *(f"svp_core.{other}" for other in NETWORKS if other != network)) == {}


def test_readers_and_workspace_know_no_network_and_readers_no_workspace():
    readers = [path for path in CORE if part_of(path) == "instruments"]
    keepers = [path for path in CORE if part_of(path) == "workspace"]
    networks = [f"svp_core.{network}" for network in NETWORKS]
    above = [f"svp_core.{part}" for part in ("tasks", "worker", "launch", "cli", "results", "naming", "reading")]
    assert offenders(readers, "svp_core.workspace", *networks, *above) == {}
    assert offenders(keepers, *networks, *above) == {}


def test_screens_import_downwards():
    parts = [path for path in SCREEN if "parts" in path.parts]
    pages = [f"pages.{path.stem}" for path in (ROOT / "pages").glob("*.py")]
    assert offenders(SCREEN, "app", "sqlalchemy", "svp_core.cli", "svp_core.worker", "svp_core.launch") == {}
    assert offenders([path for path in SCREEN if path.name != "app.py"], *pages) == {}
    assert offenders(parts, "app", *pages) == {}


def test_heavy_libraries_are_imported_where_they_are_needed():
    light = [
        path
        for path in CORE
        if part_of(path) in {"workspace", "instruments", "tasks", "commands", "worker", "launch", "cli"}
    ]
    light = [path for path in light if part_of(path) != "instruments"]
    assert offenders(light, "torch", "torchvision", top_only=True) == {}
    # The file of the pipeline class is for diffusers to open, and is itself imported inside functions only.
    others = [path for path in (*CORE, *SCREEN) if path != PIPELINE]
    assert offenders(others, "diffusers", "svp_core.generator.pipeline", top_only=True) == {}


def test_the_exported_pipeline_file_stands_alone():
    assert offenders([PIPELINE], "svp_core", "streamlit") == {}


def test_starting_a_job_loads_no_network_library():
    """The same through all modules, as Python does it: a page that starts a job, and the worker before its task."""
    modules = ("workspace.jobs", "workspace.datasets", "tasks", "worker", "launch")
    program = "".join(f"import svp_core.{module}\n" for module in modules)
    program += "import sys\nprint([name for name in ('torch', 'diffusers', 'streamlit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_drawer_for_odds_and_ends():
    names = [path.relative_to(ROOT).with_suffix("") for path in (*CORE, *SCREEN)]
    assert [name for name in names if VAGUE & set(name.parts)] == []
