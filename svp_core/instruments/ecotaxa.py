"""Read EcoTaxa archives: a table (ecotaxa_*.tsv) with one row per image, and the images, one object each.

So do EcoTaxa itself (its exports), the PlanktoScope (ecotaxa_*.zip), ZooProcess (ZooScan, FlowCam), UVPapp (UVP5, UVP6)
and CytoProcess. The table is tab-separated; a second line may give the types [t] and [f]; names are compared without
case. Image names are relative to the table's folder. An object with several images (img_rank) is one particle, by the
first of them. Written according to the tables of EcoTaxa's own tests (import, backup, D.O.I. and TSV exports with
decimal points and commas) and the makers' documentation; no images from EcoTaxa were available.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

from svp_core.images import ImageUnreadable
from svp_core.instruments import ecopart
from svp_core.instruments import ecotaxa_columns as columns
from svp_core.instruments.ecopart import sampled_volumes, volume_of_samples
from svp_core.instruments.image_paths import ImagePaths, read_image_pages
from svp_core.instruments.images.cleaning import clean_image
from svp_core.instruments.metadata import Choices, RunFacts
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    UnreadableRun,
    class_from_path,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import (
    Table,
    decode_text,
    header_keys,
    parse_integer,
    parse_table,
)
from svp_core.particle_classes import key_from_name

MAX_RUNS = 50  # acquisitions of one table that become runs of their own
_PREFIXES = ("img_", "acq_", "process_", "sample_", "object_annotation_", "obj_field_", "acquisitions_", "samples_")
_OBJECT_FIELDS = (columns.OBJECT_ID, columns.FILE_NAME, columns.RANK, columns.CATEGORY, columns.STATUS)
_VIGNETTE_SETTINGS = "compute_vignette.txt"


@dataclass(frozen=True)
class _Objects:
    """A table, and the rows that are read: one per object."""

    table: Table
    fields: dict[str, list[str]]  # key of a column that describes objects -> its texts, "" without that column
    kept: tuple[int, ...]  # row numbers in table.lines
    further: int  # images that belong to objects read already
    images: frozenset[str]  # files of all rows, the further ones included

    def kept_texts(self, key: str) -> list[str]:
        """The texts of this column in the rows that are read."""
        return [self.fields[key][row] for row in self.kept]


def is_ecotaxa(head: str) -> bool:
    """Whether a text that starts like this is a table of EcoTaxa's objects."""
    return bool(header_keys(head, _is_header))


def _is_header(keys: AbstractSet[str]) -> bool:
    has_objects = columns.OBJECT_ID in keys or columns.FILE_NAME in keys
    return has_objects and sum(key.startswith(_PREFIXES) for key in keys) >= 2


def find_runs(scanned: ScannedFiles, choices: Choices | None = None) -> list[DetectedRun]:
    """The acquisitions of every table of EcoTaxa. Raises LabError for an unknown answer."""
    tables = [name for name, head in scanned.heads.items() if is_ecotaxa(head)]
    return [run for name in tables for run in _describe(scanned, name, choices)]


def _describe(scanned: ScannedFiles, name: str, choices: Choices | None) -> Sequence[DetectedRun]:
    file_name = name.rpartition("/")[2]
    try:
        objects = _open(scanned, name)
    except ImageUnreadable as error:
        return [UnreadableRun(name, f"The EcoTaxa table {file_name} cannot be read: {error}.", frozenset({name}))]
    table = objects.table
    if not objects.kept:
        message = f"The EcoTaxa table {file_name} contains no objects; choose another one."
        return [UnreadableRun(name, message, frozenset({name}))]
    if columns.FILE_NAME not in table.positions:
        message = (
            f"The EcoTaxa table {file_name} names no images (no column img_file_name); export it again as a backup or "
            "D.O.I. export, with all images."
        )
        return [UnreadableRun(name, message, frozenset({name}))]
    pixel_size = columns.find_pixel_size(table, name, choices)
    notes = _notes(scanned, name, objects)
    vignette = scanned.siblings(name).get(_VIGNETTE_SETTINGS)
    groups = _acquisitions(objects)
    volumes, origins = sampled_volumes(scanned) if columns.is_uvp(table) else ({}, {})
    file_names = frozenset({name, *objects.images, *origins.values()}) | ({vignette} if vignette else set())
    common = InstrumentRun(
        name,
        RunFacts(file_stem(name), "ecotaxa", len(objects.kept)),
        lambda: iter(()),
        file_names,
        table.names,
        tuple(notes),
        (pixel_size.question,) if pixel_size.question else (),
    )
    return [
        replace(
            common,
            facts=_with_sampled_volume(
                _facts(table, title or file_stem(name), rows, pixel_size, file_name), table, rows, volumes, origins
            ),
            read=partial(_read, scanned, name, title if len(groups) > 1 else None, pixel_size),
            questions=common.questions if number == 0 else (),
            cautions=_pixel_size_cautions(table, rows, pixel_size),
        )
        for number, (title, rows) in enumerate(groups.items())
    ]


