"""EcoTaxa tables and their images, as EcoTaxa exports them and as instruments write them."""

import shutil

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.ecotaxa_files import draw_vignettes, write_ecotaxa
from tests.helpers.records import pixels_of

VARIANTS = {
    "import": {},
    "backup": {"quoted": True, "columns": {"obj_field_area": 413.0, "process_pixel": "10.6"}},
    "d.o.i.": {"types": False, "images": "images/other_living/{}_0.png", "quoted": True},
    "windows": {"images": "vignettes\\part 1\\{}.png", "encoding": "utf-8-sig"},
    "other computer": {"columns": {"sample_comment": "été"}, "encoding": "latin-1"},
    "edited in a spreadsheet": {"delimiter": ";", "columns": {"object_lat": "18,5"}},
    "utf-16": {"encoding": "utf-16"},
    "title and separator lines": {"leading": "sep=\t\nExport of project 7\n\n", "columns": {"object_lon": "-24.5"}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_labels_ids_and_images_are_read_from_every_variant(tmp_path, variant):
    pixels = write_ecotaxa(tmp_path, **VARIANTS[variant])
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.count, len(records)) == ("ecotaxa", 4, 4)
    assert [r.given for r in records] == ["silicone_oil", "egg_other", None, "air_bubble"]
    assert [r.columns["object_id"] for r in records] == ["s1_1", "s1_2", "s1_3", "s1_4"]
    assert [r.name for r in records] == [f"ecotaxa_sample#s1_{number}" for number in range(1, 5)]
    assert all(np.array_equal(pixels_of(record), image) for record, image in zip(records, pixels, strict=True))
    assert "Labels of the table: 2 predicted, 1 validated." in summary.notes
    assert {r.run for r in records} == {summary.runs[0].name}


@pytest.mark.parametrize(
    ("columns", "scale"),
    [
        ({"process_particle_pixel_size_mm": "0.0106"}, 10.6),
        ({"process_pixel_size_um": "0.5544"}, 0.5544),
        ({"process_particle_pixel_size_µm": "0,75"}, 0.75),
        ({"process_particle_pixel_size_?m": "0.75"}, 0.75),
        ({"acq_resolution_pixel_per_micron": "2.5"}, 0.4),
        ({"process_pixel": "10.6", "acq_instrument": "zooscan"}, 10.6),
        ({"process_pixel": "1.01", "acq_instrument": "PlanktoScope v2.5"}, 1.01),
        ({"acq_pixel": "0.147", "acq_instrument": "uvp5"}, 147),
        ({"ACQ_PIXEL ": "0.073", "acq_instrument": "uvp6"}, 73),
        ({"acquisitions_pixel": "73", "acq_instrument": "uvp6"}, 73),
        ({"process_pixel_fixed": "0.88"}, 0.88),
        ({"process_rolling": "20"}, None),
    ],
)
def test_pixel_size_is_found_by_name_and_unit(tmp_path, columns, scale):
    write_ecotaxa(tmp_path, columns=columns)
    summary = detect_source(tmp_path)
    assert summary.um_per_px == (None if scale is None else pytest.approx(scale))
    assert [r.um_per_px for r in read_particles(tmp_path)] == [summary.um_per_px] * 4
    assert bool(summary.um_per_px_from) == (scale is not None)


def test_unit_that_a_column_does_not_state_is_asked(tmp_path):
    write_ecotaxa(tmp_path, columns={"process_pixel": "0.19"})
    summary = detect_source(tmp_path)
    (question,) = summary.questions
    assert (question.default, summary.um_per_px) == ("mm per px", 190)
    answer = {question.key: "µm per px"}
    assert detect_source(tmp_path, answer).um_per_px == 0.19
    assert next(read_particles(tmp_path, answer)).um_per_px == 0.19
    assert "taken as mm per px" in summary.um_per_px_from


@pytest.mark.parametrize(
    ("column", "text", "ml"),
    [
        ("acq_imaged_volume", "1.04", 1.04),
        ("acq_imaged_volume_uL", "250", 0.25),
        ("acq_fluid_volume_imaged", "0.0174 ml", 0.0174),
        ("acq_imaged_volume", "N/A", None),
        ("acq_volimage", "1.13", None),
    ],
)
def test_volume_is_that_of_the_acquisition(tmp_path, column, text, ml):
    write_ecotaxa(tmp_path, columns={column: text})
    (facts,) = detect_source(tmp_path).runs
    assert facts.volume_ml == ml
    assert facts.volume_from == (f"{column} in ecotaxa_sample.tsv" if ml else "")


def test_acquisitions_of_one_table_are_runs_with_their_own_volume(tmp_path):
    columns = {"acq_id": ["b", "a", "b", "a"], "acq_imaged_volume": ["2", "3", "2", "3"], "process_pixel": "0.9"}
    write_ecotaxa(tmp_path, columns=columns)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert [(run.name, run.count, run.volume_ml) for run in summary.runs] == [("b", 2, 2.0), ("a", 2, 3.0)]
    assert [(r.run, r.columns["object_id"]) for r in records] == [
        ("b", "s1_1"),
        ("b", "s1_3"),
        ("a", "s1_2"),
        ("a", "s1_4"),
    ]
    assert len(summary.questions) == 1


def test_an_object_with_several_images_is_one_particle(tmp_path):
    rows = [
        ["o1", "second.png", 1, "Fibre", "V", "a", "s"],
        ["o1", "first.png", 0, "Fibre", "V", "a", "s"],
        ["o1", "original.png", 100, "Fibre", "V", "a", "s"],
        ["o2", "other.png", 0, "Fibre", "V", "a", "s"],
    ]
    write_ecotaxa(tmp_path, rows=rows, draw=False)
    pixels = draw_vignettes(tmp_path, ["second.png", "first.png", "original.png", "other.png"])
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.count == len(records) == 2
    assert np.array_equal(pixels_of(records[0]), pixels[1])
    assert any("2 further images" in note for note in summary.notes)


def test_bad_rows_are_listed_and_the_rest_is_read(tmp_path):
    good = ["1.png", 0, "Fibre", "V", "a", "s", "0.5"]
    rows = [
        ["ok", *good],
        ["lost", "gone.png", 0, "Fibre", "V", "a", "s", "0.5"],
        ["short", "1.png"],
        ["size", "1b.png", 0, "Fibre", "V", "a", "s", "wide"],
        ["broken", "broken.png", 0, "Fibre", "V", "a", "s", "0.5"],
        ["none", "", 0, "Fibre", "V", "a", "s", "0.5"],
    ]
    write_ecotaxa(tmp_path, rows=rows, columns={"process_pixel_size_um": "0.5"}, draw=False)
    draw_vignettes(tmp_path, ["1.png", "1b.png"])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    reasons = {r.columns["object_id"]: r.reason for r in read_particles(tmp_path)}
    assert reasons["ok"] == ""
    assert "gone.png is not among the files" in reasons["lost"]
    assert "has 2 values but the header names 8" in reasons["short"]
    assert "'wide', not a pixel size" in reasons["size"]
    assert "broken.png cannot be read" in reasons["broken"]
    assert "names no image" in reasons["none"]
    assert any("2 of 6 images are not among the files" in note for note in detect_source(tmp_path).notes)


@pytest.mark.parametrize("folder", ["", "export_1/"])
def test_archives_are_read_as_they_are(tmp_path, folder):
    pixels = write_ecotaxa(tmp_path / "source" / folder, images="sub/{}.png", columns={"process_pixel": "0.88"})
    shutil.make_archive(str(tmp_path / "planktoscope"), "zip", tmp_path / "source")
    records = list(read_particles(tmp_path / "planktoscope.zip"))
    assert np.array_equal(pixels_of(records[3]), pixels[3])
    assert [r.um_per_px for r in records] == [0.88] * 4


def test_a_table_alone_finds_the_images_beside_it(tmp_path):
    write_ecotaxa(tmp_path)
    assert [r.reason for r in read_particles(tmp_path / "ecotaxa_sample.tsv")] == [""] * 4


def test_uvp_archive_tells_what_it_does_not_state(tmp_path):
    write_ecotaxa(tmp_path, columns={"acq_volimage": "0.65", "acq_pixel": "0.073", "acq_instrument": "uvp6"})
    (tmp_path / "compute_vignette.txt").write_text("gamma=2\ninvert=y\n")
    summary = detect_source(tmp_path)
    assert summary.runs[0].instrument == "uvp6 (EcoTaxa table)"
    assert any("compute_vignette.txt" in note for note in summary.notes)
    assert any("volume of one image" in note for note in summary.notes)
    assert not any("Ignored" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("object_id\tobject_annotation_category\tacq_id\n", "contains no objects"),
        ("object_id\tobject_annotation_category\tacq_id\no\tx\ta\n", "names no images"),
    ],
)
def test_unusable_table_raises_a_lab_error(tmp_path, header, message):
    (tmp_path / "ecotaxa_x.tsv").write_text(header)
    with pytest.raises(LabError, match=message):
        detect_source(tmp_path)


