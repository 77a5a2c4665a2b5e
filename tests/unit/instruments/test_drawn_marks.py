"""Scale bars, text, frames and corner marks drawn into images are left out; particles are never taken for them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from svp_core.classification.first_look import look_at_first
from svp_core.classification.measure import measure_records
from svp_core.images import to_grey
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images.cleaning import clean_image
from svp_core.instruments.images.drawn_marks import find_marks, remove_marks
from svp_core.instruments.images.strips import cut_strips
from svp_core.morphology import measure
from svp_core.optics import scenes
from tests.helpers.case_files import case_folder
from tests.helpers.records import pixels_of


def crop(*, level=200, size=(80, 100), seed=0, colour=False):
    """A blurred ellipse on noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot((y - size[0] / 2) / 9, (x - size[1] / 2) / 16)
    grey = level - (level - 60) / (1 + np.exp((distance - 1) * 8)) + rng.normal(0, 2, size)
    pixels = np.clip(grey, 0, 252).astype(np.uint8)
    return np.stack([pixels] * 3, -1) if colour else pixels


def drawn(pixels, draw):
    image = Image.fromarray(pixels)
    draw(ImageDraw.Draw(image), *image.size)
    return np.array(image)


def bar(ink, *, x=8, width=30, thickness=3):
    return lambda d, w, h: d.rectangle([x, h - 8, x + width - 1, h - 8 + thickness - 1], fill=ink)


def text(ink, words="100 um", *, size=10, at=(6, 4)):
    return lambda d, w, h: d.text(at, words, fill=ink, font=ImageFont.load_default(size))


def corners(ink):
    def draw(d, w, h):
        d.line([(20, 22), (20, 14), (30, 14)], fill=ink)
        d.line([(w - 20, h - 24), (w - 20, h - 16), (w - 30, h - 16)], fill=ink)

    return draw


def frame(ink):
    return lambda d, w, h: d.rectangle([2, 2, w - 3, h - 3], outline=ink, width=1)


def cross(ink):
    def draw(d, w, h):
        d.line([(8, 12), (18, 12)], fill=ink)
        d.line([(13, 7), (13, 17)], fill=ink)

    return draw


def together(*parts):
    def draw(d, w, h):
        for part in parts:
            part(d, w, h)

    return draw


GREY = {
    "black bar": bar(0),
    "white bar": bar(255),
    "thin bar": bar(0, width=12, thickness=1),
    "long bar": bar(255, width=70, thickness=4),
    "black text": text(0),
    "white text": text(255, "25 µm"),
    "date": text(0, "2024-05-08", size=9),
    "bar and text": together(bar(0), text(0, "50 µm", at=(8, 60))),
    "bar and one digit": together(bar(0), text(0, "5", at=(18, 58))),
    "corners": corners(0),
    "white corners": corners(255),
    "frame": frame(0),
    "cross": cross(0),
}
COLOUR = {
    "red bar": bar((255, 0, 0)),
    "yellow text": text((255, 255, 0)),
    "green frame": frame((0, 255, 0)),
    "cyan corners": corners((0, 255, 255)),
    "black bar": bar((0, 0, 0)),
}


GREY_INKS = {
    "grey bar": (bar, 128, {}),
    "light bar": (bar, 230, {"width": 40}),
    "grey text": (text, 110, {}),
    "light text": (text, 225, {"words": "25 µm", "size": 12}),
    "grey corners": (corners, 120, {}),
    "grey frame": (frame, 70, {}),
    "dark grey bar": (bar, 30, {}),
}


def ecd(pixels):
    return measure(pixels, um_per_px=None)["ecd_px"]


@pytest.mark.parametrize("level", [175, 200])
@pytest.mark.parametrize("marks", GREY)
def test_marks_are_removed_and_the_particle_stays(marks, level):
    plain = crop(level=level)
    marked = drawn(plain, GREY[marks])
    clean, kinds, reason = remove_marks(marked)
    assert kinds
    assert reason == ""
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.02)
    assert find_marks(clean) is None
    assert find_marks(plain) is None


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("marks", GREY_INKS)
def test_marks_in_grey_ink_are_removed(marks, colour):
    plain = crop(level=180, colour=colour)
    if colour:
        plain[..., 0] -= plain[..., 0] % 2  # not all channels are equal
    draw, ink, options = GREY_INKS[marks]
    clean, kinds, reason = remove_marks(drawn(plain, draw((ink,) * 3 if colour else ink, **options)))
    assert kinds
    assert reason == ""
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.02)
    assert find_marks(plain) is None


