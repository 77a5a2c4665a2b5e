"""Pictures of denoising: which steps to show, what changed between them, strips and animations to keep.

Frames are uint8 (S + 1, N, H, W): first axis from pure noise (0) to the finished images (S), then the particles.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Share of the way at which the paper shows its particles: steps 0, 200, 400, 450, 480 and 499 of 500.
PAPER_PERCENT = (0, 40, 80, 90, 96, 100)
UNCHANGED = 128  # grey level of a pixel that did not change
GAINS = (16, 8, 4, 2, 1)  # a change is drawn as strong as fits


def steps_at(percent, last_step):
    """The steps nearest to these shares of the way (0..100), ascending, each once; list of int in 0..last_step."""
    return sorted({int(share * last_step / 100 + 0.5) for share in percent})


def kept_steps(last_step, *, most=101):
    """At most `most` of the steps 0..last_step, evenly apart, the first and the last among them; list of int.

    500 steps are kept as 0, 5, ... 500, the paper's among them.
    """
    apart = -(-last_step // (most - 1))
    return sorted({*range(0, last_step, max(1, apart)), last_step})


def step_changes(frames, steps):
    """What each chosen step changed against the chosen one before: (uint8 (K, N, H, W), list of K gains).

    Grey 128 is no change, lighter became lighter; differences are drawn gain times as strong, the same for all
    particles of a step: the largest of GAINS at which 999 of 1,000 pixels are not clipped. The first has none before
    it and is all grey, its gain 1.
    """
    pictures, gains = np.full((len(steps), *frames.shape[1:]), UNCHANGED, np.uint8), [1] * len(steps)
    for k in range(1, len(steps)):
        difference = frames[steps[k]].astype(np.int16) - frames[steps[k - 1]]
        strongest = np.quantile(np.abs(difference), 0.999)
        gains[k] = next((gain for gain in GAINS if gain * strongest <= 127), 1)
        pictures[k] = (UNCHANGED + gains[k] * difference).clip(0, 255)
    return pictures, gains


def draw_strip(pictures, headings, *, scale=2, gap_px=4):
    """One uint8 picture: rows are particles, columns are steps under their headings, on white.

    pictures: uint8 (K, N, H, W). headings: K texts, lines parted by a line break.
    """
    font, columns, (rows, height, width) = ImageFont.load_default(13), len(pictures), pictures.shape[1:]
    top = 8 + 16 * max(text.count("\n") + 1 for text in headings)
    cell_height, cell_width = height * scale + gap_px, width * scale + gap_px
    strip = Image.new("L", (columns * cell_width + gap_px, top + rows * cell_height), 255)
    draw = ImageDraw.Draw(strip)
    for column, heading in enumerate(headings):
        left = gap_px + column * cell_width
        draw.multiline_text((left + 2, 4), heading, fill=40, font=font, spacing=3)
        for row in range(rows):
            tile = Image.fromarray(pictures[column, row].repeat(scale, 0).repeat(scale, 1))
            strip.paste(tile, (left, top + row * cell_height))
    return np.asarray(strip)


def draw_animation(frames, *, columns=8, scale=2, frame_ms=120, hold_ms=1500):
    """GIF bytes that play all steps of all particles in rows of `columns`; the last step is held, then it repeats."""
    from svp_core.images import contact_sheet

    sheets = [Image.fromarray(contact_sheet(frame, columns=columns, scale=scale)) for frame in frames]
    durations = [frame_ms] * (len(sheets) - 1) + [hold_ms]
    buffer = io.BytesIO()
    sheets[0].save(buffer, "GIF", save_all=True, append_images=sheets[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()
