"""Which room may import which. The picture stands in the README; here every import of the code is checked."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 60
CORE = sorted((ROOT / "svp_core").rglob("*.py"))
PIPELINE = ROOT / "svp_core" / "generator" / "pipeline.py"
SCREEN = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]

# From top to bottom: a room imports only from layers below its own; rooms of one layer do not know each other.
# A room is a package or module of svp_core, a room of pages/ui, all pages, or app.py.
LAYERS = (
    ("app",),
    ("pages",),
    (
        "pages.ui.audits",
        "pages.ui.classify",
        "pages.ui.denoising",
        "pages.ui.experiment",
        "pages.ui.frames",
        "pages.ui.review",
        "pages.ui.synthesize",
        "pages.ui.audit_trail",
        "pages.ui.help",
        "pages.ui.instrument",
        "pages.ui.novelty",
        "pages.ui.train",
    ),
    ("pages.ui.shared",),
    ("pages.ui.components",),
    ("svp_core.__main__",),
    ("svp_core.cli",),
    ("svp_core.commands",),
    ("svp_core.worker", "svp_core.launch"),
    ("svp_core.tasks",),
    # Domain: what is made of models, data and decisions.
    ("svp_core.backup", "svp_core.report", "svp_core.exports", "svp_core.sample_data"),
    ("svp_core.training", "svp_core.review", "svp_core.experiment"),
    ("svp_core.generator_audit",),
    ("svp_core.datasets", "svp_core.quality"),
    ("svp_core.classification", "svp_core.model_import", "svp_core.reference_library", "svp_core.frames"),
    ("svp_core.embedding",),
    # Storage, networks, statistics: arrays and files in, arrays and files out.
    ("svp_core.workspace", "svp_core.generator", "svp_core.classifier"),
    ("svp_core.access",),  # who acts, and what they may do
    (
        "svp_core.execution",
        "svp_core.audit",
        "svp_core.audit_trail",
        "svp_core.label_errors",
        "svp_core.display",
        "svp_core.profiles",
        "svp_core.size_standard",
        "svp_core.validation",
        "svp_core.novelty",
    ),
    (
        "svp_core.instruments",
        "svp_core.optics",
        "svp_core.morphology",
        "svp_core.size_correction",
        "svp_core.stats",
        "svp_core.augmentation",
        "svp_core.model_files",
        "svp_core.tile_file",
    ),
    ("svp_core.files", "svp_core.decoding"),
    (
        "svp_core.images",
        "svp_core.near_duplicates",
        "svp_core.particle_classes",
        "svp_core.device",
        "svp_core.progress",
        "svp_core.errors",
    ),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MAX_ROOT_MODULES = 17  # of svp_core: more belong into rooms

NETWORKS = ("generator", "classifier", "novelty")
# The science knows no database, process or screen; it gets arrays and paths.
SCIENCE = (
    "audit",
    "classifier",
    "embedding",
    "generator",
    "label_errors",
    "morphology",
    "novelty",
    "optics",
    "quality",
    "stats",
)
LIGHT = ("workspace", "execution", "tasks", "commands", "worker", "launch", "cli")
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def imported(source, package, *, top_only=False):
    """Dotted names of everything a source imports, relative ones made absolute: {"svp_core.images.TILE_PX", ...}.

    package: dotted name of the file's package. top_only: without imports inside functions and for type hints.
    """
    tree, names = ast.parse(source), set()
    for node in _outside_functions(tree) if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            names |= {f"{start}.{alias.name}" for alias in node.names}
    return names


def _outside_functions(tree):
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        for_hints = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        if not for_hints and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def reaches(names, *targets):
    """Those of the imported names that are one of the target modules or lie in it."""
    return {name for name in names for target in targets if name == target or name.startswith(f"{target}.")}


def imports_of(path, **options):
    return imported(path.read_text("utf-8"), ".".join(path.relative_to(ROOT).parent.parts), **options)


def dotted(path):
    """Dotted name of a file's module: "svp_core.optics" for svp_core/optics/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name):
    """The room of a dotted name, None for a name that is not ours: "svp_core.optics" for "svp_core.optics.mie.x"."""
    parts = name.split(".")
    if parts[0] == "svp_core" and len(parts) > 1:
        return ".".join(parts[:2])
    if parts[0] == "pages":
        return ".".join(parts[:3]) if parts[1:2] == ["ui"] else "pages"
    return "app" if name == "app" or name.startswith("app.") else None


def files_in(*rooms):
    """Files of these rooms of svp_core."""
    return [path for path in CORE if room_of(dotted(path)) in {f"svp_core.{room}" for room in rooms}]


def offenders(files, *targets, **options):
    return {
        str(path.relative_to(ROOT)): bad
        for path in files
        if path.is_file() and (bad := reaches(imports_of(path, **options), *targets))
    }


