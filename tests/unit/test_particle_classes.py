"""Particle classes: unique keys, folder names, and colours with enough contrast on both backgrounds."""

import pytest

from svp_core.particle_classes import (
    _OWN_COLOURS,
    CLASSES,
    FURTHER_CLASSES,
    all_keys,
    class_by_key,
    class_from_folder,
    is_valid_key,
    key_from_name,
    sort_keys,
)


def test_label_order_matches_the_published_classifier():
    assert [c.key for c in CLASSES] == ["protein", "silicone_oil", "air_bubble"]


def test_keys_and_symbols_are_unique():
    classes = (*CLASSES, *FURTHER_CLASSES)
    assert len({c.key for c in classes}) == len({c.symbol for c in classes}) == len(classes) == len(all_keys())


@pytest.mark.parametrize(
    ("folder", "key"),
    [
        ("Silicone oil", "silicone_oil"),
        ("silicone-oil_2", "silicone_oil"),
        ("OIL", "silicone_oil"),
        ("air_bubble", "air_bubble"),
        ("Bubbles", "air_bubble"),
        ("protein aggregates", "protein"),
        ("fibers", "fibre"),
    ],
)
def test_common_folder_names_are_recognised(folder, key):
    particle_class = class_from_folder(folder)
    assert particle_class is not None
    assert particle_class.key == key


@pytest.mark.parametrize("folder", ["", "run 7", "oil in water", "boil", "airport"])
def test_other_folder_names_are_not_classes(folder):
    assert class_from_folder(folder) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Fat droplets", "fat_droplets"),
        ("fat-droplets (lot 7)", "fat_droplets_lot_7"),
        ("Glasflöckchen Ä", "glasflöckchen_ä"),
        ("Oil droplets", "silicone_oil"),
        ("  ", ""),
        ("../x", "x"),
        ("x " * 60, "x_" * 19 + "x"),
    ],
)
def test_key_of_an_own_class_follows_from_its_name(name, key):
    assert key_from_name(name) == key
    assert is_valid_key(key) == (key != "")


def test_own_class_has_a_name_and_a_fixed_appearance():
    own = class_by_key("fat_droplet")
    assert (own.key, own.name, own.aliases) == ("fat_droplet", "Fat droplet", ("fat droplet",))
    assert own == class_by_key("fat_droplet")
    assert own.symbol not in {c.symbol for c in (*CLASSES, *FURTHER_CLASSES)}
    assert len({class_by_key(f"kind_{k}").symbol for k in range(40)}) > 4


@pytest.mark.parametrize("text", ["", "Dust", "a b", "_dust", "a__b", "../dust", "d" * 41, "<b>"])
def test_invalid_key_raises_with_the_valid_ones(text):
    assert not is_valid_key(text)
    with pytest.raises(KeyError, match="use protein"):
        class_by_key(text)


def test_built_in_classes_are_sorted_first():
    assert sort_keys(["zinc", "fibre", "air_bubble", "dust", "protein", "dust"]) == (
        "protein",
        "air_bubble",
        "fibre",
        "dust",
        "zinc",
    )


@pytest.mark.parametrize("background", ["#FFFFFF", "#101416"])
@pytest.mark.parametrize("colour", sorted({c.colour for c in (*CLASSES, *FURTHER_CLASSES)} | set(_OWN_COLOURS)))
def test_colours_have_a_contrast_of_at_least_three_to_one(colour, background):
    light, dark = sorted((_luminance(colour), _luminance(background)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def _luminance(colour):
    # Relative luminance of WCAG 2.
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
