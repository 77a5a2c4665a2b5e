"""The shipped FlowCam run: every file of it follows from its particles."""

import configparser
import csv
from itertools import groupby

import numpy as np
import pytest
from scipy.ndimage import binary_closing

from svp_core.instruments.detect import detect_source
from svp_core.instruments.flowcam import measures
from svp_core.particle_classes import CLASSES
from svp_core.sample_data import flowcam_run, run_metadata
from svp_core.sample_data.flowcam_text import LIST_FIELDS
from tests.helpers.records import mask_of, pixels_of
from tests.helpers.sample_files import RUN, read_image, read_table

EXPORT_HEADER = (
    "Particle ID,Area (ABD),Area (Filled),Aspect Ratio,Average Blue,Average Green,Average Red,Calibration Factor,"
    "Calibration Image,Camera,Capture X,Capture Y,Ch1 Area,Ch1 Peak,Ch1 Width,Ch2 Area,Ch2 Peak,Ch2 Width,"
    "Ch2/Ch1 Ratio,Circle Fit,Circularity,Circularity (Hu),Compactness,Convex Perimeter,Convexity,Date,Diameter (ABD),"
    "Diameter (ESD),Diameter (FD),Edge Gradient,Elapsed Time,Elongation,Feret Angle Max,Feret Angle Min,Fiber Curl,"
    "Fiber Straightness,Filter Score,Geodesic Aspect Ratio,Geodesic Length,Geodesic Thickness,Image File,Image Height,"
    "Image Width,Image X,Image Y,Intensity,Length,Original Reference ID,Particles Per Chain,Perimeter,Ratio Blue/Green,"
    "Ratio Red/Blue,Ratio Red/Green,Roughness,Scatter Area,Scatter Peak,Scatter Width,Sigma Intensity,Source Image,"
    "Sphere Complement,Sphere Count,Sphere Unknown,Sphere Volume,Sum Intensity,Symmetry,Time,Timestamp,Transparency,"
    "Volume (ABD),Volume (ESD),Width"
)


@pytest.fixture(scope="module")
def context():
    parser = configparser.ConfigParser()
    parser.read(RUN / f"{flowcam_run.RUN_NAME}.ctx", encoding="latin-1")
    return {key: value for section in parser.sections() for key, value in parser[section].items()}


def test_reader_returns_every_particle(records):
    summary = detect_source(RUN)
    assert (summary.kind, summary.count, summary.um_per_px) == ("flowcam", flowcam_run.PARTICLE_COUNT, 0.5545)
    assert len(records) == flowcam_run.PARTICLE_COUNT >= 520
    assert not any(record.rejected or record.mask is None for record in records)
    assert {record.um_per_px for record in records} == {0.5545}


def test_crops_and_masks_match_the_camera_frame(records):
    empty = read_image(RUN / "cal_image_000001.tif").astype(int)
    assert empty.shape == (964, 1292)
    border = 5
    for record in records:
        columns, height, width = record.columns, *pixels_of(record).shape
        frame = empty[columns["src_y"] :, columns["src_x"] :][:height, :width]
        assert frame.shape == (height, width)  # entirely inside the camera frame
        differing = np.abs(pixels_of(record) - frame) > run_metadata.THRESHOLD
        closed = np.logical_or(differing, binary_closing(differing, np.ones((3, 3))))
        assert closed[mask_of(record)].all()
        # Other differing pixels belong to more distant parts, which the run excluded.
        assert mask_of(record)[differing].mean() > 0.5
        y, x = np.nonzero(mask_of(record))
        assert (y.min(), x.min()) == (border, border)
        assert (y.max(), x.max()) == (height - 1 - border, width - 1 - border)


def test_every_value_of_the_list_and_the_export_follows_from_the_mask(records):
    for record in records[::7]:
        columns = record.columns
        row = measures.measure_particle(
            pixels_of(record),
            mask_of(record),
            left=columns["src_x"],
            top=columns["src_y"],
            um_per_px=0.5545,
            fringe_px=4.5,
        )
        row |= measures.derived_measures({**row, "cal_const": 0.5545})
        for name, value in row.items():
            assert float(columns[name]) == pytest.approx(value, rel=1e-6, abs=6e-5), name


def test_list_and_export_agree(records):
    header = (RUN / f"{flowcam_run.RUN_NAME}.csv").read_text().splitlines()[0]
    assert header == EXPORT_HEADER
    assert header.count(",") == 70
    assert len(LIST_FIELDS) == 65
    pairs = {
        "Diameter (ABD)": "abd_diameter",
        "Diameter (ESD)": "esd_diameter",
        "Area (ABD)": "abd_area",
        "Capture X": "src_x",
        "Capture Y": "src_y",
        "Image X": "image_x",
        "Image Y": "image_y",
        "Width": "width",
        "Image Width": "image_w",
        "Image Height": "image_h",
        "Elapsed Time": "elapsed_time",
    }
    for record in records:
        columns = record.columns
        assert all(float(columns[export]) == columns[field] for export, field in pairs.items())
        assert columns["Original Reference ID"] == columns["image_id"]
        assert columns["Image File"] == columns["collage_file"]
        assert columns["Timestamp"] == columns["timestamp"] == f"{columns['Date']}T{columns['Timestamp'][11:]}"
        assert (columns["edge_gradient"], columns["circle_fit"], columns["symmetry"]) == (0, 0, 0)  # formulas not known
        assert run_metadata.MIN_ESD_UM <= columns["esd_diameter"] <= run_metadata.MAX_ESD_UM


