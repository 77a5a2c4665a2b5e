"""Tables that VisualSpreadsheet exports of the particles of one class: a csv per class, beside the run or in a folder.

Such a table has the columns of a run's export but only some of its particles; its name is the run's and the class's
("run 7_Diatom.csv"), or the class's alone. It gives labels and is no run of its own, or its particles would be read
twice. Written according to public data sets of such tables; tested on tables written from the real run.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from svp_core.images import ImageUnreadable
from svp_core.instruments.flowcam import export_columns as export
from svp_core.instruments.records import ScannedFiles, file_stem
from svp_core.instruments.text_tables import Table, normalise_name, parse_integer, parse_table

_TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class ClassExports:
    """What the tables of single classes say about a run."""

    labels: dict[str, str] = field(default_factory=dict)  # particle id -> class name
    file_names: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def find_class_exports(scanned: ScannedFiles, name: str, ids: Collection[str], collages: Iterable[str]) -> ClassExports:
    """ClassExports of the run whose list or export is called `name`. ids: of its particles; collages: their images."""
    title, known_ids, images = file_stem(name), set(ids), {normalise_name(collage) for collage in collages}
    labels: dict[str, str] = {}
    tables: dict[str, str] = {}
    several: set[str] = set()
    for candidate in _candidates(scanned, name, images):
        members = set(_ids(scanned, candidate))
        if members and members < known_ids:
            tables[candidate] = class_of_table(candidate, title) or file_stem(candidate)
            several |= members & set(labels)
            labels |= dict.fromkeys(members, tables[candidate])
    if not tables:
        return ClassExports()
    names = ", ".join(sorted(set(tables.values()))[:5])
    notes = [f"{len(tables):,} csv exports of single classes give labels to {len(labels):,} particles ({names})."]
    if several:
        notes.append(f"{len(several):,} particles are in the exports of several classes; the last one counts.")
    return ClassExports(labels, frozenset(tables), tuple(notes))


def class_exports_among(scanned: ScannedFiles, names: Iterable[str]) -> set[str]:
    """Those of these exports that hold some of the particles of another one, which is then the run's."""
    found: set[str] = set()
    for name in names:
        table = _read(scanned, name)
        file_key = export.first_key(table, export.FILE_COLUMNS)
        images = {normalise_name(value) for value in table.column(file_key)} if file_key else set()
        found |= find_class_exports(scanned, name, _ids(scanned, name), images).file_names
    return found


def class_of_table(name: str, title: str) -> str:
    """Class that a table of the run with this title is named after: "Diatom" for "run 7_Diatom.csv"; "" without one."""
    stem = file_stem(name)
    rest = stem[len(title) :] if stem.casefold().startswith(title.casefold()) else stem
    return re.sub(r"^[\s_.-]*(?:class(?:es)?[\s_-]+)?|[\s_.-]*(?:data|export)?[\s_.-]*$", "", rest, flags=re.IGNORECASE)


def _candidates(scanned: ScannedFiles, name: str, images: Collection[str]) -> list[str]:
    """Exports in the folder of this file, or in a folder directly in it, whose first particle is in these images.

    Of exports that name no collage, those whose name begins like the run's. The start of each file is enough for this.
    """
    folder, title = name.rpartition("/")[0], file_stem(name).casefold()
    inside = f"{folder}/" if folder else ""
    numbered = re.compile(r"_?\d+\.[a-z]+$")
    collages = {numbered.sub("", image) for image in images}
    found = []
    for candidate, head in scanned.heads.items():
        is_near = candidate.startswith(inside) and candidate[len(inside) :].count("/") <= 1
        stem = file_stem(candidate).casefold()
        if candidate == name or not is_near or stem == title or not candidate.casefold().endswith(_TABLES):
            continue
        # Looking for the header of every table beside every run would take minutes in a folder of hundreds of runs.
        text = head.casefold()
        is_likely = stem.startswith(title) or any(collage in text for collage in collages)
        if not is_likely or not export.export_layout(head):
            continue
        table = export.parse_export(head)
        file_key = export.first_key(table, export.FILE_COLUMNS)
        first = table.value(table.values(table.lines[0]), file_key) if table.lines else None
        is_of_run = normalise_name(first) in images if first else _is_named_after(stem, title)
        if is_of_run and (first or not _has_images(scanned, candidate)):
            found.append(candidate)
    return found


def _is_named_after(stem: str, title: str) -> bool:
    return stem.startswith(title) and not stem[len(title) :][:1].isalnum()


def _has_images(scanned: ScannedFiles, name: str) -> bool:
    """Whether images with numbers are named after this export, which makes it a run of its own."""
    numbered = re.compile(re.escape(normalise_name(file_stem(name))) + r"_?\d{5,}\.[a-z]+")
    return any(numbered.fullmatch(sibling) for sibling in scanned.siblings(name))


def _ids(scanned: ScannedFiles, name: str) -> list[str]:
    """Particle ids of an export; empty for one that cannot be read."""
    table = _read(scanned, name)
    id_key = export.first_key(table, export.ID_COLUMNS)
    texts = table.column(id_key) if id_key else []
    return [str(number) if (number := parse_integer(text)) is not None else text for text in texts]


def _read(scanned: ScannedFiles, name: str) -> Table:
    try:
        return export.read_export(scanned.files, name)
    except ImageUnreadable:
        return parse_table("")