@pytest.mark.parametrize("ink", [60, 110, 128])
@pytest.mark.parametrize("size", [9, 10])
@pytest.mark.parametrize("words", ["2024-05-08", "08.05.2024 14:31", "12:31:07", "run 17 B"])
def test_small_letters_in_grey_that_touch_are_removed(words, size, ink):
    plain = crop(level=180, size=(90, 120))
    clean, kinds, reason = remove_marks(drawn(plain, text(ink, words, size=size)))
    assert "text" in kinds
    assert reason == ""
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_thin_sharp_fibre_with_beads_is_no_text(seed):
    """Drawn without any blur, as no optics would: it bends, and beads of one size sit on it."""
    rng = np.random.default_rng(seed)
    plain = np.clip(rng.normal(180, 2, (90, 120)), 0, 252).astype(np.uint8)
    x = np.arange(10, 110)
    y = np.round(45 + rng.uniform(1, 8) * np.sin(x / rng.uniform(4, 20))).astype(int)
    plain[y, x] = rng.uniform(80, 130, len(x)).astype(np.uint8)
    for bead in range(5, 95, int(rng.integers(8, 20))):
        plain[y[bead] - 1 : y[bead] + 2, x[bead] - 1 : x[bead] + 2] = 90
    assert find_marks(plain) is None


@pytest.mark.parametrize("marks", COLOUR)
def test_coloured_marks_are_removed(marks):
    plain = crop(colour=True)
    marked = drawn(plain, COLOUR[marks])
    clean, kinds, reason = remove_marks(marked)
    assert kinds
    assert reason == ""
    assert clean.ndim == 3
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.02)


@pytest.mark.parametrize("quality", [75, 90])
@pytest.mark.parametrize("marks", ["black bar", "bar and text", "frame"])
def test_marks_in_a_jpeg_are_removed(marks, quality):
    plain = crop(level=235)
    buffer = io.BytesIO()
    Image.fromarray(drawn(plain, GREY[marks])).save(buffer, "JPEG", quality=quality)
    clean, kinds, _ = remove_marks(np.array(Image.open(buffer)))
    assert kinds
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.04)


@pytest.mark.parametrize("below", [True, False])
def test_strip_of_marks_is_cut_off(below):
    plain = crop(level=255)
    strip = drawn(np.full((32, 100), 255, np.uint8), together(bar(0), text(0, "20 um", at=(8, 4))))
    clean, _, _ = remove_marks(np.vstack([plain, strip] if below else [strip, plain]))
    assert 80 <= len(clean) <= 90
    assert ecd(clean) == pytest.approx(ecd(plain), rel=0.01)


def test_bar_across_the_particle_rejects_the_image(tmp_path):
    across = drawn(crop(), lambda d, w, h: d.rectangle([10, 40, w - 10, 42], fill=0))
    _, kinds, reason = remove_marks(across)
    assert "across the particle" in reason or not kinds
    Image.fromarray(across).save(tmp_path / "a.png")
    (record,) = read_particles(tmp_path)
    assert record.rejected
    assert "save the images without them" in record.reason


