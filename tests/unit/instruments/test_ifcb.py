"""IFCB samples written in the documented layout of both versions, and malformed ones."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.ifcb import FIELDS
from tests.helpers.case_files import case_folder
from tests.helpers.ifcb_files import write_sample
from tests.helpers.records import pixels_of


@pytest.mark.parametrize(("version", "extra"), [(15, 0), (24, 0), (24, 2)])
def test_every_region_is_read_exactly(tmp_path, version, extra):
    pixels = write_sample(tmp_path, version=version, extra=extra)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.title) == ("ifcb", "IFCB sample D20240401T101010_IFCB102")
    assert summary.count == len(records) == 3
    assert summary.um_per_px is None
    assert len(summary.columns) == version + extra
    assert np.array_equal(pixels_of(records[0]), pixels[0])
    assert np.array_equal(pixels_of(records[2]), pixels[2])
    assert records[1].reason == "the trigger took no image (its region is 0 px)"
    assert [r.name.rpartition("#")[2] for r in records] == ["1", "2", "3"]
    assert records[2].columns["roi_x"] == "7"
    assert records[2].columns["trigger"] == "3"
    facts = summary.runs[0]
    assert facts.settings["Temperature"] == "24.7"
    assert ("first" in facts.instrument) == (version == 15)
    assert {r.run for r in records} == {facts.name}


def test_several_samples_in_one_folder_and_a_single_one(tmp_path):
    write_sample(tmp_path, version=24, title="A")
    write_sample(tmp_path, version=15, title="B", shapes=[(9, 8)])
    summary = detect_source(tmp_path)
    assert summary.title == f"2 IFCB samples in {tmp_path.name}"
    assert [r.count for r in summary.runs] == [3, 1]
    assert [r.run for r in read_particles(tmp_path)] == ["A"] * 3 + ["B"]
    for name in ("B.adc", "B.roi", "B.hdr"):
        assert [r.name for r in read_particles(tmp_path / name)] == ["B#1"]


def test_unreadable_rows_are_rejected_with_a_reason(tmp_path):
    write_sample(tmp_path, version=24, shapes=[(4, 4)] * 5)
    path = next(tmp_path.glob("*.adc"))
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(",4,4,", ",4,four,")
    lines[2] = lines[2].rpartition(",")[0]
    lines[3] = lines[3].replace(",4,4,", ",4,400,")
    path.write_text("\n".join(lines))
    reasons = [r.reason for r in read_particles(tmp_path)]
    assert reasons[0] == reasons[4] == ""
    assert "is not a whole number" in reasons[1]
    assert reasons[2].startswith("its row in the .adc has 23 values, other rows have 24;")
    assert "4 x 400 px from byte 49" in reasons[3]


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        (".roi", None, "has no D20240401T101010_IFCB102.roi with the pixels beside it; add that file"),
        (".adc", "", "contains no particles"),
        (".adc", "hello\n", "does not start with a row of 15, 24 or more numbers"),
    ],
)
def test_unusable_sample_raises_a_lab_error(tmp_path, ending, content, message):
    write_sample(tmp_path, version=15)
    path = next(tmp_path.glob(f"*{ending}"))
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(LabError, match=message):
        detect_source(tmp_path)


def test_missing_header_is_noted_and_unreadable_roi_rejects_all(tmp_path):
    write_sample(tmp_path, version=15)
    next(tmp_path.glob("*.hdr")).unlink()
    assert any(".hdr with the settings is missing" in note for note in detect_source(tmp_path).notes)
    roi = next(tmp_path.glob("*.roi"))
    roi.unlink()
    roi.symlink_to(tmp_path / "gone")
    assert all("cannot be read: the file cannot be opened" in r.reason for r in read_particles(tmp_path))


def test_table_of_numbers_without_a_roi_is_not_a_sample(tmp_path):
    (tmp_path / "numbers.csv").write_text(",".join("1" * 15) + "\n")
    assert detect_source(tmp_path).kind == "folder"


FIRST = [  # trigger, opening, frame grab, width, height: two regions of trigger 2; the last trigger took no image
    (1, 0, 0.25, 12, 9),
    (2, 0.3, 0.5, 10, 8),
    (2, 0.3, 0.5, 6, 5),
    (3, 0.9, 1.25, 0, 0),
]
FIRST_HDR = (
    '"Imaging FlowCytobot Acquisition Software version 1.0; October 2005"\r\n"SyringeStatus =  0"\r\n'
    '"Temp Humidity BinarizeThresh PMT1hv(ssc) PMT2hv(chl) BlobSizeThresh"\r\n'
    '" 11.5"," 32.2"," 30"," .7"," .6"," 10"\r\n'
)


def write_first_layout(folder, *, rows=FIRST, left_out=(), comma=",", title="IFCB1_2020_001_000000"):
    """Write a sample of the first layout; left_out: columns that the file lacks. Returns the pixels by row."""
    rng, data, lines, pixels = np.random.default_rng(8), b"\0", [], []
    for trigger, opened, grabbed, width, height in rows:
        region = rng.integers(0, 255, (height, width), dtype=np.uint8)
        values = dict.fromkeys(FIELDS[15].split(), "-.27") | {"trigger": trigger, "roi_x": 202, "roi_y": 673}
        values |= {"trigger_open_time": opened, "frame_grab_time": grabbed, "start_byte": len(data)}
        values |= {"roi_width": width, "roi_height": height}
        lines.append(",".join(str(value) for name, value in values.items() if name not in left_out) + comma)
        pixels.append(region)
        data += region.tobytes()
    (folder / f"{title}.adc").write_text("\n".join(lines) + "\n")
    (folder / f"{title}.roi").write_bytes(data)
    (folder / f"{title}.hdr").write_text(FIRST_HDR)
    return pixels


@pytest.mark.parametrize("left_out", [(), ("valve_status",), ("fluorescence_high",)])
@pytest.mark.parametrize("comma", [",", ""])
def test_first_layout_is_read_with_its_volume(tmp_path, left_out, comma):
    pixels = write_first_layout(tmp_path, left_out=left_out, comma=comma)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.columns == tuple(name for name in FIELDS[15].split() if name not in left_out)
    assert [r.rejected for r in records] == [False, False, False, True]
    assert all(np.array_equal(pixels_of(r), image) for r, image in zip(records[:3], pixels, strict=False))
    # Blind between triggers 1 and 2 for at least 0.073 s (0.05 by the clock), from 2 to 3 for 0.4 s, and at the end.
    assert summary.runs[0].volume_ml == pytest.approx((1.25 - 0.073 - 0.4 - 0.073) * 0.25 / 60)
    assert summary.runs[0].settings["Temp"] == "11.5"
    assert any("1 of 2 triggers took more than one image" in note for note in summary.notes)
    assert any("0.25 mL/min, which IFCB files do not state" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("title", "times", "searched_s"),
    [
        ("IFCB1_2020_001_000000", [(0, 0.2), (0.21, 0.5)], 0.5 - 2 * 0.073),
        ("IFCB5_2014_200_000000", [(0, 0.2), (0.21, 0.5)], 0.5 - 2 * 0.073),
        ("IFCB5_2015_200_000000", [(0, 0.2), (0.21, 0.5)], 0.5 - 2 * 0.05),
        ("IFCB1_2020_001_000000", [(86390, 86391), (-9, -8)], 86392 - 2 * 0.073),
    ],
)
def test_volume_of_the_first_layout_by_instrument_and_past_midnight(tmp_path, title, times, searched_s):
    write_first_layout(tmp_path, title=title, rows=[(n, *pair, 4, 4) for n, pair in enumerate(times, 1)])
    assert detect_source(tmp_path).runs[0].volume_ml == pytest.approx(searched_s * 0.25 / 60)


def write_second_layout(folder, hdr, *, times=((10.0, 1.0), (1200.0, 20.0))):
    """Write a sample of the second layout with these lines of its .hdr and (run time, inhibit time) of its rows."""
    write_sample(folder, version=24, title="D", shapes=[(4, 5)] * len(times))
    lines = (folder / "D.adc").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    for row, (run, blind) in zip(rows, times, strict=True):
        row[1], row[22], row[23] = str(run), str(run), str(blind)
    (folder / "D.adc").write_text("\n".join(",".join(row) for row in rows) + "\n")
    (folder / "D.hdr").write_text("\r\n".join(hdr) + "\r\n")


SYRINGE = "SyringeSampleVolume: 5"
TIMES, FAST = ["runTime: 1200.000", "inhibitTime: 20.000"], ["runSampleFast: True", "RunFastFactor: 5"]


@pytest.mark.parametrize(
    ("hdr", "times", "ml", "note"),
    [
        (TIMES, ((10, 1), (1199, 19)), 1180 * 0.25 / 60, "0.25 mL/min, which IFCB files do not state"),
        (["RunTime: 1200\t", "InhibitTime: 20\t"], ((10, 1), (1199, 19)), 1180 * 0.25 / 60, "0.25 mL/min"),
        (["temperature: 20"], ((10, 1), (600, 30), (0, 0)), 570 * 0.25 / 60, "0.25 mL/min"),
        (TIMES, ((10, 1), (900, 15)), 885 * 0.25 / 60, "last trigger in the .adc is at 900.0 s"),
        (
            ["runTime: 240", "inhibitTime: 4", *FAST, "SyringeSampleVolume: 5"],
            ((1, 0.1), (239, 4)),
            236 * 1.25 / 60,
            "5 times",
        ),
        ([*TIMES, *FAST, "SyringeSampleVolume: 5"], ((10, 1), (1199, 19)), 1180 * 0.25 / 60, "the usual rate is taken"),
        (
            [*TIMES, "SyringeSampleVolume: 1"],
            ((10, 1), (1199, 19)),
            1180 * 0.25 / 60,
            "more than the 1 mL of the syringe",
        ),
    ],
)
def test_volume_of_the_second_layout(tmp_path, hdr, times, ml, note):
    write_second_layout(tmp_path, hdr, times=times)
    summary = detect_source(tmp_path)
    assert summary.runs[0].volume_ml == pytest.approx(ml)
    assert summary.runs[0].volume_from
    assert any(note in text for text in summary.notes)


def test_without_times_there_is_no_volume(tmp_path):
    write_second_layout(tmp_path, ["temperature: 20"], times=((0, 0), (0, 0)))
    facts = detect_source(tmp_path).runs[0]
    assert (facts.volume_ml, facts.volume_from) == (None, "")


def test_columns_are_those_that_the_header_names(tmp_path):
    pixels = write_sample(tmp_path, version=24, title="D")
    names = FIELDS[24].split()
    swapped = [*names[:15], *names[17:18], *names[15:17], *names[18:]]
    lines = [line.split(",") for line in (tmp_path / "D.adc").read_text().splitlines()]
    rows = [dict(zip(names, line, strict=True)) for line in lines]
    (tmp_path / "D.adc").write_text("\n".join(",".join(row[name] for name in swapped) for row in rows))
    stated = ", ".join(name.replace("_", "").upper() for name in swapped)
    (tmp_path / "D.hdr").write_text(f"ADCFileFormat: {stated}\n")
    assert detect_source(tmp_path).columns == tuple(swapped)
    assert np.array_equal(pixels_of(next(read_particles(tmp_path))), pixels[0])


@pytest.mark.parametrize("value", ["nan", "-1.#IND", "1.#QNAN", "inf"])
def test_values_that_are_no_numbers_do_not_hide_a_sample(tmp_path, value):
    write_sample(tmp_path, version=24, title="D")
    path = tmp_path / "D.adc"
    path.write_text(path.read_text().replace("0.5", value, 1))
    assert detect_source(tmp_path).count == 3


def test_case_of_the_first_layout(real_data):
    folder = case_folder(real_data, "ifcb-first-layout")
    summary, records = detect_source(folder), list(read_particles(folder))
    assert [r.reason for r in records] == ["", "the trigger took no image (its region is 0 px)"]
    assert pixels_of(records[0]).shape == (64, 64)
    # 0.35 s after the start, blind for 0.073 s after each of two triggers.
    assert summary.runs[0].volume_ml == pytest.approx((0.35 - 2 * 0.073) * 0.25 / 60)
