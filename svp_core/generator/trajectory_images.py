"""Images of a denoising trajectory: steps to show, changes between them, strips and animations to save.

Frames are uint8 (S + 1, N, H, W): first axis from pure noise (0) to the finished images (S), then the particles.
"""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Steps at which the paper shows its particles, in per cent of all: 0, 200, 400, 450, 480 and 499 of 500.
PAPER_PERCENT = (0, 40, 80, 90, 96, 100)
# Noise levels between which the predicted clean image changes most; a finished tile hardly changes below 0.25.
NOISE_LEVELS = (20, 8, 4, 2, 1, 0.3)
UNCHANGED = 128  # grey level of a pixel that did not change
GAINS = (16, 8, 4, 2, 1)  # contrast of a change; the largest that fits is used


def steps_at(percent: Iterable[float], last_step: int) -> list[int]:
    """Steps nearest to these percentages (0..100) of last_step: ascending, each once, in 0..last_step."""
    return sorted({int(share * last_step / 100 + 0.5) for share in percent})


def steps_at_noise(sigmas: Sequence[float], levels: Iterable[float] = NOISE_LEVELS) -> list[int]:
    """First step, the steps nearest to these noise levels (by ratio), last step: ascending, each once.

    sigmas: (S + 1,), descending, in the units of the tiles' standard deviation; the last may be 0.
    """
    logs = np.log(np.maximum(np.asarray(sigmas, float), 1e-9))
    nearest = {int(np.abs(logs - np.log(level)).argmin()) for level in levels}
    return sorted({0, *nearest, len(logs) - 1})


def evenly_spaced_steps(last_step: int, *, most: int = 101) -> list[int]:
    """At most `most` of the steps 0..last_step, evenly spaced, including the first and the last.

    Of 500 steps 0, 5, ... 500 are kept, which include the paper's.
    """
    spacing = -(-last_step // (most - 1))
    return sorted({*range(0, last_step, max(1, spacing)), last_step})


def step_changes(frames: NDArray[np.uint8], steps: Sequence[int]) -> tuple[NDArray[np.uint8], list[int]]:
    """Change of each chosen step against the chosen one before: (uint8 (K, N, H, W), K gains).

    Grey 128 is no change, lighter became lighter. Differences are multiplied by the gain, the same for all particles of
    a step: the largest of GAINS at which 999 of 1,000 pixels are not clipped. The first step has none before it and is
    all grey with gain 1.
    """
    changes, gains = np.full((len(steps), *frames.shape[1:]), UNCHANGED, np.uint8), [1] * len(steps)
    for k in range(1, len(steps)):
        difference = frames[steps[k]].astype(np.int16) - frames[steps[k - 1]]
        strongest = np.quantile(np.abs(difference), 0.999)
        gains[k] = next((gain for gain in GAINS if gain * strongest <= 127), 1)
        changes[k] = (UNCHANGED + gains[k] * difference).clip(0, 255)
    return changes, gains


def draw_strip(
    images: NDArray[np.uint8], headings: Sequence[str], *, scale: int = 2, gap_px: int = 4
) -> NDArray[np.uint8]:
    """One uint8 image (H, W): rows are particles, columns are steps under their headings, on white.

    images: (K, N, H, W). headings: K texts, lines separated by a line break.
    """
    font, columns, (rows, height, width) = ImageFont.load_default(13), len(images), images.shape[1:]
    top = 8 + 16 * max(text.count("\n") + 1 for text in headings)
    cell_height, cell_width = height * scale + gap_px, width * scale + gap_px
    strip = Image.new("L", (columns * cell_width + gap_px, top + rows * cell_height), 255)
    draw = ImageDraw.Draw(strip)
    for column, heading in enumerate(headings):
        left = gap_px + column * cell_width
        draw.multiline_text((left + 2, 4), heading, fill=40, font=font, spacing=3)
        for row in range(rows):
            tile = Image.fromarray(images[column, row].repeat(scale, 0).repeat(scale, 1))
            strip.paste(tile, (left, top + row * cell_height))
    return np.asarray(strip)


def draw_animation(
    frames: NDArray[np.uint8],
    headings: Sequence[str],
    labels: Sequence[str],
    *,
    scale: int = 3,
    frame_ms: int = 200,
    hold_ms: int = 2000,
) -> bytes:
    """Animated GIF of all steps, one row per label, with the step's heading and the labels written in it.

    headings: S + 1 texts. labels: N texts, the class of each particle. Holds the last step, then repeats.
    """
    rows = [(label, [k for k, name in enumerate(labels) if name == label]) for label in dict.fromkeys(labels)]
    sheets = [_labelled_sheet(frame, heading, rows, scale) for frame, heading in zip(frames, headings, strict=True)]
    durations = [frame_ms] * (len(sheets) - 1) + [hold_ms]
    buffer = io.BytesIO()
    sheets[0].save(buffer, "GIF", save_all=True, append_images=sheets[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def _labelled_sheet(frame, heading, rows, scale, *, gap_px=6, label_px=150, top_px=44):
    """White image of one step: the heading on top, then each label with its particles."""
    cell = frame.shape[-1] * scale + gap_px
    columns = max(len(members) for _, members in rows)
    sheet = Image.new("L", (label_px + columns * cell + gap_px, top_px + len(rows) * cell + gap_px), 255)
    draw = ImageDraw.Draw(sheet)
    draw.text((gap_px, 8), heading, fill=20, font=ImageFont.load_default(24))
    for row, (label, members) in enumerate(rows):
        top = top_px + row * cell
        draw.text((gap_px, top + cell // 2 - 12), label, fill=20, font=ImageFont.load_default(20))
        for column, member in enumerate(members):
            tile = Image.fromarray(frame[member].repeat(scale, 0).repeat(scale, 1))
            sheet.paste(tile, (label_px + column * cell, top))
    return sheet
