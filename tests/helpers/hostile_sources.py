"""Archives, images, links and paths that lie, burst or lead elsewhere: a maker gets an empty folder, gives a path."""

import bz2
import gzip
import io
import lzma
import os
import socket
import stat
import struct
import tarfile
import zipfile
import zlib

import numpy as np

from svp_core.images import encode_png

MEGABYTE = 1024**2
PNG = encode_png(np.pad(np.full((4, 9), 60, np.uint8), 8, constant_values=170))
ENTRY, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"  # signatures in a zip


def zeros(size):
    """A zip of one entry of so many zero bytes, as bytes; its checksum is wrong."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands for itself
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("p.png", block * (size // MEGABYTE) + packer.flush())
    content = bytearray(packed.getvalue())
    for at, method, stated in ((0, 8, 22), (content.rfind(ENTRY), 10, 24)):
        content[at + method : at + method + 2] = struct.pack("<H", zipfile.ZIP_DEFLATED)
        content[at + stated : at + stated + 4] = struct.pack("<I", size)
    return content


def zip_of(folder, *entries, name="particles.zip"):
    """A zip of (name or ZipInfo, content) entries."""
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return folder / name


def tar_of(folder, mode="w", **fields):
    """A tar of one entry with these fields of TarInfo."""
    info = tarfile.TarInfo("p.png")
    for name, value in fields.items():
        setattr(info, name, value)
    with tarfile.open(folder / "particles.tar", mode) as archive:
        archive.addfile(info, io.BytesIO(PNG) if info.size else None)
    return folder / "particles.tar"


def lying_sizes(folder):
    """2 GB that are stated as 100 bytes."""
    content = zeros(2000 * MEGABYTE)
    for at, stated in ((0, 22), (content.rfind(ENTRY), 24)):
        content[at + stated : at + stated + 4] = struct.pack("<I", 100)
    return image(folder, content, "particles.zip")


def burst(folder):
    return image(folder, zeros(1024 * MEGABYTE), "particles.zip")


def many_entries(folder, name="particles.zip"):
    """1.5 million entries in the directory, which the end states as one."""
    entry = struct.pack("<4s6H3I5H2I", ENTRY, 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 1_500_000
    with (folder / name).open("wb") as file:
        file.write(struct.pack("<4s5H3I2H", LOCAL, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"a")
        start = file.tell()
        for _ in range(count // 10_000):
            file.write(entry * 10_000)
        length = file.tell() - start
        file.write(struct.pack("<4s4H2IH", END, 0, 0, 1, 1, length, start, 0))
    return folder / name


def one_content_often(folder):
    """A thousand entries that all unpack the same 10 MB."""
    content = zeros(10 * MEGABYTE)
    at, end = content.rfind(ENTRY), content.rfind(END)
    entry, count = content[at:end], 1000
    tail = struct.pack("<4s4H2IH", END, 0, 0, count, count, len(entry) * count, at, 0)
    (folder / "particles.zip").write_bytes(content[:at] + entry * count + tail)
    return folder / "particles.zip"


def archives_in_archives(folder):
    """Sixteen zips of sixteen zips of 500 MB each."""
    inner = bytes(zeros(500 * MEGABYTE))
    middle = zip_of(folder, *((f"{k}.zip", inner) for k in range(16)), name="middle").read_bytes()
    (folder / "middle").unlink()
    return zip_of(folder, *((f"{k}.zip", middle) for k in range(16)))


def endless_directory(folder):
    """A zip64 whose directory is stated to have 2**62 bytes."""
    path = zip_of(folder, ("p.png", PNG))
    content = path.read_bytes()
    end = content.rfind(END)
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**62, 2**62, 2**62, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    path.write_bytes(content[:end] + wide + locator + content[end:])
    return path


def protected(folder):
    path = zip_of(folder, ("p.png", PNG))
    content = bytearray(path.read_bytes())
    content[content.index(ENTRY) + 8] |= 1
    path.write_bytes(content)
    return path


def cut_off(folder):
    path = zip_of(folder, ("p.png", PNG))
    path.write_bytes(path.read_bytes()[:-30])
    return path


def link_in_zip(folder):
    link = zipfile.ZipInfo("p.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zip_of(folder, (link, "/etc/passwd"))


def long_name(folder, kind=tarfile.GNUTYPE_LONGNAME):
    """A tar whose first name is stated to have 1.5 GB, in a sparse file."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 1536 * MEGABYTE
    form = tarfile.GNU_FORMAT if kind == tarfile.GNUTYPE_LONGNAME else tarfile.USTAR_FORMAT
    with (folder / "particles.tar").open("wb") as file:
        file.write(info.tobuf(form))
        file.truncate(1600 * MEGABYTE)
    return folder / "particles.tar"


