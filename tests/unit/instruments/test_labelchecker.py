"""LabelChecker tables: with single images, with collages, and beside the FlowCam run that they label."""

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_run import draw_run
from tests.helpers.ecotaxa_files import draw_vignettes
from tests.helpers.flowcam_csv_files import write_export
from tests.helpers.records import pixels_of

COLUMNS = ("Name", "CollageFile", "ImageFilename", "Id", "ImageX", "ImageY", "ImageW", "ImageH", "CalConst")
LABELS = ("AbdDiameter", "Preprocessing", "PreprocessingTrue", "LabelPredicted", "ProbabilityScore", "LabelTrue")


def write_table(folder, rows, *, title="s1", delimiter=",", columns=(*COLUMNS, *LABELS), quoted=False):
    """Write LabelChecker_<title>.csv; rows: dicts of the columns that are not empty."""
    folder.mkdir(parents=True, exist_ok=True)
    quote = '"{}"' if quoted else "{}"
    lines = [columns, *([row.get(column, "") for column in columns] for row in rows)]
    text = "".join(delimiter.join(quote.format(value) for value in line) + "\r\n" for line in lines)
    (folder / f"LabelChecker_{title}.csv").write_text(text, "utf-8")


ROWS = [
    {"Id": 1, "LabelPredicted": "Fibre", "LabelTrue": "Silicone oil", "Preprocessing": "object"},
    {"Id": 2, "LabelPredicted": "Cell cluster", "Preprocessing": "object", "AbdDiameter": "12.5"},
    {"Id": 3, "Preprocessing": "bubble"},
    {"Id": 4, "Preprocessing": "duplicate"},
]
GIVEN = ["silicone_oil", "cell_cluster", "air_bubble", None]


@pytest.mark.parametrize("images", ["s1/{}", "s1 Images/{}", "{}"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_labels_ids_and_images_of_single_files(tmp_path, images, delimiter):
    names = [f"s1_{number:05d}.png" for number in range(4)]
    scale = "0,5545" if delimiter == ";" else "0.5545"
    common = {"Name": "s1", "CalConst": scale}
    rows = [row | common | {"ImageFilename": name} for row, name in zip(ROWS, names, strict=True)]
    write_table(tmp_path, rows, delimiter=delimiter, quoted=delimiter == ",")
    pixels = draw_vignettes(tmp_path, [images.format(name) for name in names])
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.count, summary.um_per_px) == ("labelchecker", 4, 0.5545)
    assert [r.given for r in records] == GIVEN
    assert [r.name for r in records] == [f"s1#{number}" for number in range(1, 5)]
    assert all(np.array_equal(pixels_of(record), image) for record, image in zip(records, pixels, strict=True))
    assert (records[1].diameter_um, records[1].diameter_from) == (12.5, "AbdDiameter")
    assert records[0].diameter_um is None
    assert "Labels of the table: 1 checked by a person (LabelTrue), 1 predicted only." in summary.notes


def test_lines_before_the_header_and_after_the_rows_are_left_out(tmp_path):
    write_table(tmp_path, [ROWS[0] | {"ImageFilename": "a.png", "Name": "s1"}], delimiter=";")
    path = tmp_path / "LabelChecker_s1.csv"
    path.write_text("sep=;\r\n" + path.read_text("utf-8") + ";" * 14 + "\r\n\r\n", "utf-8")
    draw_vignettes(tmp_path, ["s1/a.png"])
    (record,) = read_particles(tmp_path)
    assert (record.given, record.reason) == ("silicone_oil", "")


def test_windows_paths_and_missing_columns(tmp_path):
    rows = [{"Id": 7, "ImageFilename": r"C:\data\s1\s1_00006.png", "LabelTrue": "Protein"}]
    write_table(tmp_path, rows, columns=("Id", "ImageFilename", "Preprocessing", "LabelTrue"))
    pixels = draw_vignettes(tmp_path, ["s1/s1_00006.png"])
    (record,) = read_particles(tmp_path)
    assert (record.given, record.um_per_px) == ("protein", None)
    assert np.array_equal(pixels_of(record), pixels[0])


def test_particles_are_cropped_from_collages(tmp_path):
    collage = np.zeros((60, 90), np.uint8)
    collage[2:30, 3:40] = np.random.default_rng(3).integers(90, 200, (28, 37))
    Image.fromarray(collage).save(tmp_path / "s1_000001.tif")
    box = {"Name": "s1", "CollageFile": "s1_000001.tif", "ImageX": 3, "ImageY": 2, "ImageW": 37, "ImageH": 28}
    rows = [
        box | {"Id": 1, "LabelTrue": "Oil"},
        box | {"Id": 2, "ImageX": "left"},
        box | {"Id": 3, "ImageW": 900},
        box | {"Id": 4, "CollageFile": "gone.tif"},
        {"Id": 5},
    ]
    write_table(tmp_path, rows)
    records = {r.columns["Id"]: r for r in read_particles(tmp_path)}
    assert np.array_equal(pixels_of(records["1"]), collage[2:30, 3:40])
    assert "imagex in the table is 'left', not a whole number" in records["2"].reason
    assert "extends beyond the collage" in records["3"].reason
    assert "gone.tif is not beside the table" in records["4"].reason
    assert "names no image" in records["5"].reason


@pytest.mark.parametrize("draw", [draw_run, write_export])
def test_a_table_beside_its_flowcam_run_gives_labels_to_the_run(tmp_path, draw):
    draw(tmp_path)
    rows = [{"Id": 3, "LabelTrue": "Protein"}, {"Id": 4, "LabelPredicted": "Fibre"}, {"Id": 5, "Preprocessing": "blur"}]
    write_table(tmp_path, [row | {"CollageFile": "run ä1_000001.tif"} for row in rows], title="run ä1")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, len(summary.runs), len(records)) == ("flowcam", 1, 12)
    given = {str(r.columns.get("id") or r.columns.get("Particle ID")): r.given for r in records}
    assert (given["3"], given["4"], given["5"]) == ("protein", "fibre", None)
    assert "LabelChecker_run ä1.csv gives labels to 2 particles." in summary.notes


def test_unusable_table_raises_a_lab_error(tmp_path):
    write_table(tmp_path, [])
    with pytest.raises(LabError, match="contains no particles"):
        detect_source(tmp_path)


def test_particles_may_be_told_apart_by_uuid_alone(tmp_path):
    rows = [{"Uuid": f"u/{n}", "ImageFilename": f"p{n}.png", "LabelTrue": "Fibre"} for n in range(2)]
    write_table(tmp_path, rows, columns=("Uuid", "ImageFilename", "LabelPredicted", "LabelTrue"))
    draw_vignettes(tmp_path, ["p0.png", "p1.png"])
    records = list(read_particles(tmp_path))
    assert [record.name for record in records] == ["s1#u_0", "s1#u_1"]
    assert not any(record.rejected for record in records)
