"""Sources of the benchmark hold as many particles as asked for; equal results are told from different ones."""

import shutil
import subprocess
import sys

import pytest
import scale

from svp_core.instruments.detect import detect_source
from tests.helpers.sample_files import SHIPPED


@pytest.mark.parametrize("write", [scale.write_archive, scale.write_folder])
def test_a_source_holds_as_many_particles_as_asked_for(tmp_path, write):
    assert detect_source(write(tmp_path / "made.zip", 250)).count == 250
    assert [entry.name for entry in tmp_path.iterdir()] == ["made.zip"]


def test_a_digest_tells_a_changed_value_and_not_the_time_of_a_file(tmp_path):
    digests = []
    for name, old, new in (("first", "", ""), ("second", "", ""), ("third", "protein", "air_bubble")):
        folder = tmp_path / name
        folder.mkdir()
        table = (SHIPPED / "results.csv").read_text("utf-8")
        (folder / "results.csv").write_text(table.replace(old, new, 1) if old else table, "utf-8")
        shutil.copyfile(SHIPPED / "tiles.npy", folder / "tiles.npy")
        digests.append(scale.digest_of(folder))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc")
def test_processor_time_and_memory_are_those_of_all_processes():
    inner = "import time; block = b'x' * 200_000_000; end = time.process_time() + 1\nwhile time.process_time() < end: 0"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}]); import time; time.sleep(1.5)"
    process = subprocess.Popen([sys.executable, "-c", outer])
    watch = scale.Watch(process.pid)
    process.wait()
    seconds, megabytes = watch.totals()
    assert 0.3 < seconds < 4
    assert 200 < megabytes < 400
