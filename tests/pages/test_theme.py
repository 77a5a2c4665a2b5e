"""The colours of both themes can be told apart: contrast ratios by WCAG 2.2."""

import tomllib

import pytest

from svp_core.workspace.paths import repo_root

THEMES = tomllib.loads((repo_root() / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
TEXT, EDGES = 4.5, 3.0  # least contrast of letters, and of lines and marks


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_contrast_of_known_colours():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_white_letters_of_a_primary_button_are_readable(theme):
    colours = THEMES[theme]
    assert contrast(colours["primaryColor"], "#FFFFFF") >= TEXT  # Streamlit writes on it in white, in both themes
    assert contrast(colours["primaryColor"], colours["backgroundColor"]) >= EDGES