def _notes(scanned: ScannedFiles, name: str, objects: _Objects) -> list[str]:
    table, paths = objects.table, ImagePaths(scanned, name)
    missing = sum(paths.find(path) is None for path in objects.kept_texts(columns.FILE_NAME))
    notes = [columns.status_note(objects.kept_texts(columns.CATEGORY), objects.kept_texts(columns.STATUS))]
    if missing:
        notes.append(
            f"{missing:,} of {len(objects.kept):,} images are not among the files; their objects are rejected. Choose "
            "the folder that holds table and images; EcoTaxa exports images only where they are asked for."
        )
    if objects.further:
        further = "1 further image" if objects.further == 1 else f"{objects.further:,} further images"
        notes.append(f"Left out: {further} of objects that have several (img_rank), since an object is one particle.")
    if _VIGNETTE_SETTINGS in scanned.siblings(name):
        notes.append(
            "compute_vignette.txt asks EcoTaxa to change these images on import; here they are read as they are."
        )
    if columns.is_uvp(table):
        notes.append(
            "The UVP states the volume of one image, not how many there were. A table of EcoPart in the same folder "
            "(columns Profile and Sampled volume [L]) gives the volume of the profile; without it, enter the volume "
            "for counts per mL."
        )
    if "sample_dilution_factor" in table.positions:
        notes.append("sample_dilution_factor of the table is not applied: makers mean opposite things by it.")
    return [note for note in notes if note]


def _pixel_size_cautions(table: Table, rows: Sequence[int], pixel_size: columns.PixelSize) -> tuple[str, ...]:
    if len(_pixel_sizes(table, rows, pixel_size)) < 2:
        return ()
    return (f"{pixel_size.key} of the table differs between objects of one acquisition; each keeps its own.",)


def _pixel_sizes(table: Table, rows: Sequence[int], pixel_size: columns.PixelSize) -> set[float | None]:
    texts = {table.value(table.values(table.lines[row]), pixel_size.key or None) for row in rows}
    return {pixel_size.um_per_px(text) for text in texts}


def _facts(table: Table, title: str, rows: Sequence[int], pixel_size: columns.PixelSize, file_name: str) -> RunFacts:
    values = table.values(table.lines[rows[0]])
    scales = _pixel_sizes(table, rows, pixel_size)
    scale = scales.pop() if len(scales) == 1 else None
    column = table.names[table.positions[pixel_size.key]] if scale else ""
    unit = f", taken as {columns.UNITS[pixel_size.micrometres != 1]}" if pixel_size.question else ""
    volume, volume_column = columns.find_volume(table, values)
    instrument = columns.instrument_name(table)
    return RunFacts(
        title,
        "ecotaxa",
        len(rows),
        scale,
        f"{column} in {file_name}{unit}" if scale else "",
        volume,
        f"{volume_column} in {file_name}" if volume else "",
        instrument=f"{instrument} (EcoTaxa table)" if instrument else "EcoTaxa table",
        settings=columns.settings_of(table, values),
    )


def _with_sampled_volume(
    facts: RunFacts, table: Table, rows: Sequence[int], volumes: Mapping[str, float], origins: Mapping[str, str]
) -> RunFacts:
    """The facts with the volume that EcoPart's tables state for the profiles of these rows, all depths together."""
    for key in ecopart.SAMPLE_COLUMNS if volumes and facts.volume_ml is None else ():
        samples = {(table.value(table.values(table.lines[row]), key) or "").casefold() for row in rows}
        if (volume := volume_of_samples(volumes, samples)) is not None:
            files = sorted({origins[sample].rpartition("/")[2] for sample in samples})
            origin = f"Sampled volume [L] in {', '.join(files)}, all depths"
            return replace(facts, volume_ml=volume, volume_from=origin)
    return facts


