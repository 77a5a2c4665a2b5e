"""Images that look like channels of one particle in files of their own, told by their names: cell1_C0, cell1_C1."""

import re
from collections.abc import Iterable

from svp_core.instruments.images.page_layout import MAX_CHANNELS

MIN_PARTICLES = 2  # with the same channels, before anything is said
_CHANNEL = re.compile(
    r"(.*[^ _.-])[ _.-]+((?:ch?|w|channel)[ _-]?\d{1,2}|bf|bright[ -]?field|dapi|hoechst|fitc|gfp|[yr]fp|m?cherry|"
    r"tritc|tx(?:as)?[ -]?red|cy[357]|apc|phase|dic|trans(?:mitted)?)(?:\.ome)?",
    re.IGNORECASE,
)


def channels_caution(names: Iterable[str]) -> tuple[str, ...]:
    """One sentence where these image files look like the same channels of several particles, otherwise ()."""
    particles: dict[str, dict[str, str]] = {}
    count = 0
    for name in names:
        count += 1
        match = _CHANNEL.fullmatch(name.rpartition(".")[0])
        if match:
            particles.setdefault(match[1], {}).setdefault(match[2].casefold(), name)
    sets = {frozenset(channels) for channels in particles.values()}
    channels = next(iter(sets), frozenset())
    # Crops that are numbered c1, c2 and so on differ in number from frame to frame.
    if len(sets) != 1 or not 1 < len(channels) <= MAX_CHANNELS or len(particles) < MIN_PARTICLES:
        return ()
    if len(channels) * len(particles) < count / 2:
        return ()
    one, other = list(next(iter(particles.values())).values())[:2]
    return (
        f"{len(channels)} files each seem to be channels of one particle, by their names (such as {one[:60]} and "
        f"{other[:60]}), but every file is read as a particle of its own; choose a folder with one channel only, "
        "that in bright field.",
    )
