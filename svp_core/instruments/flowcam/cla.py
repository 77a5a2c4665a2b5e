"""Read and write FlowCam's .cla: the assignment of particles to classes.

Lines: "v3"; the number of classifications; then for each its name and the number of its classes, and for each class its
name, AND or OR, the number of its filters, one filter path per line, the number of its particles, one id per line. Ids
in no class are unclassified. Derived from one real file (VisualSpreadsheet 4.19.3), which is reproduced byte for byte;
a public one of version 3.4.5 has the same layout. Files of other versions are read where they follow it, never written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from svp_core.errors import LabError

CLASSIFICATION_NAME = "SvP Lab"  # of the classification that update_cla() writes
VERSION = "v3"


@dataclass(frozen=True)
class LabelClass:
    """One class and its particles."""

    name: str
    rule: str = "OR"  # how its filters are joined: AND or OR
    filters: tuple[str, ...] = ()  # paths of filter files on the instrument's computer
    ids: tuple[str, ...] = ()  # of its particles, as in the list


@dataclass(frozen=True)
class Classification:
    """One classification of a run's particles."""

    name: str
    classes: tuple[LabelClass, ...] = ()

    def label_of(self) -> dict[str, str]:
        """{id: class name} of every classified particle."""
        return {particle_id: c.name for c in self.classes for particle_id in c.ids}


@dataclass(frozen=True)
class _FileFormat:
    """How a file is written, apart from its classifications."""

    version: str = VERSION
    line_end: str = "\n"
    encoding: str = "latin-1"
    rest: tuple[str, ...] = ()  # lines after the known part


def read_cla(data: bytes) -> list[Classification]:
    """Classifications in the bytes of a .cla. Raises LabError if it is not a .cla or is truncated."""
    return _parse(data)[0]


def write_cla(classifications: Sequence[Classification]) -> bytes:
    """Bytes of a .cla with these classifications."""
    return _to_bytes(classifications, _FileFormat())


def update_cla(original: bytes | None, labels: Mapping[str, Iterable[object]]) -> bytes:
    """Bytes of a .cla in which the classification "SvP Lab" holds these labels: {class name: ids}.

    original: bytes of the run's own .cla, or None. Its other classifications, its filters and any further lines are
    kept; an existing classification "SvP Lab" is updated: the ids in `labels` leave their previous classes, other ids
    stay. Raises LabError if the original cannot be read or an id has two classes.
    """
    classifications, file_format = _parse(original) if original else ([], _FileFormat())
    if file_format.version.strip() != VERSION:
        raise LabError(
            f"The classification file has version {file_format.version.strip()[:20]!r}; only {VERSION} can be written, "
            "so export the classes as csv."
        )
    new_ids = {name: tuple(str(particle_id) for particle_id in ids) for name, ids in labels.items()}
    labelled = [particle_id for ids in new_ids.values() for particle_id in ids]
    if len(set(labelled)) < len(labelled):
        twice = next(particle_id for particle_id in labelled if labelled.count(particle_id) > 1)
        raise LabError(f"Particle {twice} has two classes; assign one class to each particle.")
    index = next((i for i, c in enumerate(classifications) if c.name == CLASSIFICATION_NAME), len(classifications))
    previous = classifications[index] if index < len(classifications) else Classification(CLASSIFICATION_NAME)
    relabelled = set(labelled)
    classes = {c.name: replace(c, ids=tuple(i for i in c.ids if i not in relabelled)) for c in previous.classes}
    for name, ids in new_ids.items():
        label_class = classes.get(name, LabelClass(name))
        classes[name] = replace(label_class, ids=(*label_class.ids, *ids))
    updated = replace(previous, classes=tuple(classes.values()))
    return _to_bytes([*classifications[:index], updated, *classifications[index + 1 :]], file_format)


def _parse(data: bytes) -> tuple[list[Classification], _FileFormat]:
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
        encoding = "latin-1" if text.isascii() else encoding
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(line_end)
    if lines[-1] == "":
        lines.pop()
    if not lines or not lines[0].strip().startswith("v"):
        raise LabError(
            "This is not a FlowCam classification file: it does not start with a version such as v3; choose a "
            "file that VisualSpreadsheet wrote."
        )
    reader = _LineReader(lines)
    version = reader.text()
    try:
        classifications = [
            Classification(reader.text(), tuple(_parse_class(reader) for _ in range(reader.count())))
            for _ in range(reader.count())
        ]
    except LabError as error:
        if version.strip() == VERSION:
            raise
        raise LabError(
            f"The classification file has version {version.strip()[:20]!r}, not laid out like {VERSION}: {error}"
        ) from None
    return classifications, _FileFormat(version, line_end, encoding, tuple(lines[reader.line :]))


def _parse_class(reader: "_LineReader") -> LabelClass:
    name, rule = reader.text(), reader.text()
    if rule.strip() not in ("AND", "OR"):
        raise LabError(
            f"Line {reader.line} of the classification file is {rule[:40]!r}, not AND or OR; save "
            "it again with VisualSpreadsheet."
        )
    filters = tuple(reader.text() for _ in range(reader.count()))
    return LabelClass(name, rule, filters, tuple(reader.text().strip() for _ in range(reader.count())))


class _LineReader:
    """The lines of a file, read one after the other."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self.line = 0  # number of the last line read, from 1

    def text(self) -> str:
        if self.line >= len(self._lines):
            raise LabError(f"The classification file is truncated after line {self.line}; export it again.")
        self.line += 1
        return self._lines[self.line - 1]

    def count(self) -> int:
        text = self.text().strip()
        if not (text.isascii() and text.isdigit()):
            raise LabError(
                f"Line {self.line} of the classification file is {text[:40]!r}, not a number; "
                "save it again with VisualSpreadsheet."
            )
        # A count above the number of lines means a truncated file; text() reports the line.
        return min(int(text), len(self._lines) + 1)


def _to_bytes(classifications: Sequence[Classification], file_format: _FileFormat) -> bytes:
    lines = [file_format.version, str(len(classifications))]
    for classification in classifications:
        lines += [classification.name, str(len(classification.classes))]
        for c in classification.classes:
            lines += [c.name, c.rule, str(len(c.filters)), *c.filters, str(len(c.ids)), *c.ids]
    lines += file_format.rest
    broken = next((line for line in lines if "\n" in line or "\r" in line), None)
    if broken is not None:
        raise LabError(f"{broken[:40]!r} cannot be written to a classification file; use a name without line breaks.")
    text = "".join(line + file_format.line_end for line in lines)
    try:
        return text.encode(file_format.encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8")