def test_images_of_a_source_are_cleaned_and_the_source_says_so(tmp_path):
    for number in range(3):
        Image.fromarray(crop(seed=number)).save(tmp_path / f"plain{number}.png")
    Image.fromarray(drawn(crop(seed=9), GREY["bar and text"])).save(tmp_path / "marked.png")
    pages = [Image.fromarray(drawn(crop(seed=seed), GREY["black bar"])) for seed in (7, 8)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    records = {r.name: r for r in read_particles(tmp_path)}
    assert not any(r.rejected for r in records.values())
    for name, seed in (("marked.png", 9), ("stack.tif#1", 7), ("stack.tif#2", 8), ("plain0.png", 0)):
        assert ecd(pixels_of(records[name])) == pytest.approx(ecd(crop(seed=seed)), rel=0.02)
    assert any("(2 of 5 examined)" in note for note in detect_source(tmp_path).notes)
    rows = {row["image"]: row for row in measure_records(records.values()).rows}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {name for name, row in rows.items() if row["reason"]} == {"marked.png", "stack.tif#1", "stack.tif#2"}
    assert "text" in rows["marked.png"]["reason"]
    assert "text" not in rows["stack.tif#1"]["reason"]
    assert any("In 3 of the first" in caution for caution in look_at_first(tmp_path).cautions)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_further_images_of_an_animation_are_told(tmp_path, kind):
    images = [Image.fromarray(crop(seed=seed)) for seed in range(3)]
    images[0].save(tmp_path / f"a.{kind.casefold()}", kind, save_all=True, append_images=images[1:], lossless=True)
    images[0].save(tmp_path / f"b.{kind.casefold()}", kind, lossless=True)
    one, other = read_particles(tmp_path)
    assert "first of 3 images" in one.caution
    assert other.caution == ""
    assert np.abs(to_grey(pixels_of(one)).astype(int) - to_grey(pixels_of(other))).max() <= 2


def test_single_straight_piece_is_the_particle():
    for level, ink in ((255, 0), (175, 0), (100, 255)):
        pixels = np.full((40, 60), level, np.uint8)
        pixels[18:21, 10:50] = ink
        assert find_marks(pixels) is None


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_simulated_particles_hold_no_marks(kind):
    for number in range(12):
        pixels = scenes.simulate(kind, scenes.particle_seed(882, number)).pixels
        assert find_marks(pixels) is None
        assert remove_marks(pixels)[0] is pixels


@pytest.mark.parametrize("source", ["flowcam_run", "flowcam_library", "svp_collage_flowcam_nano.png"])
def test_real_particles_hold_no_marks(real_data, source):
    count = 0
    for record in read_particles(real_data / source):
        if record.pixels is not None:
            assert find_marks(record.pixels) is None, record.name
            count += 1
    assert count > 100


def test_marks_of_the_case_are_removed(real_data):
    folder = case_folder(real_data, "drawn-in-scale-bar")
    marked, plain = (
        pixels_of(next(read_particles(folder / name))) for name in ("vignette.png", "same_without_marks.png")
    )
    sizes = [measure(pixels, um_per_px=None) for pixels in (marked, plain)]
    assert sizes[0] == pytest.approx(sizes[1])
    assert marked.shape == plain.shape


def footer(width, level, marks, *, rows=22):
    strip = np.full((rows, width), level, np.uint8)
    return drawn(strip, marks) if marks else strip


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize(
    "marks", [together(bar(0), text(0, "1 mm", at=(8, 2), size=9)), bar(0, width=70), text(90, "sample 3"), None]
)
def test_strip_of_another_level_beside_the_picture_is_cut_off(marks, side, colour):
    """As instruments write a white footer below a grey picture, on any side of it."""
    plain = crop(level=180)
    whole = np.rot90(np.vstack([plain, footer(100, 255 if side % 2 else 0, marks if side % 2 else None)]), side)
    if colour:
        whole = np.stack([whole, whole, np.minimum(whole, 250)], -1)
    clean = clean_image(np.ascontiguousarray(whole))
    assert clean.pixels is not None
    assert "strip" in clean.caution
    assert ("text" in clean.caution) == bool(marks and side % 2)
    assert clean.pixels.shape[:2] == np.rot90(plain, side).shape
    assert ecd(clean.pixels) == pytest.approx(ecd(plain), rel=0.01)


@pytest.mark.parametrize("kind", ["noise", "liquid of one level", "particle across the image", "masked"])
def test_a_picture_without_strips_stays_as_it_is(kind):
    pixels = crop(level=180)
    if kind == "liquid of one level":
        pixels[pixels > 165] = 180
    elif kind == "particle across the image":
        pixels[:, 40:60] = 60
    elif kind == "masked":
        pixels[pixels > 165] = 255
    assert cut_strips(pixels)[0] is pixels
