"""The plain scripts of pages/ui/components/lib, tested by Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")
# Scripts that only draw; the browser tests of their components cover them.
DRAWING = {"annotation_panel", "annotation_view", "map_legend", "mount_plot", "tile_sheet"}


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_script(script):
    done = subprocess.run([NODE, "--test", HERE / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_script_has_tests():
    library = HERE.parents[1] / "pages" / "ui" / "components" / "lib"
    tested = {path.name.removesuffix(".test.mjs") for path in HERE.glob("*.test.mjs")}
    assert {path.stem for path in library.glob("*.js")} == tested | DRAWING