def test_collages_have_the_layout_of_flowcam(records):
    first = records[0].columns
    assert (first["image_x"], first["image_y"]) == (0, 0)
    for name, page in groupby(records, key=lambda record: record.columns["collage_file"]):
        used = np.zeros((964, 1292), int)
        for record in page:
            x, y, w, h = (record.columns[f"image_{side}"] for side in "xywh")
            assert used[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2].sum() == 0  # 2 px of black between
            used[y : y + h, x : x + w] = 1
        collage, masks = read_image(RUN / name), read_image(RUN / name.replace(".tif", "_bin.tif"))
        assert collage.shape == masks.shape == used.shape
        assert not collage[used == 0].any()
        assert set(np.unique(masks)) == {0, 255}


def test_contours_match_the_masks(records):
    contours = {}
    for line in (RUN / f"{flowcam_run.RUN_NAME}.edg").read_text().split():
        particle_id, count, x, y, chain = line.split(",")
        assert len(chain) == int(count)
        contours.setdefault(int(particle_id), []).append((int(x), int(y), chain))
    for record in records[::11]:
        columns = record.columns
        for x, y, _ in contours.get(columns["id"], []):
            assert mask_of(record)[y - columns["src_y"], x - columns["src_x"]]
        length = sum(measures.chain_length(chain) for _, _, chain in contours.get(columns["id"], []))
        assert length == pytest.approx(columns["raw_perimeter"], abs=1e-4)


def test_volume_and_concentration_agree_in_every_file(records, context):
    width, height = (
        int(context[f"acceptable{b}"]) - int(context[f"acceptable{a}"]) + 1
        for a, b in (("left", "right"), ("top", "bottom"))
    )
    factors = ["calibrationconstant", "calibrationconstant", "flowcelldepth", "rawimagetotal", "volumecf"]
    volume = width * height * np.prod([float(context[key]) for key in factors]) * 1e-12
    rows = csv.reader((RUN / f"{flowcam_run.RUN_NAME}_summary.csv").read_text().splitlines())
    summary = {row[0]: row[1] for row in rows if len(row) == 2}
    assert int(summary["Count"]) == len(records)
    assert int(summary["Particles / ml"]) == round(len(records) / volume)
    assert summary["Sample Volume Imaged ml"] == f"{volume:.5f}"
    processed = float(summary["Sample Volume Processed ml"])
    assert float(context["efficiency"]) == pytest.approx(100 * volume / processed, rel=1e-3)
    assert summary["Efficiency"] == f"{float(context['efficiency']):.1f}%"
    frames_counted = [record.columns["src_image"] for record in records]
    assert frames_counted == sorted(frames_counted)
    assert frames_counted[-1] == int(context["rawimagetotal"]) + 31


def test_summary_statistics_match_the_export(records):
    rows = csv.reader((RUN / f"{flowcam_run.RUN_NAME}_summary.csv").read_text().splitlines())
    shown = {row[0]: row[1:] for row in rows if len(row) == 6}
    diameters = np.array([float(record.columns["Diameter (ABD)"]) for record in records])
    mean, spread = diameters.mean(), diameters.std()
    expected = [mean, diameters.min(), diameters.max(), spread, 100 * spread / mean]
    assert [float(figure) for figure in shown["Diameter (ABD)"]] == pytest.approx(expected, abs=0.006)
    assert float(shown["D[4 3](ABD)"][0]) == pytest.approx((diameters**4).sum() / (diameters**3).sum(), abs=0.006)


def test_ground_truth_is_beside_the_run(records):
    truth = read_table(RUN.parent / "truth.csv")
    assert [int(row["id"]) for row in truth] == [record.columns["id"] for record in records]
    share = {c.key: np.mean([row["class"] == c.key for row in truth]) for c in CLASSES}
    expected = {"protein": 0.70, "silicone_oil": 0.18, "air_bubble": 0.12}
    assert share == pytest.approx(expected, abs=0.04)
    # Measured size relative to the drawn size: sharp droplets agree within the fringe and the blur.
    ratio = [
        record.columns["abd_diameter"] / float(row["diameter_um"])
        for row, record in zip(truth, records, strict=True)
        if row["class"] == "silicone_oil"
        and row["shape"] == "single"
        and abs(float(row["z_f_um"])) < 20
        and float(row["diameter_um"]) > 8
    ]
    assert len(ratio) > 8
    assert 0.85 < np.median(ratio) < 1.3
