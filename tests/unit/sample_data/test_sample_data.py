"""The shipped sample data: complete, small, and a rebuilt part is identical."""

import numpy as np
import pytest

from svp_core.instruments.detect import read_particles
from svp_core.particle_classes import CLASSES
from svp_core.sample_data import flowcam_run, frames, tiles
from svp_core.sample_data.build import build
from tests.helpers.records import pixels_of
from tests.helpers.sample_files import RUN, SHIPPED, read_image, read_table


def same_pixels(a, b):
    """Whether two images are equal but for rounding, which may differ by one level on another CPU."""
    difference = np.abs(a.astype(int) - b)
    return a.shape == b.shape and difference.max() <= 1 and (difference > 0).mean() <= 1e-4


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small data set of each kind, built twice."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for folder in folders:
        steps = [
            *tiles.write_tiles(folder, per_class=2),
            *flowcam_run.write_run(folder, count=8),
            *frames.write_frames(folder, counts=(2, 1)),
        ]
        assert steps == ["tiles"] * 6 + ["run"] * 8 + ["frames"] * 3
    return folders


def test_sample_data_is_small_and_complete():
    assert 4e6 < sum(len(data) for data in files_below(SHIPPED).values()) < 25e6
    assert len(np.load(SHIPPED / "tiles.npy", mmap_mode="r")) == 960
    endings = [".lst", ".csv", ".edg", ".ctx", ".cla", "_summary.csv", "_run_summary.txt", "_000001_bin.tif"]
    expected = {f"{flowcam_run.RUN_NAME}{ending}" for ending in endings} | {"cal_image_000001.tif"}
    assert expected <= {path.name for path in RUN.iterdir()}


def test_two_builds_are_identical_bit_for_bit(small):
    first, second = map(files_below, small)
    assert first == second
    assert len(first) > 20


def test_rebuilt_tiles_equal_the_shipped_ones(small):
    assert same_pixels(np.load(small[0] / "tiles.npy"), np.load(SHIPPED / "tiles.npy")[:6])
    for rebuilt, shipped in zip(
        read_table(small[0] / "particles.csv"), read_table(SHIPPED / "particles.csv"), strict=False
    ):
        assert_same_truth(rebuilt, shipped)


def test_rebuilt_run_particles_equal_the_shipped_ones(small, records):
    rebuilt = list(read_particles(small[0] / "flowcam_run" / flowcam_run.RUN_NAME))
    assert len(rebuilt) == 8
    for a, b in zip(rebuilt, records, strict=False):
        assert same_pixels(pixels_of(a), pixels_of(b))
        assert a.columns["image_id"] == b.columns["image_id"]
        assert a.columns["src_image"] == b.columns["src_image"]
    for a, b in zip(*(read_table(f / "flowcam_run" / "truth.csv") for f in (small[0], SHIPPED)), strict=False):
        assert_same_truth(a, b)


def test_rebuilt_boxes_equal_the_shipped_ones(small):
    # The shipped frames contain more particles; the first ones are the same.
    rebuilt, shipped = (read_table(folder / "frames" / "boxes.csv")[:2] for folder in (small[0], SHIPPED))
    for a, b in zip(rebuilt, shipped, strict=True):
        assert_same_truth(a, b)
        top, left, bottom, right = (int(a[side]) for side in ("top", "left", "bottom", "right"))
        box = slice(top, bottom), slice(left, right)
        pixels = [read_image(folder / "frames" / "frame_1.png")[box].astype(int) for folder in (small[0], SHIPPED)]
        # The outermost rings of a neighbour may extend into the box.
        assert np.abs(pixels[0] - pixels[1]).max() <= 3


def assert_same_truth(a, b):
    assert a.keys() == b.keys()
    for column, value in a.items():
        try:
            assert float(value) == pytest.approx(float(b[column]), rel=1e-4, abs=1e-6), column
        except ValueError:
            assert value == b[column], column


def test_tiles_alternate_between_classes_and_have_their_ground_truth():
    rows = read_table(SHIPPED / "particles.csv")
    assert [row["class"] for row in rows] == [c.key for _ in range(320) for c in CLASSES]
    assert len({row["image"] for row in rows}) == len(rows) == 960
    first = "image,class,kind,shape,seed,diameter_um,um_per_px,z_f_um,index"
    assert ",".join(list(rows[0])[:9]) == first
    assert {"background", "noise", "na_objective", "shift_px_x", "stray_light"} <= rows[0].keys()
    assert all(value for row in rows for value in row.values())


def test_labelled_folder_contains_the_first_forty_of_each_class():
    shipped, rows = np.load(SHIPPED / "tiles.npy"), read_table(SHIPPED / "particles.csv")
    position = {row["image"]: n for n, row in enumerate(rows)}
    read = list(read_particles(SHIPPED / "labelled"))
    assert len(read) == 120
    assert {record.given for record in read} == {c.key for c in CLASSES}
    for record in read:
        assert rows[position[record.name]]["class"] == record.given
        assert np.array_equal(pixels_of(record), shipped[position[record.name]])


def test_frames_contain_particles_only_in_their_boxes():
    rows = read_table(SHIPPED / "frames" / "boxes.csv")
    empty = read_image(RUN / "cal_image_000001.tif").astype(int)
    names = list(dict.fromkeys(row["frame"] for row in rows))
    assert len(names) == 3
    for name in names:
        pixels = read_image(SHIPPED / "frames" / name)
        assert pixels.shape == (964, 1292)
        assert pixels.dtype == np.uint8
        boxes = [[int(row[s]) for s in ("top", "left", "bottom", "right")] for row in rows if row["frame"] == name]
        assert 10 <= len(boxes) <= 25
        difference = np.abs(pixels - empty)
        inside, reach = np.zeros(pixels.shape, int), np.zeros(pixels.shape, bool)
        for top, left, bottom, right in boxes:
            assert 0 <= top < bottom <= 964
            assert 0 <= left < right <= 1292
            assert difference[top:bottom, left:right].max() > 8
            inside[top:bottom, left:right] += 1
            reach[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = True
        assert inside.max() == 1  # no two boxes overlap
        assert difference[~reach].max() <= 12  # noise, and rings too faint for the box
    assert {row["label"] for row in rows} == {c.key for c in CLASSES}


def test_build_reports_every_particle(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "PER_CLASS", 1)
    monkeypatch.setattr(flowcam_run, "PARTICLE_COUNT", 2)
    monkeypatch.setattr(frames, "COUNTS", (1,))
    (tmp_path / "results.csv").write_text("from another command")
    progress = list(build(tmp_path))
    assert [p.step for p in progress] == [1, 2, 3, 4, 5, 6]
    assert {p.total for p in progress} == {6}
    assert (tmp_path / "results.csv").read_text() == "from another command"