def packed_header(folder):
    """A header of 255 MB, packed to 300 KB."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 255 * MEGABYTE
    with gzip.open(folder / "particles.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(255):
            file.write(bytes(MEGABYTE))
        file.write(bytes(10_240))
    return folder / "particles.tar.gz"


def packed_tar(folder, name, compressor):
    """A tar of one entry of 400 MB of zeros, packed."""
    info = tarfile.TarInfo("p.png")
    info.size = 400 * MEGABYTE
    with (folder / name).open("wb") as file:
        file.write(compressor.compress(info.tobuf()))
        block = bytes(MEGABYTE)
        for _ in range(400):
            file.write(compressor.compress(block))
        file.write(compressor.flush())
    return folder / name


def wide_window(folder):
    """An xz that asks its reader for a window of 1.5 GB."""
    content = bytearray(lzma.compress(tar_of(folder).read_bytes(), preset=0))
    (folder / "particles.tar").unlink()
    # Block header: size, flags, id of LZMA2, length of its properties, dictionary as 2 or 3 times a power of two.
    content[12 + 4] = 39  # 3 GB
    header = content[12 : 12 + (content[12] + 1) * 4 - 4]
    content[12 + len(header) : 12 + len(header) + 4] = struct.pack("<I", zlib.crc32(bytes(header)))
    (folder / "particles.tar.xz").write_bytes(content)
    return folder / "particles.tar.xz"


def png_of(width, height, rows=None):
    """A black PNG that states so many pixels; rows: how many lines of them it has, all unless given."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer, line = zlib.compressobj(9), bytes(1 + 3 * width)
    lines = [packer.compress(line) for _ in range(height if rows is None else rows)]
    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", b"".join([*lines, packer.flush()])) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def image(folder, content, name="p.png"):
    (folder / name).write_bytes(content)
    return folder / name


def endless_tiff(folder):
    """A TIFF whose only page names itself as the next one."""
    entries = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
               (277, 3, 1, 1), (278, 3, 1, 8), (279, 4, 1, 64)]  # fmt: skip
    page = struct.pack("<H", len(entries)) + b"".join(struct.pack("<2HII", *entry) for entry in entries)
    return image(folder, b"II*\0" + struct.pack("<I", 72) + bytes(64) + page + struct.pack("<I", 72), "p.tif")


def in_folder(make):
    """The folder itself, with what `make` has put into it."""

    def made(folder):
        make(folder)
        return folder

    return made


def link_out(folder):
    """A folder of a link to a file outside of what may be read."""
    secret = folder.parents[1] / "secret.png"
    secret.write_bytes(PNG)
    (folder / "p.png").symlink_to(secret)
    return folder


def link_out_to_archive(folder):
    secret = folder.parents[1] / "secret"
    secret.mkdir(exist_ok=True)
    zip_of(secret, ("p.png", PNG))
    (folder / "particles.zip").symlink_to(secret / "particles.zip")
    return folder / "particles.zip"


def link_to_itself(folder):
    (folder / "a.png").symlink_to(folder / "b.png")
    (folder / "b.png").symlink_to(folder / "a.png")
    return folder


def waiting_pipe(folder):
    os.mkfifo(folder / "p.png")
    return folder


def dead_socket(folder):
    with socket.socket(socket.AF_UNIX) as end:
        here = os.open(folder, os.O_RDONLY)
        end.bind(f"/proc/self/fd/{here}/p.png")  # the path of a socket has 108 characters at most
        os.close(here)
    return folder


ARCHIVES = {
    "2 GB stated as 100 bytes": lying_sizes,
    "1 GB of zeros in 1 MB": burst,
    "1.5 million files stated as 1": many_entries,
    "the same, without an ending": lambda at: many_entries(at, "particles"),
    "a folder with 2 GB stated as 100 bytes": in_folder(lying_sizes),
    "a folder with 1.5 million files stated as 1": in_folder(many_entries),
    "a thousand times the same 10 MB": one_content_often,
    "zips in zips, 128 GB": archives_in_archives,
    "a directory of 2^62 bytes": endless_directory,
    "a name out of the archive": lambda at: zip_of(at, ("../p.png", PNG)),
    "a full path in a tar": lambda at: tar_of(at, name="/etc/p.png", size=len(PNG)),
    "a path of Windows": lambda at: zip_of(at, ("C:\\p.png", PNG)),
    "a link in a zip": link_in_zip,
    "a link in a tar": lambda at: tar_of(at, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link in a tar": lambda at: tar_of(at, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "a device in a tar": lambda at: tar_of(at, type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "a password": protected,
    "a zip that was cut off": cut_off,
    "a name of 1.5 GB": long_name,
    "a header of 1.5 GB": lambda at: long_name(at, tarfile.XHDTYPE),
    "a packed header of 255 MB": packed_header,
    "400 MB of zeros in a tar.bz2": lambda at: packed_tar(at, "particles.tar.bz2", bz2.BZ2Compressor()),
    "400 MB of zeros in a tar.xz": lambda at: packed_tar(at, "particles.tar.xz", lzma.LZMACompressor(preset=0)),
    "a tar.xz with a window of 3 GB": wide_window,
}
IMAGES = {
    "a PNG of 60,000 x 60,000": lambda at: image(at, png_of(60_000, 60_000, rows=100)),
    "a PNG of 7,700 x 7,700, all black": lambda at: image(at, png_of(7_700, 7_700)),
    "the same in a zip": lambda at: zip_of(at, ("p.png", png_of(7_700, 7_700))),
    "a TIFF without an end": endless_tiff,
}
LINKS = {
    "a link to a file outside": link_out,
    "a link to an archive outside": link_out_to_archive,
    "two links to each other": link_to_itself,
    "a pipe that nobody writes to": waiting_pipe,
    "a socket": dead_socket,
}
PATHS = {
    "/etc": lambda at: "/etc",
    "/dev/zero": lambda at: "/dev/zero",
    "/proc/self/mem": lambda at: "/proc/self/mem",
    "a path up and out": lambda at: f"{at}/../../../etc/passwd",
    "a path with NUL": lambda at: f"{at}/p\0.png",
    "a path of 100,000 letters": lambda at: f"{at}/{'p' * 100_000}",
    "a home folder of nobody": lambda at: "~nobody-here/run",
}
HOSTILE = ARCHIVES | IMAGES | LINKS | PATHS
