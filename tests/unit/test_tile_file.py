"""Files of tiles: whoever has mapped one keeps reading it, whatever is written."""

import subprocess
import sys

import numpy as np
import pytest

from svp_core.tile_file import append_tiles, read_tiles
from svp_core.workspace.paths import repo_root

TILES = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 64, 64), np.uint8)
# Maps 4,000 tiles, lets the file be written anew with one, and reads the last of what it has mapped.
READER = """
import sys
import numpy as np
from svp_core.tile_file import append_tiles, read_tiles
path, after = sys.argv[1], int(sys.argv[2])
append_tiles(path, np.full((4000, 64, 64), 7, np.uint8), after=0)
mapped = read_tiles(path)
append_tiles(path, np.full((1, 64, 64), 9, np.uint8), after=after)
print(mapped[-1].max(), len(read_tiles(path)))
"""


@pytest.mark.parametrize(("after", "count"), [(0, 1), (2, 3)])
def test_a_file_that_shrinks_does_not_kill_who_has_mapped_it(tmp_path, after, count):
    command = [sys.executable, "-c", READER, tmp_path / "tiles.npy", str(after)]
    done = subprocess.run(command, cwd=repo_root(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["7", str(count)]


def test_tiles_behind_the_given_count_are_dropped(tmp_path):
    path = tmp_path / "tiles.npy"
    append_tiles(path, TILES[:4], after=0)
    append_tiles(path, TILES[4:], after=4)
    assert np.array_equal(read_tiles(path), TILES)
    append_tiles(path, TILES[:1], after=2)
    assert np.array_equal(read_tiles(path), TILES[[0, 1, 0]])
    append_tiles(path, TILES[5:], after=0)
    assert np.array_equal(read_tiles(path), TILES[5:])
    with pytest.raises(ValueError, match="fewer tiles"):
        append_tiles(path, TILES, after=2)
    assert [child.name for child in tmp_path.iterdir()] == ["tiles.npy"]
