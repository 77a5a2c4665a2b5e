"""Archives that lie about what they hold: refused, or read up to what they state, in little memory."""

import io
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from svp_core.workspace.paths import repo_root

MEGABYTE = 1024**2
LIMIT_MB = 1024  # of the process that reads them; its libraries take about a third of that
# Reads as the app does: in a process with limited memory. Prints what a source holds, or why it is refused, and the
# most memory that this process and the other one have had, in MB.
READER = """
import re, resource, sys
from pathlib import Path
from pages.ui.shared.source_reading import read_first, read_summary
from svp_core.errors import LabError
try:
    source = read_summary(sys.argv[1])
    print([record.reason for record in read_first(sys.argv[1], keep=5).records])
except LabError as error:
    print("refused", error)
own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(own // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def compressed(size):
    """A zip of one entry of so many zero bytes, as bytes."""
    packed, block = io.BytesIO(), bytes(MEGABYTE)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("p.png", "w") as entry:
        for _ in range(size // MEGABYTE):
            entry.write(block)
    return packed.getvalue()


def lying_zip(path):
    """2 GB that are stated as 100 bytes."""
    content = bytearray(compressed(2000 * MEGABYTE))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.rfind(signature) if signature == b"PK\x01\x02" else content.find(signature)
        content[at + offset : at + offset + 4] = struct.pack("<I", 100)
    path.write_bytes(content)


def honest_bomb(path):
    path.write_bytes(compressed(1024 * MEGABYTE))


def many_entries(path, stated=None):
    """1.5 million entries in the directory, which the end states as one."""
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 1_500_000
    with path.open("wb") as file:
        file.write(struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a")
        start = file.tell()
        for _ in range(count // 10_000):
            file.write(entry * 10_000)
        length = file.tell() - start
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, stated or 1, stated or 1, length, start, 0))


def long_header(path):
    """A tar whose first name is stated to have 1.5 GB, in a sparse file."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1536 * MEGABYTE
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1600 * MEGABYTE)


def long_pax_header(path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1536 * MEGABYTE
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(1600 * MEGABYTE)


def packed_header(path):
    """The same header, packed: 300 KB."""
    import gzip

    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 255 * MEGABYTE
    with gzip.open(path, "wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(255):
            file.write(bytes(MEGABYTE))
        file.write(bytes(10_240))


HOSTILE = {
    "lying.zip": lying_zip,
    "bomb.zip": honest_bomb,
    "many.zip": many_entries,
    "long.tar": long_header,
    "pax.tar": long_pax_header,
    "pax.tar.gz": packed_header,
}


# Of itself not ru_maxrss, which holds what the process of the tests had when it started this one.
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory as Linux counts it")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_in_little_memory(tmp_path, name):
    path = tmp_path / name
    HOSTILE[name](path)
    command = [sys.executable, "-c", READER, path]
    done = subprocess.run(command, cwd=repo_root(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    said, memory = done.stdout.splitlines()[-2:]
    of_app, of_reader = map(int, memory.split())
    assert of_app < LIMIT_MB / 2
    assert of_reader < LIMIT_MB
    assert said.startswith("refused") or re.fullmatch(r"\['[^']+'(, '[^']+')*\]", said)
