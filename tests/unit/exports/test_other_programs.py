"""A classification for EcoTaxa and LabelChecker: what is read again is what was exported."""

import csv
import io
import uuid
import zipfile

import numpy as np
import pytest

from svp_core import exports
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.exports.other_programs import LABELCHECKER_COLUMNS
from svp_core.images import to_colour_tile, to_tile
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_run import draw_run
from tests.helpers.ecotaxa_files import write_ecotaxa
from tests.helpers.finished_jobs import EXPORTED, confident_probs, make_job, run_facts
from tests.helpers.records import pixels_of

LABELS = ["protein", "silicone_oil", "unsure", "fat_droplet"]
GIVEN = ["protein", "silicone_oil", None, "fat_droplet"]
EXPORT = {
    "ecotaxa": exports.export_ecotaxa,
    "labelchecker": exports.export_labelchecker,
}


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def table_of(path):
    """Rows of the first table in an archive, without EcoTaxa's line of types."""
    name, data = next((n, d) for n, d in entries(path).items() if n.endswith((".tsv", ".csv")))
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), delimiter="\t" if name.endswith("tsv") else ","))
    return rows[1:] if name.endswith("tsv") else rows


@pytest.mark.parametrize("program", EXPORT)
def test_labels_ids_and_pixel_size_are_read_again(job, tmp_path, program):
    EXPORT[program](job, tmp_path / "out.zip", LABELS)
    summary, records = detect_source(tmp_path / "out.zip"), list(read_particles(tmp_path / "out.zip"))
    assert (summary.kind, summary.count, summary.questions) == (program, 4, ())
    assert [r.given for r in records] == GIVEN
    assert [r.um_per_px for r in records] == [0.5] * 4
    assert summary.um_per_px == 0.5
    if program == "ecotaxa":
        assert [r.columns["object_id"] for r in records] == [f"day 5.lst#{number}" for number in range(1, 5)]
        assert (summary.runs[0].name, summary.runs[0].volume_ml) == ("day 5", 0.25)
        assert "Labels of the table: 3 predicted." in summary.notes
    else:
        assert [r.columns["Id"] for r in records] == ["7", "8", "9", "10"]
        assert [r.name for r in records] == [f"day 5#{number}" for number in (7, 8, 9, 10)]
        assert [r.diameter_um for r in records] == [3.0, 12.0, 12.0, None]


@pytest.mark.parametrize("program", EXPORT)
def test_images_are_whole_crops_of_the_particles_that_were_classified(tmp_path, program):
    source = tmp_path / "source"
    draw_run(source, count=4, title="day 5")
    crops = [pixels_of(record) for record in read_particles(source)]
    names = [f"day 5#{number}" for number in range(1, 5)]
    tiles = make_job(
        tmp_path / "job", confident_probs(*EXPORTED), [3.0] * 4, names=names, source=str(source), colour=True
    )
    # The fourth particle of the source is no longer the one that was classified.
    np.save(tmp_path / "job" / "colour.npy", np.stack([*map(to_colour_tile, crops[:3]), tiles[3]]))
    EXPORT[program](tmp_path / "job", tmp_path / "out.zip", LABELS)
    again = [pixels_of(record) for record in read_particles(tmp_path / "out.zip")]
    assert all(np.array_equal(image, crop) for image, crop in zip(again[:3], crops, strict=False))
    assert np.array_equal(again[3], tiles[3])


def test_ids_of_a_source_from_these_programs_are_kept(tmp_path):
    own = {"object_id": [f"sample_{number}" for number in range(4)], "Uuid": [str(uuid.uuid4()) for _ in range(4)]}
    make_job(tmp_path / "job", confident_probs(*EXPORTED), [3.0] * 4, instrument=own)
    exports.export_ecotaxa(tmp_path / "job", tmp_path / "e.zip", LABELS)
    exports.export_labelchecker(tmp_path / "job", tmp_path / "l.zip", LABELS)
    assert [row["object_id"] for row in table_of(tmp_path / "e.zip")] == own["object_id"]
    assert [row["Uuid"] for row in table_of(tmp_path / "l.zip")] == own["Uuid"]


