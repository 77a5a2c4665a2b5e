"""One brightness scale a source: decided on the whole set, stated, and changed by a choice."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import background_level
from svp_core.instruments import brightness
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.morphology import measure
from tests.helpers import drawn_files
from tests.helpers.records import pixels_of


def dim_crop(peak, *, level=786, seed=0):
    """Counts of a camera of unknown depth: a faint dark disc and one bright pixel."""
    grey = drawn_files.draw_grey(seed=seed) / drawn_files.LIQUID
    values = np.round(grey * level).astype(np.uint16)
    values[30, 30] = peak
    return values


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, values in files.items():
        (folder / f"{name}.tif").write_bytes(values if isinstance(values, bytes) else drawn_files.tiff(values))
    return folder


def backgrounds(path, choices=None):
    return {record.name: background_level(pixels_of(record)) for record in read_particles(path, choices)}


def brightness_question(path, choices=None):
    (question,) = [q for q in detect_source(path, choices).questions if brightness.is_brightness(q)]
    return question


@pytest.mark.parametrize(
    ("peaks", "level"), [((900, 1100), 49), ((900, 1000), 196), ((900, 5000), 12), ((900, 60000), 3)]
)
def test_one_background_is_one_level_in_all_crops(tmp_path, peaks, level):
    write(tmp_path, a=dim_crop(peaks[0]), b=dim_crop(peaks[1], seed=1))
    found = backgrounds(tmp_path)
    assert abs(found["a.tif"] - found["b.tif"]) <= 1
    assert found["a.tif"] == pytest.approx(level, abs=1)


def test_the_scale_of_a_stack_and_of_png_files_is_one_as_well(tmp_path):
    import tifffile

    tifffile.imwrite(
        tmp_path / "stack.tif", np.stack([dim_crop(900), dim_crop(1100, seed=1)]), photometric="minisblack"
    )
    (tmp_path / "c.png").write_bytes(drawn_files.by_pillow(dim_crop(800, seed=2), "PNG"))
    assert np.ptp(list(backgrounds(tmp_path).values())) <= 1
    assert len(backgrounds(tmp_path)) == 3


def test_the_scale_is_stated_and_asked_for(tmp_path):
    write(tmp_path, a=dim_crop(900), b=dim_crop(1100))
    source = detect_source(tmp_path)
    question = brightness_question(tmp_path)
    assert question.default == "12 bits"
    assert "10 bits" in question.options
    assert any("12 bits" in note and "1,100" in note for note in source.notes)
    assert any("guess" in caution for caution in source.cautions)
    assert any("dark" in caution for caution in source.cautions)
    chosen = {question.key: "10 bits"}
    assert backgrounds(tmp_path, chosen)["a.tif"] == pytest.approx(196, abs=1)
    assert backgrounds(tmp_path, {"brightness": "10 bits"}) == backgrounds(tmp_path, chosen)
    assert any("as chosen" in note for note in detect_source(tmp_path, chosen).notes)
    assert detect_source(tmp_path, chosen).cautions == ()
    assert brightness_question(tmp_path, chosen).default == "12 bits"


def test_a_range_of_values_can_be_chosen(tmp_path):
    write(tmp_path, a=dim_crop(900))
    assert backgrounds(tmp_path, {"brightness": "0 to 1146"})["a.tif"] == pytest.approx(175, abs=1)
    with pytest.raises(LabError, match="12 bits"):
        detect_source(tmp_path, {"brightness": "bright"})


def test_a_settled_choice_gives_the_same_and_needs_no_second_look(tmp_path, monkeypatch):
    write(tmp_path, a=dim_crop(900), b=dim_crop(1100), c=drawn_files.tiff(drawn_files.FRACTION.astype(np.float32)))
    source = detect_source(tmp_path)
    settled = brightness.settled_choices(source, None)
    before = backgrounds(tmp_path)
    monkeypatch.setattr(brightness, "read_raw_pages", lambda data: pytest.fail("looked again"))
    assert backgrounds(tmp_path, settled) == before


def test_stated_depths_are_used_and_not_called_a_guess(tmp_path):
    ome = '<OME><Image><Pixels SignificantBits="12" Type="uint16"/></Image></OME>'
    options = {"description": ome, "metadata": None}
    write(tmp_path / "ome", a=drawn_files.tiff(dim_crop(900), **options))
    write(tmp_path / "top", a=drawn_files.tiff(dim_crop(900), extratags=[(281, 3, 1, 4095, True)], metadata=None))
    manager = '{"BitDepth": 12}'
    write(tmp_path / "manager", a=drawn_files.tiff(dim_crop(900), description=manager, metadata=None))
    for name in ("ome", "top", "manager"):
        assert backgrounds(tmp_path / name)["a.tif"] == pytest.approx(49, abs=1)
        assert any("as the files state" in note for note in detect_source(tmp_path / name).notes)


def test_a_depth_that_a_file_states_once_holds_for_all_its_pages(tmp_path):
    stack = np.stack([dim_crop(900), dim_crop(900, seed=1), dim_crop(900, seed=2)])
    (tmp_path / "a.ome.tif").write_bytes(
        drawn_files.tiff(stack, photometric="minisblack", description='{"BitDepth": 12}', metadata=None)
    )
    assert {round(level) for level in backgrounds(tmp_path).values()} <= {48, 49, 50}
    (question,) = detect_source(tmp_path).questions
    assert question.key == "brightness:integer of 12 bits"


def test_deep_images_that_the_first_look_misses_still_share_a_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(brightness, "MAX_PEEKED", 2)
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(drawn_files.by_pillow(drawn_files.GREY, "PNG"))
    (tmp_path / "5.png").write_bytes(drawn_files.by_pillow(dim_crop(900), "PNG"))
    (tmp_path / "6.png").write_bytes(drawn_files.by_pillow(dim_crop(1100, seed=1), "PNG"))
    levels = backgrounds(tmp_path)
    assert levels["5.png"] == pytest.approx(49, abs=1)
    assert levels["6.png"] == pytest.approx(49, abs=1)
    assert levels["0.png"] == pytest.approx(175, abs=1)


def test_reading_a_long_stack_takes_time_in_proportion_to_its_pages(tmp_path):
    """Of a kind that Pillow does not read, so that each page is found by the other reader."""
    import time

    from svp_core.decoding import files

    page = (drawn_files.FRACTION[:8, :8]).astype(np.float64)
    seconds = {}
    for count in (100, 800):
        data = drawn_files.tiff(np.repeat(page[None], count, 0) + np.arange(count)[:, None, None] / 1e4, metadata=None)
        pages = files.Pages(data)
        assert pages.count == count
        started = time.process_time()
        for number in range(count):
            pages.read(number)
        seconds[count] = time.process_time() - started
    assert seconds[800] < 25 * seconds[100]  # in proportion: 8; where every page walks through all before it: 64


def test_a_stated_depth_that_the_values_exceed_is_not_believed(tmp_path):
    ome = '<OME><Image><Pixels SignificantBits="12" Type="uint16"/></Image></OME>'
    write(tmp_path, a=drawn_files.tiff(drawn_files.counts(16), description=ome, metadata=None))
    assert backgrounds(tmp_path)["a.tif"] == pytest.approx(175, abs=1)
    assert not any("as the files state" in note for note in detect_source(tmp_path).notes)


def test_sources_of_8_bits_have_no_question_and_no_choice(tmp_path):
    (tmp_path / "a.png").write_bytes(drawn_files.by_pillow(drawn_files.GREY, "PNG"))
    source = detect_source(tmp_path)
    assert source.questions == ()
    with pytest.raises(LabError, match="8 bits"):
        detect_source(tmp_path, {"brightness": "12 bits"})


def test_8_bit_images_are_decoded_once(tmp_path, monkeypatch):
    for name in ("a.png", "b.tif", "c.bmp"):
        kind = {"png": "PNG", "tif": "TIFF", "bmp": "BMP"}[name[-3:]]
        (tmp_path / name).write_bytes(drawn_files.by_pillow(drawn_files.GREY, kind))
    monkeypatch.setattr(brightness, "read_raw_pages", lambda data: pytest.fail("decoded"))
    detect_source(tmp_path)
    assert len(backgrounds(tmp_path)) == 3


def test_the_first_look_is_bounded(tmp_path, monkeypatch):
    write(tmp_path, **{f"p{k:02}": dim_crop(900, seed=k) for k in range(40)})
    read = []
    original = brightness.read_raw_pages
    monkeypatch.setattr(brightness, "read_raw_pages", lambda data: read.append(1) or original(data))
    monkeypatch.setattr(brightness, "MAX_SURVEY_BYTES", 100_000)
    assert any("examined" in note for note in detect_source(tmp_path).notes)
    assert 5 <= len(read) <= 15
    assert np.ptp(list(backgrounds(tmp_path).values())) <= 1


def test_undefined_pixels_are_filled_and_told(tmp_path):
    nan = drawn_files.FRACTION.astype(np.float32)
    nan[:8, :8] = np.nan
    write(tmp_path, a=nan, b=drawn_files.FRACTION.astype(np.float32))
    records = {record.name: record for record in read_particles(tmp_path)}
    assert background_level(pixels_of(records["a.tif"])[:8, :8]) == pytest.approx(175, abs=2)
    assert any("1 image holds undefined" in caution for caution in detect_source(tmp_path).cautions)


def test_kinds_of_one_source_have_a_scale_each(tmp_path):
    write(tmp_path, a=drawn_files.counts(12), b=drawn_files.FRACTION.astype(np.float32), c=drawn_files.GREY)
    levels = backgrounds(tmp_path)
    assert np.ptp(list(levels.values())) <= 1
    keys = {q.key for q in detect_source(tmp_path).questions}
    assert keys == {"brightness:integer", "brightness:float"}
    write(tmp_path, d=drawn_files.counts(16).astype(np.float32))
    assert np.ptp(list(backgrounds(tmp_path).values())) <= 1


def test_a_camera_frame_is_scaled_as_the_others_of_its_run(tmp_path):
    header = "#, Frame #, X Left, X Right, Y Top, Y Bottom\n"
    write(tmp_path, frame_1=dim_crop(900), frame_2=dim_crop(1100, seed=1))
    (tmp_path / "run.csv").write_text(header + "1,1,10,59,10,59\n2,2,10,59,10,59\n")
    levels = list(backgrounds(tmp_path).values())
    assert len(levels) == 2
    assert np.ptp(levels) <= 2
    assert brightness_question(tmp_path).default == "12 bits"


CASES = {
    "float-0-1": {"background_level": 175, "ecd_px": 23.88},
    "rgb16-of-12-bit": {"background_level": 174, "ecd_px": 23.88},
}


@pytest.mark.parametrize("name", CASES)
def test_cases_of_labs(name, shared_cases):
    (record,) = read_particles(shared_cases / name)
    values = measure(pixels_of(record))
    for key, value in CASES[name].items():
        assert values[key] == pytest.approx(value, abs=1.01 if key == "background_level" else 0.05)


def test_cases_of_labs_one_scale_and_unusual_tags(shared_cases):
    levels = backgrounds(shared_cases / "depth-per-image")
    assert np.ptp(list(levels.values())) <= 1
    for name in ("fill-order-0", "unnamed-tiff-kinds"):
        assert not any(record.reason for record in read_particles(shared_cases / name))


MIXED_DEPTHS = [(12, 16), (10, 14), (14, 16), (8, 12), (10, 12, 16)]


@pytest.mark.parametrize("as_float", [False, True])
@pytest.mark.parametrize("depths", MIXED_DEPTHS)
def test_depths_that_are_mixed_have_a_scale_each(tmp_path, depths, as_float):
    for bits in depths:
        for k in range(3):
            values = np.round(drawn_files.draw_grey(seed=k) / 255 * (2**bits - 1)).astype(np.uint16)
            values[30, 30] = (2**bits - 1) * (k == 0) + values[30, 30] * (k > 0)  # one crop of each holds a bright spot
            written = values.astype(np.float32) / 65535 if as_float else values
            write(tmp_path, **{f"{bits}_{k}": written})
    levels = backgrounds(tmp_path)
    assert len(levels) == 3 * len(depths)
    assert all(level == pytest.approx(175, abs=2) for level in levels.values())
    source = detect_source(tmp_path)
    assert sum("mixed" in caution for caution in source.cautions) == 1
    assert len([q for q in source.questions if brightness.is_brightness(q)]) == len(depths)
    assert backgrounds(tmp_path, brightness.settled_choices(source, None)) == levels
    assert len(set(backgrounds(tmp_path, {"brightness": "0 to 1" if as_float else "16 bits"}).values())) > 1


@pytest.mark.parametrize("few", ["one dark tile", "bright halos", "dim exposure"])
def test_odd_images_of_one_camera_are_not_another_depth(tmp_path, few):
    """A tile filled by an opaque particle, crops with bright spots, and a lamp at half its power keep the scale."""
    write(tmp_path, **{f"p{k:02}": dim_crop(3000, level=2800, seed=k) for k in range(14)})
    if few == "one dark tile":
        write(tmp_path, odd=np.full((64, 64), 150, np.uint16) + np.eye(64, dtype=np.uint16) * 40)
    elif few == "bright halos":
        write(tmp_path, **{f"odd{k}": dim_crop(4095, level=1300, seed=k) for k in range(8)})
    else:
        write(tmp_path, **{f"odd{k}": dim_crop(1500, level=1400, seed=k) for k in range(8)})
    assert brightness_question(tmp_path).key == "brightness:integer"
    assert not any("mixed" in caution for caution in detect_source(tmp_path).cautions)


def test_frames_of_one_run_are_of_one_depth(tmp_path):
    header = "#, Frame #, X Left, X Right, Y Top, Y Bottom\n"
    write(tmp_path, frame_1=dim_crop(60, level=50), frame_2=dim_crop(3000, level=2800, seed=1))
    (tmp_path / "run.csv").write_text(header + "1,1,10,59,10,59\n2,2,10,59,10,59\n")
    assert brightness_question(tmp_path).default == "12 bits"


def counts(seed, *, bits=16):
    return np.round(drawn_files.draw_grey(seed=seed) / 255 * (2**bits - 1)).astype(np.uint16)


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_counts_from_the_smallest_signed_value_on_do_not_change_the_scale_of_others(tmp_path, bits):
    """As some microscopes write 16 bits: with a sign, black at -32768; beside them files without a sign."""
    plain = {f"plain{seed}": counts(seed, bits=bits) for seed in range(3)}
    signed = {f"signed{seed}": (counts(seed, bits=bits).astype(int) - 2**15).astype(np.int16) for seed in range(3)}
    write(tmp_path, **plain, **signed)
    for name, level in backgrounds(tmp_path).items():
        assert level == pytest.approx(drawn_files.LIQUID, abs=2), name
    source = detect_source(tmp_path)
    assert {question.key for question in source.questions} == {"brightness:integer", "brightness:integer with a sign"}
    settled = brightness.settled_choices(source, {"brightness:integer": "16 bits"})
    assert backgrounds(tmp_path, settled)["signed0.tif"] == pytest.approx(drawn_files.LIQUID, abs=2)
    share = (2**bits - 1) / (2**16 - 1)
    assert backgrounds(tmp_path, settled)["plain0.tif"] == pytest.approx(drawn_files.LIQUID * share, abs=2)


def test_values_with_a_sign_that_are_none_of_them_negative_share_the_scale_of_others(tmp_path):
    write(tmp_path, a=dim_crop(1100), b=dim_crop(900, seed=1).astype(np.int16))
    assert brightness_question(tmp_path).key == "brightness:integer"
    found = backgrounds(tmp_path)
    assert abs(found["a.tif"] - found["b.tif"]) <= 1
    chosen = backgrounds(tmp_path, {"brightness:integer": "10 bits"})
    assert chosen["a.tif"] == pytest.approx(196, abs=1)
    assert abs(chosen["a.tif"] - chosen["b.tif"]) <= 1


def test_a_choice_for_files_with_a_sign_alone_keeps_its_key(tmp_path):
    write(tmp_path, **{f"s{seed}": (counts(seed).astype(int) - 2**15).astype(np.int16) for seed in range(2)})
    assert brightness_question(tmp_path).key == "brightness:integer"
    for choices in (None, {"brightness:integer": "-32768 to 32767"}):
        assert backgrounds(tmp_path, choices)["s0.tif"] == pytest.approx(drawn_files.LIQUID, abs=2)
