"""Labels of FlowCam runs: csv exports of single classes, .cla of several versions and classifications, libraries."""

import pytest

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.flowcam import export_columns
from svp_core.instruments.flowcam.cla import read_cla, update_cla
from svp_core.instruments.flowcam.class_exports import class_of_table
from tests.helpers.drawn_run import draw_run
from tests.helpers.flowcam_csv_files import write_export

CLA = "2\nfirst\n1\nFibre\nOR\n0\n1\n1\nsecond\n2\nProtein\nOR\n0\n1\n2\nOil\nAND\n0\n2\n3\n4\n"
TITLE = "run ä1"


def write_class(folder, label, ids, *, name=f"{TITLE}_{{}}.csv", delimiter=","):
    """Write the csv export of one class, with the columns of the whole run's."""
    folder.mkdir(parents=True, exist_ok=True)
    header = ["Particle ID", "Area (ABD)", "Image File", "Image X", "Image Y", "Image Width", "Image Height"]
    rows = [[str(number), "12.5", f"{TITLE}_000001.tif", "0", "0", "9", "9"] for number in ids]
    text = "".join(delimiter.join(row) + "\r\n" for row in [header, *rows])
    (folder / name.format(label)).write_text(text, "latin-1")


def labels_of(folder):
    """{id: Class} of the particles that have one."""
    records = list(read_particles(folder))
    ids = [str(r.columns.get("id") or r.columns.get("Particle ID")) for r in records]
    assert len(set(ids)) == len(ids)
    return {number: r.columns["Class"] for number, r in zip(ids, records, strict=True) if r.columns.get("Class")}


@pytest.mark.parametrize(
    ("folder", "name", "delimiter"),
    [("", f"{TITLE}_{{}}.csv", ","), ("", "{}.csv", ";"), ("group", f"{TITLE}_classes_{{}}_data.csv", ",")],
)
def test_exports_of_single_classes_label_the_run(tmp_path, folder, name, delimiter):
    draw_run(tmp_path)
    write_class(tmp_path / folder, "Protein", [1, 2], name=name, delimiter=delimiter)
    write_class(tmp_path / folder, "Diatom", [5], name=name, delimiter=delimiter)
    summary = detect_source(tmp_path)
    assert (len(summary.runs), summary.count) == (1, 12)
    assert labels_of(tmp_path) == {"1": "Protein", "2": "Protein", "5": "Diatom"}
    assert [r.given for r in read_particles(tmp_path)][:5] == ["protein", "protein", None, None, None]
    assert any("2 csv exports of single classes give labels to 3 particles" in note for note in summary.notes)


def test_exports_of_single_classes_label_a_run_without_a_list(tmp_path):
    write_export(tmp_path)
    write_class(tmp_path, "Fibre", [1, 4])
    summary = detect_source(tmp_path)
    assert (len(summary.runs), summary.count) == (1, 12)
    given = {r.columns["Particle ID"]: r.given for r in read_particles(tmp_path)}
    assert {number: key for number, key in given.items() if key} == {"1": "fibre", "3": "silicone_oil", "4": "fibre"}


def test_an_export_of_other_particles_is_a_run_of_its_own(tmp_path):
    draw_run(tmp_path)
    write_class(tmp_path, "x", range(1, 14))
    assert len(detect_source(tmp_path).runs) == 2


def test_many_runs_in_one_folder_do_not_look_at_each_others_tables(tmp_path, monkeypatch):
    for number in range(12):
        draw_run(tmp_path, count=2, title=f"sample {chr(97 + number)}")
    looked, layout = [], export_columns.export_layout
    monkeypatch.setattr(export_columns, "export_layout", lambda head: looked.append(head) or layout(head))
    assert len(detect_source(tmp_path).runs) == 12
    assert len(looked) <= 12


@pytest.mark.parametrize(
    ("name", "label"),
    [("run 7_Diatom.csv", "Diatom"), ("run 7 - class Oil.csv", "Oil"), ("group/run 7.csv", ""), ("Fibre.csv", "Fibre")],
)
def test_class_is_what_the_name_of_the_run_leaves(name, label):
    assert class_of_table(name, "run 7") == label


@pytest.mark.parametrize("version", ["v3", "v2", "v4"])
def test_last_classification_of_a_cla_counts_and_is_told(tmp_path, version):
    draw_run(tmp_path)
    (tmp_path / f"{TITLE}.cla").write_text(f"{version}\n{CLA}")
    assert labels_of(tmp_path) == {"2": "Protein", "3": "Oil", "4": "Oil"}
    assert any("'second', the last of 2 classifications" in note for note in detect_source(tmp_path).notes)


def test_other_versions_of_a_cla_are_read_where_they_can_be_and_never_written():
    assert read_cla(f"v2\n{CLA}".encode())[1].label_of() == {"2": "Protein", "3": "Oil", "4": "Oil"}
    with pytest.raises(LabError, match="version 'v2'; only v3 can be written"):
        update_cla(f"v2\n{CLA}".encode(), {"Fibre": [1]})
    with pytest.raises(LabError, match="version 'v5', not laid out like v3"):
        read_cla(b"v5\n1\nname\n1\nFibre\nMAYBE\n")


def test_a_library_folder_labels_its_particles_by_the_name_of_the_library(tmp_path):
    for name in ("Protein", "Tripos fusus"):
        draw_run(tmp_path / name, count=3, title=f"{name}_lib_images")
        (tmp_path / name / f"{name}_lib_images.lst").rename(tmp_path / name / f"{name}.flb")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title) == ("flowcam_library", f"2 FlowCam libraries in {tmp_path.name}")
    assert [r.columns["Class"] for r in records] == ["Protein"] * 3 + ["Tripos fusus"] * 3
    assert [r.given for r in records] == ["protein"] * 3 + [None] * 3