def _open(scanned: ScannedFiles, name: str) -> _Objects:
    table = parse_table(decode_text(scanned.files.read(name)), _is_header)
    if table.lines and _is_type_line(table.values(table.lines[0])):
        table = replace(table, lines=table.lines[1:])
    fields: dict[str, list[str]] = {key: [] for key in (*_OBJECT_FIELDS, *columns.RUN_COLUMNS)}
    for line in table.lines:
        values = table.values(line)
        for key, texts in fields.items():
            texts.append(table.value(values, key) or "")
    paths, files = ImagePaths(scanned, name), fields[columns.FILE_NAME]
    # An object's rows differ in the image: the one of the lowest rank is read. Rows without an id stay apart.
    best: dict[str, int] = {}
    apart: list[int] = []
    for row, identifier in enumerate(fields[columns.OBJECT_ID]):
        before = best.get(identifier)
        if not identifier or (before is not None and files[row] == files[before]):
            apart.append(row)
        elif before is None or _rank(fields, row) < _rank(fields, before):
            best[identifier] = row
    kept = tuple(sorted((*best.values(), *apart)))
    images = frozenset(found for path in dict.fromkeys(files) if path and (found := paths.find(path)))
    return _Objects(table, fields, kept, len(table.lines) - len(kept), images)


def _rank(fields: Mapping[str, Sequence[str]], row: int) -> int:
    return parse_integer(fields[columns.RANK][row]) or 0


def _is_type_line(values: Sequence[str]) -> bool:
    return bool(values) and all(value in ("[t]", "[f]", "") for value in values) and any(values)


def _acquisitions(objects: _Objects) -> Mapping[str, list[int]]:
    """{title of the acquisition: rows}; a single one, titled "", where they are not told or are too many."""
    key = columns.run_key(objects.table)
    groups: dict[str, list[int]] = {}
    for row in objects.kept:
        groups.setdefault(objects.fields[key][row] if key else "", []).append(row)
    return groups if len(groups) <= MAX_RUNS else {"": list(objects.kept)}


def _read(
    scanned: ScannedFiles, name: str, title: str | None, pixel_size: columns.PixelSize
) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every object of the acquisition with this title (None: of all)."""
    objects, paths = _open(scanned, name), ImagePaths(scanned, name)
    table, taken = objects.table, set[str]()
    rows = objects.kept if title is None else _acquisitions(objects)[title]
    for row in rows:
        values = table.values(table.lines[row])
        path = table.value(values, columns.FILE_NAME) or ""
        identifier = table.value(values, columns.OBJECT_ID) or path or str(row + 1)
        label = table.value(values, columns.CATEGORY) or ""
        record = ParticleRecord(
            unique_name(sibling_path(name, f"{file_stem(name)}#{identifier.replace('/', '_')}"), taken),
            scanned.files.title,
            um_per_px=pixel_size.um_per_px(table.value(values, pixel_size.key or None)),
            given=key_from_name(label) or class_from_path(name),
            columns=dict(zip(table.names, values, strict=False)),
        )
        image, size_text = paths.find(path) if path else None, table.value(values, pixel_size.key or None)
        if len(values) != len(table.names):
            reason = (
                f"its row in the table has {len(values)} values but the header names {len(table.names)}; export "
                "it again"
            )
        elif size_text and record.um_per_px is None:
            reason = f"its {pixel_size.key} in the table is {size_text[:20]!r}, not a pixel size; enter one"
        elif image is None:
            reason = f"its image {path[:120]} is not among the files" if path else "its row in the table names no image"
        else:
            try:
                clean = clean_image(read_image_pages(scanned.files, image)[0])
                record, reason = replace(record, pixels=clean.pixels, caution=clean.caution), clean.reason
            except ImageUnreadable as error:
                reason = f"its image {path[:120]} cannot be read: {error}"
        yield replace(record, reason=reason)