def test_ecotaxa_table_has_types_and_what_is_known_of_the_sample(job, tmp_path):
    settings = {"sample": "Syringe\t7", "lot": "L-42", "operator": "Ä. Person"}
    exports.export_ecotaxa(job, tmp_path / "out.zip", LABELS, [0, 2], settings=settings)
    files = entries(tmp_path / "out.zip")
    assert sorted(files) == ["000000_day 5.lst#1.png", "000002_day 5.lst#3.png", "ecotaxa_Syringe_7.tsv"]
    header, types = (line.split("\t") for line in files["ecotaxa_Syringe_7.tsv"].decode("utf-8-sig").split("\n")[:2])
    kinds = dict(zip(header, types, strict=True))
    assert {kinds[name] for name in ("object_id", "object_annotation_category", "sample_lot", "acq_id")} == {"[t]"}
    assert {kinds[name] for name in ("object_confidence", "object_size_um", "process_pixel_size_um")} == {"[f]"}
    first, unsure = table_of(tmp_path / "out.zip")
    assert (first["sample_id"], first["sample_lot"], first["sample_operator"]) == ("Syringe 7", "L-42", "Ä. Person")
    assert (first["object_annotation_category"], first["object_annotation_status"]) == ("Protein", "predicted")
    assert (unsure["object_annotation_category"], unsure["object_annotation_status"]) == ("", "")
    assert unsure["object_assigned"] == "unsure"
    assert first["object_image_extent"] == "tile of 64 px"


def test_labelchecker_table_holds_only_what_the_program_reads(tmp_path):
    runs = [run_facts("a,b", 2), run_facts("a;b", 2)]
    make_job(tmp_path / "job", confident_probs(*EXPORTED), [3.0] * 4, runs=runs, run_of=["a,b", "a;b", "a,b", "a;b"])
    exports.export_labelchecker(tmp_path / "job", tmp_path / "out.zip", LABELS)
    tables = {name: data.decode() for name, data in entries(tmp_path / "out.zip").items() if name.endswith(".csv")}
    assert len(tables) == 2
    ids = []
    for text in tables.values():
        lines = [line.split(",") for line in text.splitlines()]
        assert tuple(lines[0]) == LABELCHECKER_COLUMNS
        assert {len(line) for line in lines} == {len(LABELCHECKER_COLUMNS)}
        for line in lines[1:]:
            row = dict(zip(lines[0], line, strict=True))
            ids.append(uuid.UUID(row["Uuid"]))
            assert f"{row['Name']}/{row['ImageFilename']}" in entries(tmp_path / "out.zip")
            assert (int(row["ImageW"]), int(row["ImageH"]), row["LabelTrue"]) == (64, 64, "")
    assert len(set(ids)) == 4


@pytest.mark.parametrize("program", EXPORT)
def test_command_writes_the_format_that_is_asked_for(job, tmp_path, program):
    path = tmp_path / "out.zip"
    assert main(["export-results", str(job), "--out", str(path), "--format", program, "--unsure-below", "0.8"]) == 0
    assert detect_source(path).kind == program
    assert [r.given for r in read_particles(path)] == ["protein", "silicone_oil", None, "air_bubble"]


@pytest.mark.parametrize("program", EXPORT)
def test_rows_without_an_image_cannot_be_exported(job, tmp_path, program):
    with pytest.raises(LabError, match="None of the chosen rows has an image"):
        EXPORT[program](job, tmp_path / "out.zip", LABELS, [4])
    assert not (tmp_path / "out.zip").exists()


@pytest.mark.parametrize("program", EXPORT)
def test_same_classification_gives_the_same_archive(job, tmp_path, program):
    for name in "ab":
        EXPORT[program](job, tmp_path / f"{name}.zip", LABELS)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_ecotaxa_archive_classified_and_exported_keeps_ids_labels_and_pixel_size(tmp_path):
    pixels = write_ecotaxa(tmp_path / "source", columns={"process_pixel": "0.88"})
    records = list(read_particles(tmp_path / "source"))
    own = {"object_id": [r.columns["object_id"] for r in records]}
    make_job(
        tmp_path / "job",
        confident_probs(*EXPORTED),
        [3.0] * 4,
        names=[r.name for r in records],
        instrument=own,
        source=str(tmp_path / "source"),
    )
    np.save(tmp_path / "job" / "tiles.npy", np.stack([to_tile(image) for image in pixels]))
    exports.export_ecotaxa(tmp_path / "job", tmp_path / "out.zip", LABELS)
    again = list(read_particles(tmp_path / "out.zip"))
    assert [r.columns["object_id"] for r in again] == own["object_id"]
    assert all(np.array_equal(pixels_of(r), image) for r, image in zip(again, pixels, strict=True))
