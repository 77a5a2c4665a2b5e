"""FlowCam's .cla: which particle was put into which class, read and written.

Lines: "v3"; the number of classifications; then for each its name, the number of its classes, and for each class its
name, AND or OR, the number of its filters, one filter path a line, the number of its particles, one id a line. Ids in
no class are unclassified. Known from one real file (VisualSpreadsheet 4.19.3), which comes back byte for byte.
"""

from dataclasses import dataclass, replace

from svp_core.errors import LabError

CLASSIFICATION_NAME = "SvP Lab"  # name of the classification that relabelled() writes
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
    """One way in which a run's particles were classified."""

    name: str
    classes: tuple[LabelClass, ...] = ()

    def label_of(self):
        """{id: class name} of every classified particle."""
        return {identity: c.name for c in self.classes for identity in c.ids}


@dataclass(frozen=True)
class _Written:
    """How a file is written beside what it says."""

    version: str = VERSION
    line_end: str = "\n"
    encoding: str = "latin-1"
    rest: tuple[str, ...] = ()  # lines behind what is known


def read_cla(data):
    """List of Classification of the bytes of a .cla. Raises LabError where it is none or breaks off."""
    return _read(data)[0]


def write_cla(classifications):
    """Bytes of a .cla with these classifications."""
    return _bytes(classifications, _Written())


def update_cla(original, labels):
    """Bytes of a .cla in which the classification "SvP Lab" holds these labels: {class name: ids}.

    original: bytes of the run's own .cla, or None. Its other classifications, its filters and what else stands in it
    are kept; a classification "SvP Lab" in it is brought up to date: the ids given leave the classes they were in,
    other ids stay. Raises LabError where the original cannot be read or an id is given two classes.
    """
    classifications, written = _read(original) if original else ([], _Written())
    labels = {name: tuple(str(identity) for identity in ids) for name, ids in labels.items()}
    given = [identity for ids in labels.values() for identity in ids]
    if len(set(given)) < len(given):
        twice = next(identity for identity in given if given.count(identity) > 1)
        raise LabError(f"Particle {twice} is given two classes; give each particle one.")
    place = next((i for i, c in enumerate(classifications) if c.name == CLASSIFICATION_NAME), len(classifications))
    before = classifications[place] if place < len(classifications) else Classification(CLASSIFICATION_NAME)
    labelled = set(given)
    known = {c.name: replace(c, ids=tuple(i for i in c.ids if i not in labelled)) for c in before.classes}
    for name, ids in labels.items():
        there = known.get(name, LabelClass(name))
        known[name] = replace(there, ids=(*there.ids, *ids))
    ours = replace(before, classes=tuple(known.values()))
    return _bytes([*classifications[:place], ours, *classifications[place + 1 :]], written)


def _read(data):
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
        raise LabError("This is no FlowCam classification file: it does not begin with its version, like v3.")
    reader = _Lines(lines)
    version = reader.text()
    if version.strip() != VERSION:
        raise LabError(f"The classification file has version {version.strip()[:20]!r}; {VERSION} is read.")
    found = [
        Classification(reader.text(), tuple(_class(reader) for _ in range(reader.count())))
        for _ in range(reader.count())
    ]
    return found, _Written(version, line_end, encoding, tuple(lines[reader.at :]))


def _class(reader):
    name, rule = reader.text(), reader.text()
    if rule.strip() not in ("AND", "OR"):
        raise LabError(f"Line {reader.at} of the classification file is {rule[:40]!r} where AND or OR should stand.")
    filters = tuple(reader.text() for _ in range(reader.count()))
    return LabelClass(name, rule, filters, tuple(reader.text().strip() for _ in range(reader.count())))


class _Lines:
    """The lines of a file, taken one after the other."""

    def __init__(self, lines):
        self._lines, self.at = lines, 0

    def text(self):
        if self.at >= len(self._lines):
            raise LabError(f"The classification file breaks off after line {self.at}; export it again.")
        self.at += 1
        return self._lines[self.at - 1]

    def count(self):
        text = self.text().strip()
        if not (text.isascii() and text.isdigit()):
            raise LabError(f"Line {self.at} of the classification file is {text[:40]!r} where a number should stand.")
        # More than there are lines means a file that breaks off; text() says where.
        return min(int(text), len(self._lines) + 1)


def _bytes(classifications, written):
    lines = [written.version, str(len(classifications))]
    for classification in classifications:
        lines += [classification.name, str(len(classification.classes))]
        for c in classification.classes:
            lines += [c.name, c.rule, str(len(c.filters)), *c.filters, str(len(c.ids)), *c.ids]
    lines += written.rest
    broken = next((line for line in lines if "\n" in line or "\r" in line), None)
    if broken is not None:
        raise LabError(f"{broken[:40]!r} cannot stand in a classification file; give it a name of one line.")
    text = "".join(line + written.line_end for line in lines)
    try:
        return text.encode(written.encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8")
