"""The colours of both themes can be told apart: contrast ratios by WCAG 2.2."""

import re
import tomllib

import pytest

from svp_core.workspace.paths import repo_root

THEMES = tomllib.loads((repo_root() / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
BUTTONS = (repo_root() / "pages" / "ui" / "shared" / "primary_buttons.css").read_text("utf-8")
TEXT = 4.5  # least contrast of letters


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


@pytest.mark.parametrize(("theme", "position"), [("light", 0), ("dark", 1)])
def test_primary_colour_can_be_read_and_written_on(theme, position):
    colours = THEMES[theme]
    letters = re.search(r"color: light-dark\((#\w{6}), (#\w{6})\)", BUTTONS).groups()[position]
    assert contrast(colours["primaryColor"], letters) >= TEXT
    assert contrast(colours["primaryColor"], colours["backgroundColor"]) >= TEXT  # of a chosen tab
