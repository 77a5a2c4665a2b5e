"""Zip archives as other tools write them: names in any encoding without a flag, methods that Python cannot write."""

import zipfile

SYSTEMS = {"windows": 0, "unix": 3}


class RawInfo(zipfile.ZipInfo):
    """An entry whose name is written as these bytes, without the flag for UTF-8."""

    raw_name = b""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.raw_name, self.flag_bits & ~0x800


def write_raw_zip(path, entries, *, system="unix", extra=None):
    """Write (bytes of the name, content) entries. extra: name bytes -> extra field."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, (raw_name, data) in enumerate(entries):
            info = RawInfo(f"entry {number}")
            info.raw_name, info.create_system = raw_name, SYSTEMS[system]
            info.compress_type = zipfile.ZIP_DEFLATED
            info.extra = extra(raw_name) if extra else b""
            file.writestr(info, data)
    return path


def set_method(path, method, *, names=None):
    """Make the archive's entries, or those of these names, claim another compression method."""
    with zipfile.ZipFile(path) as file:
        offsets = {info.filename: info.header_offset for info in file.infolist()}
        start = file.start_dir
    data = bytearray(path.read_bytes())
    for name, offset in offsets.items():
        if names is None or name in names:
            data[offset + 8 : offset + 10] = method.to_bytes(2, "little")
    while data[start : start + 4] == b"PK\x01\x02":
        lengths = [int.from_bytes(data[start + at : start + at + 2], "little") for at in (28, 30, 32)]
        name = data[start + 46 : start + 46 + lengths[0]].decode()
        if names is None or name in names:
            data[start + 10 : start + 12] = method.to_bytes(2, "little")
        start += 46 + sum(lengths)
    path.write_bytes(data)
    return path
