"""Outlines that keep the whole particle: translucent bodies with dark parts; plain particles stay as they are."""

import numpy as np
import pytest
from PIL import Image

from svp_core.morphology import measure, outline, segment, stands_out
from svp_core.workspace.paths import repo_root


def body(size=110, radius=30.0, *, contrast=-27, blur=0.8, noise=2.0, seed=0):
    """Signed picture (size, size) of a round translucent body, to be added to the background."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    share = 1 / (1 + np.exp((np.hypot(rows, columns) - radius) / max(blur / 2, 0.05)))
    return contrast * share + np.random.default_rng(seed).normal(0, noise, (size, size))


def with_parts(image, *, count=6, radius=3.0, contrast=-85, spread=18, seed=1):
    """The picture with round dark or bright parts at random places within `spread` of its centre."""
    rng, image = np.random.default_rng(seed), image.copy()
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]] - (image.shape[0] - 1) / 2
    for _ in range(count):
        angle, distance = rng.uniform(0, 2 * np.pi), spread * np.sqrt(rng.uniform())
        away = np.hypot(rows - distance * np.sin(angle), columns - distance * np.cos(angle))
        image += contrast * (away < radius)
    return image


def shown(signed, level=175):
    return (level + signed).clip(0, 255).round().astype(np.uint8)


# Each with dark parts on more than a tenth of the body: the outline at a share of the darkest tenth would lose it.
KINDS = {
    "dark parts": {"count": 12, "radius": 4.5},
    "one large part": {"count": 1, "radius": 11.0, "spread": 8},
    "many small parts": {"count": 60, "radius": 2.0, "spread": 22},
    "parts at one side": {"count": 9, "radius": 5.0, "spread": 10},
    "black parts": {"count": 12, "radius": 4.5, "contrast": -140},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contrast", [-20, -27, -40])
def test_a_translucent_body_keeps_its_size(kind, contrast):
    image = body(contrast=contrast)
    assert measure(shown(with_parts(image, **KINDS[kind])))["ecd_px"] == pytest.approx(60, rel=0.03)
    assert measure(shown(image))["ecd_px"] == pytest.approx(60, rel=0.03)


@pytest.mark.parametrize("blur", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("radius", [15.0, 22.0, 40.0])
def test_a_body_of_any_size_and_sharpness(radius, blur):
    image = with_parts(body(140, radius, blur=blur), count=12, radius=radius / 6, spread=0.6 * radius)
    assert measure(shown(image))["ecd_px"] == pytest.approx(2 * radius, rel=0.06)


def blurred_disc(radius, blur, *, contrast=-100, ring=0.0):
    rows, columns = np.mgrid[:110, :110] - 54.5
    away = np.hypot(rows, columns)
    flank = 1 / (1 + np.exp((away - radius) / blur))
    fringes = ring * np.cos((away - radius) / 2.2) * np.exp(-np.maximum(away - radius, 0) / 9) * (away > radius)
    return contrast * flank + fringes + np.random.default_rng(0).normal(0, 2, away.shape)


@pytest.mark.parametrize("blur", [1.0, 2.5, 5.0])
@pytest.mark.parametrize("ring", [0.0, 10.0, 40.0])
def test_blur_and_fringes_are_no_body(blur, ring, monkeypatch):
    image = shown(blurred_disc(14, blur, ring=ring))
    mask = segment(image)
    monkeypatch.setattr(outline, "_body_beside", lambda *_: None)
    assert np.array_equal(segment(image), mask)


def test_the_sample_particles_have_no_body(monkeypatch):
    """Their fringes, veils and rings are no translucent bodies: their outlines are those that sizes are fitted to."""
    tiles = np.load(repo_root() / "sample_data" / "tiles.npy", mmap_mode="r")
    masks = [segment(tile) for tile in tiles]
    monkeypatch.setattr(outline, "_body_beside", lambda *_: None)
    assert all(np.array_equal(segment(tile), mask) for tile, mask in zip(tiles, masks, strict=True))


def test_a_faint_particle_in_little_noise_is_found():
    image = shown(body(64, 12, contrast=-5, noise=0.6))
    mask = segment(image)
    assert stands_out(image, mask)
    assert measure(image)["ecd_px"] == pytest.approx(24, rel=0.1)


@pytest.mark.parametrize("name", ["body_only", "with_dark_parts"])
def test_case_of_a_lab(name, shared_cases):
    with Image.open(shared_cases / "translucent-with-dark-parts" / f"{name}.png") as file:
        assert measure(np.asarray(file))["ecd_px"] == pytest.approx(60, rel=0.02)
