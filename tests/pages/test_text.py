"""Text that pages show: durations, escaping, shared prefixes of names."""

import pytest

from pages.ui.shared.text import escape_markdown, format_duration, without_common_prefix


@pytest.mark.parametrize(
    ("seconds", "reads"),
    [(0, "1 s"), (8.4, "8 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7800, "2 h 10 min")],
)
def test_duration(seconds, reads):
    assert format_duration(seconds) == reads


def test_plain_shows_exactly_the_text():
    assert escape_markdown("a_b <i>\nx") == "a\\_b \\<i\\> x"


def test_shortened_names_lose_only_what_all_share():
    assert without_common_prefix(["run/run.lst#1", "run/run.lst#12"]) == ["…#1", "…#12"]
    assert without_common_prefix(["a.png", "ab.png"]) == ["a.png", "ab.png"]
    assert without_common_prefix([]) == []