@pytest.mark.parametrize("layout", ["export", "two profiles", "other profile", "decimal commas"])
def test_volume_of_a_uvp_comes_from_the_table_of_ecopart(tmp_path, layout):
    samples = ["ctd1", "ctd1", "CTD2", "ctd2"] if layout == "two profiles" else ["ctd1"] * 4
    write_ecotaxa(tmp_path, columns={"acq_volimage": "0.65", "acq_instrument": "uvp5", "sample_profileid": samples})
    rows = [("ctd1", 2.5, 101.25), ("ctd1", 7.5, 32.5), ("ctd1", 12.5, ""), ("ctd2", 2.5, 10)]
    if layout == "other profile":
        rows = rows[3:]
    text = "".join(f"{profile}\tp105\t{depth}\t{litres}\t0.2\n" for profile, depth, litres in rows)
    if layout == "decimal commas":
        text = text.replace(".", ",")
    header = "Profile\tProject\tDepth [m]\tSampled volume [L]\tLPM (102-128 µm) [# l-1]\n"
    (tmp_path / "export_detailed_PAR_Aggregated.tsv").write_bytes((header + text).encode("latin-1"))
    source = detect_source(tmp_path)
    (run,) = source.runs
    volume = {"two profiles": 143_750, "other profile": None}.get(layout, 133_750)
    assert run.volume_ml == (None if volume is None else pytest.approx(volume))
    assert ("Sampled volume [L]" in run.volume_from) == (volume is not None)
    assert any("EcoPart" in note for note in source.notes)
