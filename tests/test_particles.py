"""The vocabulary: keys are unique, folder names are understood, colours can be told apart from both backgrounds."""

import pytest

from svp_core.particles import CLASSES, FOREIGN, all_keys, class_by_key, class_from_folder


def test_label_order_is_that_of_the_published_classifier():
    assert [c.key for c in CLASSES] == ["protein", "silicone_oil", "air_bubble"]


def test_keys_and_markers_are_unique():
    every = (*CLASSES, *FOREIGN)
    assert len({c.key for c in every}) == len({c.symbol for c in every}) == len(every) == len(all_keys())


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
def test_folder_names_people_use_are_classes(folder, key):
    assert class_from_folder(folder).key == key


@pytest.mark.parametrize("folder", ["", "run 7", "oil in water", "boil", "airport"])
def test_other_folder_names_are_not(folder):
    assert class_from_folder(folder) is None


def test_an_unknown_key_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match="known are protein"):
        class_by_key("dust")


@pytest.mark.parametrize("background", ["#FFFFFF", "#101416"])
@pytest.mark.parametrize("particle_class", (*CLASSES, *FOREIGN), ids=lambda c: c.key)
def test_colours_have_a_contrast_of_three_to_one(particle_class, background):
    light, dark = sorted((_luminance(particle_class.colour), _luminance(background)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def _luminance(colour):
    # Relative luminance of WCAG 2.
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