def test_the_walk_sees_every_kind_of_import():
    source = "import a.b\nfrom ..c import d\nfrom .e import f\ndef g():\n    import torch.nn\n    from h import i\n"
    assert imported(source, "svp_core.optics") == {"a.b", "svp_core.c.d", "svp_core.optics.e.f", "torch.nn", "h.i"}
    assert imported(source, "svp_core.optics", top_only=True) == {"a.b", "svp_core.c.d", "svp_core.optics.e.f"}
    assert imported("from . import mie", "svp_core.optics") == {"svp_core.optics.mie"}
    assert imported("if x:\n    try:\n        import y\n    finally:\n        pass", "p", top_only=True) == {"y"}
    assert imported("if TYPE_CHECKING:\n    import y", "p", top_only=True) == set()
    assert reaches({"torch.nn", "torchvision", "svp_core.images.TILE_PX"}, "torch", "svp_core.images") == {
        "torch.nn",
        "svp_core.images.TILE_PX",
    }
    assert [room_of(name) for name in ("svp_core.optics.mie.x", "pages.home", "pages.ui.shared.text", "app")] == [
        "svp_core.optics",
        "pages",
        "pages.ui.shared",
        "app",
    ]
    assert room_of("numpy.typing") is None
    assert len(CORE) > 100


def test_every_room_has_its_layer():
    rooms = {room_of(dotted(path)) for path in (*CORE, *SCREEN)} - {None}
    assert rooms == set(LEVEL), "list a new room in LAYERS, where its imports point downwards"
    assert len(LEVEL) == sum(len(rooms) for rooms in LAYERS)


def test_imports_point_downwards():
    upwards = []
    for path in (*CORE, *SCREEN):
        room = room_of(dotted(path))
        for name in imports_of(path):
            target = room_of(name)
            if room and target and target != room and LEVEL[target] <= LEVEL[room]:
                upwards.append(f"{path.relative_to(ROOT)} imports {name}")
    assert upwards == []


def test_a_page_does_not_know_another_page():
    pages = {f"pages.{path.stem}" for path in (ROOT / "pages").glob("*.py")}
    assert offenders((ROOT / "pages").glob("*.py"), *pages) == {}


def test_no_circle_of_modules():
    modules = {dotted(path): path for path in (*CORE, *SCREEN)}
    graph = {}
    for name, path in modules.items():
        packages = {dotted(path.parent / "__init__.py")}
        targets = {imp if imp in modules else imp.rpartition(".")[0] for imp in imports_of(path, top_only=True)}
        graph[name] = (targets & modules.keys()) - {name} - packages
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import one another: {' -> '.join(error.args[1])}")


def test_the_root_of_the_core_holds_few_modules():
    assert len(list((ROOT / "svp_core").glob("*.py"))) <= MAX_ROOT_MODULES


def test_the_core_knows_no_screen():
    assert offenders(CORE, "streamlit", "pages", "app") == {}


def test_screens_know_no_database_process_or_command():
    assert offenders(SCREEN, "sqlalchemy", "svp_core.cli", "svp_core.commands", "svp_core.worker") == {}
    assert offenders(SCREEN[1:], "svp_core.launch") == {}


def test_the_science_knows_no_database_or_process():
    science = files_in(*SCIENCE)
    assert len({room_of(dotted(path)) for path in science}) == len(SCIENCE)
    assert offenders(science, "sqlalchemy", "subprocess", "svp_core.workspace") == {}


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_do_not_import_one_another(network):
    assert offenders(files_in(network), *(f"svp_core.{other}" for other in NETWORKS if other != network)) == {}


def test_heavy_libraries_are_imported_where_they_are_needed():
    assert offenders(files_in(*LIGHT), "torch", "torchvision", top_only=True) == {}
    # The file of the pipeline class is for diffusers to open, and is itself imported inside functions only.
    others = [path for path in (*CORE, *SCREEN) if path != PIPELINE]
    assert offenders(others, "diffusers", "svp_core.generator.pipeline", top_only=True) == {}


def test_the_exported_pipeline_file_stands_alone():
    assert offenders([PIPELINE], "svp_core", "streamlit") == {}


def test_starting_a_job_loads_no_network_library():
    """The same through all modules, as Python does it: a page that starts a job, and the worker before its task."""
    modules = ("workspace.jobs", "workspace.datasets", "tasks.job_kinds", "tasks.lanes", "worker", "launch", "cli")
    program = "".join(f"import svp_core.{module}\n" for module in modules)
    program += "import sys\nprint([name for name in ('torch', 'diffusers', 'streamlit') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_and_functions_are_short():
    scripts = (ROOT / "pages").rglob("*.js")
    sizes = {path: path.read_text("utf-8").count("\n") for path in (*CORE, *SCREEN, *scripts)}
    assert {str(path.relative_to(ROOT)): lines for path, lines in sizes.items() if lines > MAX_MODULE_LINES} == {}
    trees = {path: ast.parse(path.read_text("utf-8")) for path in (*CORE, *SCREEN)}
    functions = [
        (f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    assert [name for name, lines in functions if lines > MAX_FUNCTION_LINES] == []


def test_no_module_has_a_vague_name():
    names = [path.relative_to(ROOT).with_suffix("") for path in (*CORE, *SCREEN)]
    assert [name for name in names if VAGUE & set(name.parts)] == []
