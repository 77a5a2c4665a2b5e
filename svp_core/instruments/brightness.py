"""One brightness scale for all images of a source, from a first look at those that hold more than levels of 8 bits.

The look is bounded: the heads of at most MAX_PEEKED files, and MAX_SURVEY_BYTES of files with deeper images, spread
evenly over the source. It happens when a source is detected and, where no scale was chosen, when its first deeper image
is read; where that is of a kind not seen so far, the heads of all files are read. Images of 8 bits are decoded once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from svp_core.decoding.brightness import (
    BrightnessScale,
    Scale,
    ScaleByPeak,
    decide,
    options,
    parse_scale,
)
from svp_core.decoding.depth_groups import peak_limit, split_by_depth
from svp_core.decoding.files import HEAD_BYTES, may_need_scale, read_raw_pages
from svp_core.decoding.group_range import GroupRange, Place
from svp_core.decoding.raw_image import without_sign
from svp_core.decoding.tiff import is_tiff
from svp_core.errors import LabError
from svp_core.images import IMAGE_SUFFIXES, ImageUnreadable
from svp_core.instruments.metadata import Choices, Question, SourceSummary
from svp_core.instruments.records import SourceFiles

BRIGHTNESS = "brightness"  # key of the question; with several kinds of images, "brightness:KIND"
MAX_PEEKED = 2_000  # files whose head is read when a source is detected
MAX_SURVEYED = 20_000  # files with deeper images
MAX_PEEKED_BYTES = 64 * 1024**2  # of TIFF files, whose tags may stand at their end
MAX_SURVEY_BYTES = 512 * 1024**2
DARK_SHARE = 0.25  # a background below this share of the scale is unusual in bright-field images
_TIFF_SUFFIXES = (".tif", ".tiff")


class SourceBrightness:
    """The scales of a source, decided when they are first asked for."""

    def __init__(self, files: SourceFiles, choices: Choices | None) -> None:
        self._choices = {key.partition(":")[2]: str(option) for key, option in (choices or {}).items() if _is_key(key)}
        self._names = [name for name in files.names if name.casefold().endswith(IMAGE_SUFFIXES)]
        self._read, self._sizes = files.read, files.sizes
        self._scales: dict[str, Scale | None] = {}
        self._surveyed = 0, 0  # files with deeper images that were read, of how many
        self._joined: set[str] = set()  # groups that were found, and have the scale of the same numbers without a sign
        self._runs: dict[str, str] = {}  # file of an instrument's run -> the run

    def restrict(self, names: Collection[str], runs: Mapping[str, Collection[str]]) -> None:
        """Only these files belong to the source. runs: {path of an instrument's run: its files}."""
        chosen = set(names)
        self._names = [name for name in self._names if name in chosen]
        self._runs = {name: run for run, files in runs.items() for name in files}

    def scale_of(self, group: str) -> Scale | None:
        """The scale of a group of images; None for one that the source was not found to hold.

        Raises LabError for a choice that names no scale.
        """
        if group not in self._scales:
            texts, unsigned = self._texts(group), without_sign(group)
            if not texts and group != unsigned:
                return self.scale_of(unsigned)
            scales = {name: _parse(text, group) for name, text in texts.items()}
            limits = sorted((limit, scales[name]) for name in scales if (limit := peak_limit(name)[1]) is not None)
            rest = scales.get(group)
            self._scales[group] = ScaleByPeak(tuple(limits), rest) if limits and rest else rest
        return self._scales[group]

    def _texts(self, group: str) -> dict[str, str]:
        """{name of a part of this group, by depth: its scale}; empty for an unknown group."""
        # A chosen scale needs no look at the images.
        if group in self._choices:
            return {name: text for name, text in self._choices.items() if peak_limit(name)[0] == group}
        if chosen := self._choices.get(""):
            return {group: chosen}
        if without_sign(group) in self._choices:
            return {}
        seen = group in self._ranges or group in self._joined  # in this order: the first look fills both
        ranges = self._ranges if seen else self._all_ranges
        return {name: self._text(values) for name, values in ranges.items() if peak_limit(name)[0] == group}

    def describe(self, summary: SourceSummary) -> SourceSummary:
        """The summary with the scale in its notes and the question by which it is changed."""
        if not self._ranges:
            if self._choices:
                raise LabError(
                    "All images of this source have 8 bits, so its brightness scale cannot be chosen; leave the choice "
                    "out."
                )
            return summary
        questions = [self._question(values) for values in self._ranges.values()]
        notes = [self._note(values) for values in self._ranges.values()]
        cautions = [
            *self._mixed(),
            *(caution for values in self._ranges.values() for caution in self._cautions(values)),
        ]
        return replace(
            summary,
            notes=(*notes, *summary.notes),
            cautions=(*cautions, *summary.cautions),
            questions=(*summary.questions, *questions),
        )

    def _text(self, values: GroupRange) -> str:
        return self._choices.get(values.group) or self._choices.get("") or decide(values).text

    def _question(self, values: GroupRange) -> Question:
        kind = "" if len(self._ranges) == 1 else f" ({self._kind(values.group)})"
        key = f"{BRIGHTNESS}:{values.group}"
        text = f"Which values are black and white in the images of more than 8 bits{kind}?"
        offered = options(values)
        return Question(key, text, tuple(dict.fromkeys((*offered, self._text(values)))), offered[0])

    def _kind(self, group: str) -> str:
        """What tells the images of this group apart from those of the other ones."""
        name, limit = peak_limit(group)
        if limit is not None:
            return f"{name}, brightest value up to {limit:,g}"
        limits = [limit for other in self._ranges if (limit := peak_limit(other)[1]) and peak_limit(other)[0] == name]
        return f"{name}, brightest value above {max(limits):,g}" if limits else name

    def _note(self, values: GroupRange) -> str:
        decision, text = decide(values), self._text(values)
        read, of = self._surveyed
        images = f"{values.images:,} images" if values.images > 1 else "1 image"
        limit = peak_limit(values.group)[1]
        which = "" if limit is None else f" and a brightest value up to {limit:,g}"
        seen = f"{images} of more than 8 bits{which}" + (f" ({read:,} of {of:,} files examined)" if read < of else "")
        if text != decision.text:
            return f"Brightness: {text} is black to white, as chosen, for {seen}."
        advice = "; choose another scale if the camera has one" if decision.guessed else ""
        return f"Brightness: {text} {'assumed' if decision.guessed else 'used'} for {seen}, {decision.reason}{advice}."

    def _mixed(self) -> Iterator[str]:
        """One sentence where images of several depths, which no file states, are mixed."""
        limited = {peak_limit(group)[0] for group in self._ranges if peak_limit(group)[1] is not None}
        for group in limited:
            parts = [values for name, values in self._ranges.items() if peak_limit(name)[0] == group]
            told = " and ".join(f"{values.images:,} at {self._text(values)}" for values in parts)
            yield (
                f"Images of different depths seem to be mixed, by the brightness of their background: {told}. Each "
                "depth is read on its own scale."
            )

    def _cautions(self, values: GroupRange) -> Iterator[str]:
        decision, text = decide(values), self._text(values)
        if decision.guessed and text == decision.text:
            yield f"The files do not state their bit depth: {text} is a guess, {decision.reason}."
        scale = _parse(text, values.group)
        share = (values.background - scale.black) / (scale.white - scale.black)
        if share < DARK_SHARE:
            yield (
                f"At the scale {text} the background is at {100 * max(share, 0):.0f} % of white, which is dark for a "
                "bright field; check the scale."
            )
        if values.undefined:
            count = f"{values.undefined:,} images hold" if values.undefined > 1 else "1 image holds"
            yield f"{count} undefined pixels (NaN or infinite); they are filled with the image's background."

    @cached_property
    def _ranges(self) -> dict[str, GroupRange]:
        """Ranges of the values of the deeper images that the first look finds, by group."""
        ranges, self._surveyed = self._survey(MAX_PEEKED)
        return ranges

    @cached_property
    def _all_ranges(self) -> dict[str, GroupRange]:
        return self._survey(len(self._names))[0] if len(self._names) > MAX_PEEKED else self._ranges

    def _survey(self, peeked: int) -> tuple[dict[str, GroupRange], tuple[int, int]]:
        """(ranges by group, (files that were decoded, files with deeper images)), by the heads of so many files."""
        deep = self._deep_files(peeked)
        chosen = _spread(deep, self._sizes, limit=MAX_SURVEYED, size_limit=MAX_SURVEY_BYTES)
        ranges: dict[str, GroupRange] = {}
        for name in chosen:
            place = Place(name.rpartition("/")[0], name, self._runs.get(name, ""))
            for image in read_raw_pages(self._content(name)):
                ranges.setdefault(image.group, GroupRange(image.group)).add(image, place)
        joined = _without_needless_sign(ranges)
        self._joined = set(ranges) - {values.group for values in joined}
        parts = [part for values in joined for part in split_by_depth(values)]
        return {part.group: part for part in parts}, (len(chosen), len(deep))

    def _deep_files(self, limit: int) -> list[str]:
        """Names of the files that may hold deeper images; where some do, their kin that were not looked at as well."""
        tiffs = [name for name in self._names if name.casefold().endswith(_TIFF_SUFFIXES)]
        others = [name for name in self._names if not name.casefold().endswith(_TIFF_SUFFIXES)]
        peeked = _spread(tiffs, self._sizes, limit=limit, size_limit=MAX_PEEKED_BYTES)
        deep = [name for name in peeked if may_need_scale(self._content(name))]
        if deep and len(peeked) < len(tiffs):
            deep = tiffs
        heads = _spread(others, {}, limit=limit, size_limit=1)
        deep_others = [name for name in heads if self._is_deep_by_head(name)]
        if deep_others and len(heads) < len(others):
            deep_others = [name for name in others if self._is_deep_by_head(name)]
        return deep + deep_others

    def _is_deep_by_head(self, name: str) -> bool:
        head = self._content(name, HEAD_BYTES)
        return may_need_scale(self._content(name) if is_tiff(head) else head)

    def _content(self, name: str, limit: int | None = None) -> bytes:
        try:
            return self._read(name, limit=limit)
        except ImageUnreadable:
            return b""


def _without_needless_sign(ranges: Mapping[str, GroupRange]) -> list[GroupRange]:
    """These ranges, those of numbers with a sign joined to those without, unless both exist and some are negative."""
    joined: dict[str, GroupRange] = {}
    for group, values in sorted(ranges.items()):
        unsigned = without_sign(group)
        name = group if values.low < 0 and unsigned in ranges else unsigned
        into = joined.setdefault(name, GroupRange(name, values.bits))
        into.seen += values.seen
    return list(joined.values())


def with_brightness(files: SourceFiles, choices: Choices | None) -> tuple[SourceFiles, SourceBrightness]:
    """(the files with the scales by which their images are read, these scales)."""
    brightness = SourceBrightness(files, choices)
    return replace(files, scale_of=brightness.scale_of), brightness


def settled_choices(source: SourceSummary, choices: Choices | None) -> dict[str, str]:
    """The choices with the scale in use, whether chosen or decided: with them, a source is read the same again."""
    given = {key: str(option) for key, option in (choices or {}).items()}
    if BRIGHTNESS in given:
        return given
    decided = {question.key: question.default for question in source.questions if is_brightness(question)}
    return {**decided, **given}


def is_brightness(question: Question) -> bool:
    """Whether a question asks for a brightness scale."""
    return _is_key(question.key)


def _is_key(key: str) -> bool:
    return key.partition(":")[0] == BRIGHTNESS


def _spread(names: Sequence[str], sizes: dict[str, int], *, limit: int, size_limit: int) -> list[str]:
    """At most so many names and bytes, evenly spread; the first one always."""
    total = sum(sizes.get(name, 0) for name in names)
    step = max(1, -(-len(names) // limit), -(-total // size_limit))
    return list(names[::step])


def _parse(text: str, group: str) -> BrightnessScale:
    try:
        return parse_scale(text, group)
    except ValueError:
        raise LabError(
            f"{text[:60]!r} is not a brightness scale; give a depth like '12 bits' or two values like '0 to 4095'."
        ) from None
